"""`polystep.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.app import Settings, read_settings
from polystep.contracts.errors import LoadFailed


def refusal(project: Path, text: str) -> str:
    (project / "polystep.toml").write_text(text)
    with pytest.raises(LoadFailed) as refused:
        read_settings(project)
    return refused.value.message


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text(
        """
        [http]
        body_bytes_max = 5
        allowed_hosts = ["a.example"]
        allowed_origins = ["https://b.example"]
        [storage]
        durability = "process"
        [runners.node]
        processes = 2
        [runners.python]
        processes = 3
        requirements = "reqs.txt"
        [cron]
        timezone = "Europe/Berlin"
        """
    )
    assert read_settings(tmp_path).model_dump() == {
        "http": {
            "body_bytes_max": 5,
            "allowed_hosts": ("a.example",),
            "allowed_origins": ("https://b.example",),
        },
        "storage": {"durability": "process"},
        "runners": {"node": {"processes": 2}, "python": {"processes": 3, "requirements": "reqs.txt"}},
        "cron": {"timezone": "Europe/Berlin"},
    }


def test_every_wrong_entry_is_named_by_its_path(tmp_path: Path) -> None:
    message = refusal(
        tmp_path, '[http]\nport = 1\nbody_bytes_max = 0\n[runners.node]\nprocesses = 65\n[storage]\ndurability = "no"'
    )
    assert message == (
        f"{tmp_path}/polystep.toml is not usable:\n"
        "  http.body_bytes_max: Input should be greater than 0\n"
        "  http.port: Extra inputs are not permitted\n"
        "  storage.durability: Input should be 'full' or 'process'\n"
        "  runners.node.processes: Input should be less than or equal to 64"
    )


def test_what_is_no_toml_is_named_with_its_place(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[http") == (
        f"{tmp_path}/polystep.toml: Expected ']' at the end of a table declaration (at end of document)"
    )


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_bytes(b"\xff")
    with pytest.raises(LoadFailed, match=r"polystep\.toml: 'utf-8' codec can't decode"):
        read_settings(tmp_path)
