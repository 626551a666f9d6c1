"""Which files of a project go into its bundle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polystep.bundle import tree as tree_module
from polystep.bundle.tree import TreeFile, read_tree
from polystep.contracts.errors import LoadFailed


def project(folder: Path, *paths: str, **texts: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    for name, text in texts.items():
        (folder / f".{name}").write_text(text)
    return folder


def test_secrets_data_and_what_tools_make_never_go_in(tmp_path: Path) -> None:
    kept = ["steps/a.step.ts", "steps/lib/.env.example", ".env.example", "package.json", "data/a.tar"]
    left_out = [".env", ".env.local", "steps/.env", ".polystep/polystep.db", "node_modules/zod/index.js", ".git/HEAD"]
    left_out += [
        ".venv/bin/python",
        "steps/__pycache__/a.pyc",
        "dist/old.tar.gz",
        "old.tar",
        "old.tar.gz",
        "tls.pem",
        ".npmrc",
        "a/id_rsa",
    ]
    project(tmp_path, *kept, *left_out)
    assert list(read_tree(tmp_path)) == sorted(kept)


def test_the_project_takes_back_what_is_usually_left_out_but_never_a_secret(tmp_path: Path) -> None:
    project(tmp_path, "steps/a.step.ts", "certs/ca.pem", "dist/page.html", ".env", "node_modules/a.js", "big.bin")
    rules = "!certs/ca.pem\n!/dist/\n!.env\n!node_modules\nbig.bin\n"
    project(tmp_path, gitignore="dist/\n", polystepignore=rules)
    assert set(read_tree(tmp_path)) == {
        ".gitignore",
        ".polystepignore",
        "certs/ca.pem",
        "dist/page.html",
        "steps/a.step.ts",
    }


def test_a_file_is_its_content_and_whether_it_is_a_program(tmp_path: Path) -> None:
    project(tmp_path, "run.sh", "out.bundle")
    (tmp_path / "run.sh").chmod(0o700)
    (tmp_path / "link").symlink_to("run.sh")
    assert read_tree(tmp_path, leave_out=tmp_path / "out.bundle") == {
        "link": TreeFile(b"run.sh", executable=True),
        "run.sh": TreeFile(b"run.sh", executable=True),
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "steps", "missing", "loop"])
def test_a_link_that_is_no_file_of_the_project_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("x")
    folder = tmp_path / "project"
    folder.mkdir()
    project(folder, "steps/a.step.ts")
    (folder / "loop").symlink_to(target)
    with pytest.raises(LoadFailed, match=r"loop is a link to .*: a bundle holds files of the project alone"):
        read_tree(folder)


def test_a_link_to_a_secret_or_a_pipe_is_refused(tmp_path: Path) -> None:
    project(tmp_path, ".env")
    (tmp_path / "settings").symlink_to(".env")
    with pytest.raises(LoadFailed, match="which never goes into a bundle"):
        read_tree(tmp_path)
    (tmp_path / "settings").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LoadFailed, match="pipe is no file"):
        read_tree(tmp_path)


def test_what_is_too_much_is_refused_with_the_largest_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, "a", "b")
    (tmp_path / "large.bin").write_bytes(bytes(2000))
    monkeypatch.setattr(tree_module, "BUNDLE_BYTES_MAX", 1000)
    with pytest.raises(LoadFailed, match=r"The largest files:\n +0\.0 MB  large\.bin\n"):
        read_tree(tmp_path)
    monkeypatch.setattr(tree_module, "BUNDLE_FILES_MAX", 2)
    with pytest.raises(LoadFailed, match="has 3 files, and a bundle holds 2"):
        read_tree(tmp_path)


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="gone cannot be read"):
        read_tree(tmp_path / "gone")
