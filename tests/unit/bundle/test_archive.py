"""Bytes of a bundle."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from polystep.bundle import TreeFile, digest, pack, write_archive
from polystep.contracts.errors import LoadFailed

FILES = {"b/run.sh": TreeFile(b"#!", executable=True), "a": TreeFile(b"text"), "ä" * 120: TreeFile(b"")}


def test_one_content_has_one_digest_in_any_order(tmp_path: Path) -> None:
    tar = pack(FILES)
    assert pack(dict(reversed(FILES.items()))) == tar
    assert digest(tar).startswith("sha256:")
    assert digest(pack({**FILES, "a": TreeFile(b"texT")})) != digest(tar)
    assert digest(pack({**FILES, "a": TreeFile(b"text", executable=True)})) != digest(tar)


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.bundle"])
def test_the_archive_says_nothing_of_when_and_by_whom_it_was_made(tmp_path: Path, name: str) -> None:
    out = tmp_path / "deep" / name
    assert write_archive(pack(FILES), out) == out.stat().st_size
    with tarfile.open(out) as archive:
        entries = archive.getmembers()
        assert {(each.mtime, each.uid, each.gid, each.uname, each.gname) for each in entries} == {(0, 0, 0, "", "")}
        assert [(each.name, each.mode) for each in entries] == [
            ("a", 0o644),
            ("b/run.sh", 0o755),
            ("ä" * 120, 0o644),
        ]
    before = out.read_bytes()
    os.utime(out, (1, 1))
    write_archive(pack(FILES), out)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_a_place_that_cannot_be_written_is_named_and_left_clean(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadFailed, match=r"x\.tar cannot be written"):
        write_archive(b"", tmp_path / "file" / "x.tar")
    (tmp_path / "x.tar").mkdir()
    with pytest.raises(LoadFailed, match="cannot be written"):
        write_archive(b"", tmp_path / "x.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "x.tar"]
