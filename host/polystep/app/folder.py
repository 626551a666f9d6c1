"""The project's `.polystep/` folder: one host at a time, the per-start token, and where the running host is found."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from polystep.contracts.errors import LoadFailed


@dataclass(frozen=True, slots=True)
class RunningHost:
    """How to reach the host that runs a project."""

    url: str
    pid: int
    token: str


class ProjectFolder:
    """Everything that polystep keeps of a project."""

    def __init__(self, project: Path) -> None:
        self.path = project / ".polystep"
        self._lock: IO[bytes] | None = None

    @property
    def database(self) -> Path:
        """Deliveries, state, streams."""
        return self.path / "polystep.db"

    @property
    def traces(self) -> Path:
        """Traces and logs."""
        return self.path / "traces.db"

    @property
    def uploads(self) -> Path:
        """Files of uploads whose handlers are at work."""
        return self.path / "uploads"

    def take(self) -> None:
        """Make the folder and keep other hosts out.

        Raises:
            LoadFailed: A host runs this project already, or the folder cannot be written.
        """
        try:
            self.path.mkdir(exist_ok=True)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            self._lock = (self.path / "lock").open("ab")
        except OSError as error:
            raise LoadFailed(f"{self.path} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            running = self.running()
            where = f" at {running.url} (process {running.pid})" if running else ""
            raise LoadFailed(
                f"polystep already runs this project{where}. Stop it first, or use another copy."
            ) from None
        except OSError as error:
            self._lock.close()
            self._lock = None
            raise LoadFailed(f"{self.path} is on a disk that cannot be locked: {error.strerror}.") from error

    def clear_uploads(self) -> None:
        """Remove what a process that was killed has left behind."""
        shutil.rmtree(self.uploads, ignore_errors=True)

    def new_token(self, chosen: str | None = None) -> str:
        """Write this start's admin token, readable by the user alone; a random one unless one was chosen."""
        token = chosen or secrets.token_urlsafe(32)
        self._write_private("token", token.encode())
        return token

    def announce(self, url: str) -> None:
        """Write where this host is."""
        self._write_private("host.json", orjson.dumps({"url": url, "pid": os.getpid()}))

    def running(self) -> RunningHost | None:
        """The host that runs this project, as it announced itself; `None` when there is none."""
        try:
            known = orjson.loads((self.path / "host.json").read_bytes())
            return RunningHost(str(known["url"]), int(known["pid"]), (self.path / "token").read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def release(self) -> None:
        """Let other hosts in."""
        if self._lock is not None:
            for name in ("host.json", "token"):
                (self.path / name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _write_private(self, name: str, content: bytes) -> None:
        # Written beside and moved: never readable by others, never half written.
        fresh = self.path / f"{name}.next"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        fresh.replace(self.path / name)
