"""Folder `.polystep/` of a project: one host at a time, the token of its start, and the address of the running host."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from polystep.contracts.errors import LoadFailed
from polystep.contracts.private import narrow, project_home, write_private

_log = logging.getLogger("polystep.folder")


@dataclass(frozen=True, slots=True)
class RunningHost:
    """Address and token of the host that runs a project."""

    url: str
    pid: int
    token: str


class ProjectFolder:
    """Folder that holds everything polystep stores of a project."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self.path = project / ".polystep"
        self._lock: IO[bytes] | None = None
        self._url = ""

    @property
    def uploads(self) -> Path:
        """Folder of uploaded files whose handlers are at work."""
        return self.path / "uploads"

    def take(self) -> None:
        """Make the folder, keep other users from reading it, and keep other hosts out.

        Raises:
            LoadFailed: A host runs this project already, or the folder cannot be written.
        """
        try:
            project_home(self._project)
            self._lock = (self.path / "lock").open("ab")
            self._narrow_files()
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
        """Remove the uploads that a killed process has left behind."""
        shutil.rmtree(self.uploads, ignore_errors=True)

    def new_token(self, chosen: str | None = None) -> str:
        """Write this start's admin token, readable by the user alone; a random one unless one was chosen."""
        token = chosen or secrets.token_urlsafe(32)
        self._write("token", token.encode())
        return token

    def announce(self, url: str) -> None:
        """Write the address of this host."""
        self._url = url
        self._write("host.json", orjson.dumps({"url": url, "pid": os.getpid()}))

    def url(self) -> str:
        """Return the address of this host, once it has been announced."""
        return self._url

    def running(self) -> RunningHost | None:
        """Return the host that runs this project, as it announced itself; `None` when there is none."""
        try:
            known = orjson.loads((self.path / "host.json").read_bytes())
            return RunningHost(str(known["url"]), int(known["pid"]), (self.path / "token").read_text())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_taken(self) -> bool:
        """Report whether a host runs this project, or starts to; `host.json` alone may be of one that was killed."""
        try:
            with (self.path / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        """Let other hosts in."""
        if self._lock is not None:
            for name in ("host.json", "token"):
                # What is no file was not made by a host, and a stop must not fail for it.
                with contextlib.suppress(OSError):
                    (self.path / name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        try:
            write_private(path, content)
        except OSError as error:
            advice = " Remove that folder." if path.is_dir() else ""
            raise LoadFailed(f"{path} cannot be written: {error.strerror}.{advice}") from error

    def _narrow_files(self) -> None:
        """Take the rights of other users away from files that earlier versions, or a wide umask, left readable."""
        own = [path for path in self.path.iterdir() if path.is_file() and not path.is_symlink()]
        wide = [path for path in (self.path, *own) if not narrow(path)]
        if wide:
            names = ", ".join(str(path) for path in wide)
            _log.warning("Other users may read %s: it belongs to another user, so its mode stays as it is.", names)
