"""`polystep config`, and exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.commands import polystep


def test_settings_are_listed_with_their_origins(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text("[http]\ndocs = false\n")
    done = polystep(
        "config", "--project", str(tmp_path), "--set", "durable.hold_s=1", environment={"POLYSTEP_CRON_TIMEZONE": "UTC"}
    )
    assert done.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in done.output.splitlines()}
    assert lines["http.docs"] == ["false", "polystep.toml"]
    assert lines["cron.timezone"] == ['"UTC"', "POLYSTEP_CRON_TIMEZONE"]
    assert lines["durable.hold_s"] == ["1.0", "--set"]
    assert lines["http.body_bytes_max"] == ["1048576", "default"]


def test_as_json(tmp_path: Path) -> None:
    done = polystep("config", "--project", str(tmp_path), "--json")
    found = json.loads(done.output)["settings"]
    assert found[0] == {
        "setting": "http.body_bytes_max", "value": 1048576, "source": "default",
        "variable": "POLYSTEP_HTTP_BODY_BYTES_MAX",
    }  # fmt: skip


def test_the_schema_is_printed_without_a_project(tmp_path: Path) -> None:
    done = polystep("config", "--schema", "--project", str(tmp_path / "missing"))
    assert json.loads(done.output)["title"] == "polystep.toml"


def test_what_is_wrong_is_told_with_status_1(tmp_path: Path) -> None:
    done = polystep("config", "--project", str(tmp_path), environment={"POLYSTEP_HTTP_DOC": "1"})
    assert (done.exit_code, "Did you mean POLYSTEP_HTTP_DOCS?" in done.output) == (1, True)
    refused = polystep("start", "--project", str(tmp_path), "--set", "http.dcos=1")
    assert (refused.exit_code, "Did you mean http.docs?" in refused.output) == (1, True)


def test_wrong_arguments_are_status_2_and_a_missing_host_is_3(tmp_path: Path) -> None:
    assert polystep("config", "--sett", "x").exit_code == 2
    done = polystep("check", "--runs", "--project", str(tmp_path))
    assert (done.exit_code, "No polystep runs" in done.output) == (3, True)
