"""The benchmark works on real processes. No figure is judged here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.running import ROOT
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


def test_a_quick_run_measures_requests_events_and_tickets() -> None:
    need("install wrk (Debian, Ubuntu: apt-get install wrk)", "sh", "-c", "command -v wrk")
    command = [sys.executable, "-m", "tests.bench", "--quick", "--no-peer", "--json", "-", "--only"]
    done = subprocess.run(
        [*command, "http", "tickets", "idle"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["failures"] == {}
    rows = {(row["measure"], row["case"]): row for row in said["rows"]}
    assert set(rows) == {
        ("http", "ts, 32 clients"),
        ("http", "py, 32 clients"),
        ("tickets", "polystep, every write synced"),
        ("idle", "ts"),
        ("idle", "py"),
    }
    for row in rows.values():
        assert 0 < row["p50_ms"] <= row["p99_ms"]
    for row in said["rows"][:3]:
        assert row["per_s"] > 0
        assert row["cpu_us"]["host"] > 0
        assert row["rss_mib"]["host"] > 0
