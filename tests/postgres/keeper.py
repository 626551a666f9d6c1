"""Keeper of a server for tests: starts it, and ends it when nobody uses it any more.

`python -m tests.postgres.keeper FOLDER BINARIES` says `ready` when the server takes connections.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.postgres.server import ADDRESS, USER, USERS

SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    # What is tested is what a server does, not its disk.
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "log_min_messages": "log",
}


def main(folder: Path, binaries: Path) -> None:
    """Run a server until every worker has gone."""
    # Short, since the name of a socket is, and open to the user that the server runs as.
    data = Path(tempfile.mkdtemp(prefix="polystep-pg-", dir="/tmp"))
    try:
        who = _server_user()
        if who:
            shutil.chown(data, who["user"], who["group"])
        _run(
            who,
            binaries / "initdb",
            "-D",
            data / "db",
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        (data / "db" / "postgresql.auto.conf").write_text(
            "".join(f"{name} = '{SETTINGS[name]}'\n" for name in SETTINGS)
        )
        control = (binaries / "pg_ctl", "-D", data / "db", "-w", "-t", "60")
        _run(who, *control, "-l", data / "log", "-o", f"-k {data} -p 5432", "start")
        try:
            (folder / ADDRESS).write_text(str(data))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(users, fcntl.LOCK_EX)
            (folder / ADDRESS).unlink(missing_ok=True)
        finally:
            _run(who, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run(who: dict[str, Any], *command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, cwd="/", **who)


def _server_user() -> dict[str, Any]:
    """Name the user for a server: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
