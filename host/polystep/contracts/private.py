"""Files and folders of a project that its user alone may read: mode 0600 and 0700, whatever the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> None:
    """Create the folder if it is missing, and take every right of other users away from it.

    Raises:
        OSError: It cannot be created, or is not a folder.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    narrow(path)


def private_file(path: Path) -> None:
    """Create the file if it is missing, and take every right of other users away from it.

    Raises:
        OSError: It cannot be created or opened.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    narrow(path)


def write_private(path: Path, content: bytes) -> None:
    """Replace the file as a whole: it is never readable by others, and never half written.

    Raises:
        OSError: The folder cannot be written.
    """
    fresh = path.with_name(f"{path.name}.next")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def narrow(path: Path) -> bool:
    """Take every right of other users away; `False` where that is not possible, such as in another user's folder."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS)
    except FileNotFoundError:
        return True  # SQLite removes its side files when it likes
    except PermissionError:
        return False
    return True


def project_home(project: Path) -> Path:
    """Create the project's `.polystep/`, which holds all that polystep keeps of it, out of reach of git and of others.

    Raises:
        OSError: It cannot be created, or is not a folder.
    """
    home = project / ".polystep"
    private_folder(home)
    ignore = home / ".gitignore"
    if not ignore.exists():
        write_private(ignore, b"*\n")
    return home
