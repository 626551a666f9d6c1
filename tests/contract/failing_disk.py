"""A disk that fails when a test says so, under the real SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import apsw

NAME: Final = "polystep-failing-disk"
BASE: Final = "unix"


class FailingDisk(apsw.VFS):
    """The system's files; `fails` is asked before each write and each sync of one."""

    def __init__(self) -> None:
        self.fails: Callable[[str], type[apsw.Error] | None] = lambda _: None
        super().__init__(NAME, BASE, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open one file."""
        return _File(self, name, flags)

    def check(self, operation: str) -> None:
        """Fail when it is time to."""
        error = self.fails(operation)
        if error is not None:
            raise error(f"The disk failed at {operation}, as the test asked.")


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        # The log alone: SQLite bears it when what is committed can't be moved on to the database, and apsw raises the
        # error of a file in Python nevertheless.
        self._is_log = str(path).endswith("-wal")
        super().__init__(BASE, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._is_log:
            self._disk.check("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._is_log:
            self._disk.check("sync")
        super().xSync(flags)

    def xLock(self, level: int) -> None:
        try:
            super().xLock(level)
        except apsw.IOError as error:
            # A reader that is closed last asks for a lock that it cannot have. SQLite bears that too.
            raise apsw.BusyError from error


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """Databases that are opened meanwhile are on it."""
    before = apsw.vfs_names()[0]
    disk = FailingDisk()
    try:
        yield disk
    finally:
        disk.unregister()
        assert apsw.vfs_names()[0] == before
