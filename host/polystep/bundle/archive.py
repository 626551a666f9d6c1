"""Archive of a bundle: a tar whose bytes depend on its files alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from polystep.bundle.tree import TreeFile
from polystep.contracts.errors import LoadFailed

_TIME_S: Final = 0
"""Time of every file: a bundle says nothing of when it was made."""
_PLAIN: Final = 0o644
_PROGRAM: Final = 0o755


def pack(files: Mapping[str, TreeFile]) -> bytes:
    """Return a tar with files by path: sorted, of no user and no time, with two modes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(file.content)
            entry.mtime = _TIME_S
            entry.mode = _PROGRAM if file.executable else _PLAIN
            archive.addfile(entry, io.BytesIO(file.content))
    return packed.getvalue()


def digest(tar: bytes) -> str:
    """Return the name of a bundle by its content: that of the tar, however it is compressed."""
    return f"sha256:{hashlib.sha256(tar).hexdigest()}"


def write_archive(tar: bytes, out: Path) -> int:
    """Write a tar whole or not at all, compressed unless the name ends in `.tar`; returns the bytes on the disk.

    Raises:
        LoadFailed: It cannot be written.
    """
    content = tar if out.suffix == ".tar" else gzip.compress(tar, compresslevel=9, mtime=_TIME_S)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            fresh.chmod(_PLAIN)
            fresh.replace(out)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LoadFailed(f"{out} cannot be written: {error.strerror or error}.") from error
    return len(content)
