"""One PostgreSQL server for a whole run of tests, however many workers it has.

The first worker that needs a server starts its keeper; the others find what the keeper has written. Each worker holds a
shared lock on one file for as long as it lives, and the keeper waits for the exclusive one: it gets it when all workers
are gone, however they ended. So no server outlives its tests.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

USER: Final = "polystep"
ADDRESS: Final = "address"
"""File with the folder of the server's socket."""
USERS: Final = "users.lock"
_START: Final = "start.lock"
_ROOT: Final = Path(__file__).resolve().parents[2]


class Server:
    """A server that runs."""

    def __init__(self, socket_folder: str) -> None:
        self.socket = f"{socket_folder}/.s.PGSQL.5432"
        self.url = f"postgresql://{USER}@/postgres?host={quote(socket_folder, safe='')}"


@contextmanager
def shared_server(folder: Path, binaries: Path) -> Iterator[Server]:
    """Give the server of this run of tests, and start it when there is none.

    Args:
        folder: The same one for all workers of the run, and for no other run.
        binaries: Folder of the server's programs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _locked(folder / _START):
            # Not while a keeper ends its server: it holds this lock alone until it is done.
            fcntl.flock(users, fcntl.LOCK_SH)
            address = folder / ADDRESS
            if not address.exists():
                _start_keeper(folder, binaries)
        yield Server(address.read_text())
    finally:
        os.close(users)


def _start_keeper(folder: Path, binaries: Path) -> None:
    log = folder / "keeper.log"
    with log.open("w") as output:
        # A session of its own: a Ctrl-C for the tests must not end the server before they are through.
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres.keeper", str(folder), str(binaries)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            text=True,
        )
    assert keeper.stdout is not None
    said = keeper.stdout.readline()
    keeper.stdout.close()
    # It outlives this process, or ends with the last of the workers: nobody here waits for it.
    keeper.returncode = 0
    if said.strip() != "ready":
        raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
