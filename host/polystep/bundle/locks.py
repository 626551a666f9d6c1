"""Locked packages of a project: what its lock files name, and whether they fit its lists of packages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polystep.contracts.errors import LoadFailed

NODE_LIST: Final = "package.json"
NODE_LOCK: Final = "package-lock.json"
PYTHON_LOCK: Final = "requirements.lock"
"""Lock of the Python packages: a list with exact versions and hashes, written by `polystep build`."""
_NODE_VERSION_MIN: Final = 2
_MARK: Final = "# Written by polystep build from "
_PIN: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Package:
    """One locked package."""

    ecosystem: str
    """`npm` or `pypi`."""
    name: str
    version: str
    hashes: tuple[tuple[str, str], ...] = ()
    """Algorithm as CycloneDX writes it, and the hash in hexadecimal digits, of each file that may be installed."""
    licence: str = ""
    """SPDX expression, where the lock has it."""


def node_packages(project: Path) -> tuple[Package, ...]:
    """List the npm packages that the steps need, sorted; those for development are none of them.

    Raises:
        LoadFailed: There are packages and no lock that fits, or a file is not usable.
    """
    if not (project / NODE_LIST).is_file():
        return ()
    listed = _json(project / NODE_LIST)
    wanted = {kind: listed.get(kind) or {} for kind in ("dependencies", "optionalDependencies")}
    if not any(wanted.values()):
        return ()
    if not (project / NODE_LOCK).is_file():
        raise LoadFailed(
            f"{NODE_LIST} names packages, and there is no {NODE_LOCK}. Write it: npm install (with another package "
            "manager: npm install --package-lock-only), then build again."
        )
    lock = _json(project / NODE_LOCK)
    packages = lock.get("packages")
    if int(lock.get("lockfileVersion") or 0) < _NODE_VERSION_MIN or not isinstance(packages, dict):
        raise LoadFailed(f"{NODE_LOCK} is from npm 6 or older. Write it again: npm install")
    locked = {kind: packages.get("", {}).get(kind) or {} for kind in wanted}
    if locked != wanted:
        raise LoadFailed(f"{NODE_LOCK} does not fit {NODE_LIST}. Write it again: npm install")
    found = {
        _npm_package(place, entry)
        for place, entry in packages.items()
        if "node_modules/" in place and not (entry.get("dev") or entry.get("link"))
    }
    return tuple(sorted(found, key=lambda package: (package.name, package.version)))


def python_list(project: Path, chosen: str | None) -> tuple[Path, ...]:
    """Find the files that name the Python packages: the list, and uv's lock where it has one.

    Args:
        project: The project's folder.
        chosen: The file that the settings name; `None` is `requirements.txt`, else `pyproject.toml`.
    """
    for name in (chosen,) if chosen else ("requirements.txt", "pyproject.toml"):
        if (project / name).is_file():
            uv_lock = project / "uv.lock"
            return (project / name, uv_lock) if name == "pyproject.toml" and uv_lock.is_file() else (project / name,)
    return ()


def names_packages(source: Sequence[Path]) -> bool:
    """Report whether a list names any package; one of comments alone needs no lock."""
    if not source:
        return False
    if source[0].suffix == ".toml":
        return True
    return any(line.strip() and not line.strip().startswith("#") for line in _text(source[0]).splitlines())


def is_python_lock(source: Sequence[Path]) -> bool:
    """Report whether a list is a lock itself: each of its packages has one version and hashes."""
    text = _text(source[0]).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return bool(lines) and all(_PIN.match(line.strip()) and _HASH.search(line) for line in lines)


def lock_head(source: Sequence[Path]) -> str:
    """Return the first line of a lock that was made from these files as they are."""
    content = hashlib.sha256(b"\0".join(path.read_bytes() for path in source)).hexdigest()
    return f"{_MARK}{source[0].name} ({content[:16]}); commit it."


def fits(lock: Path, source: Sequence[Path]) -> bool:
    """Report whether a lock was made from these files as they are."""
    return lock.is_file() and _text(lock).startswith(lock_head(source) + "\n")


def python_packages(lock: Path) -> tuple[Package, ...]:
    """List the packages of a Python lock, sorted."""
    text = _text(lock).replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if pin := _PIN.match(line.strip()):
            name = re.sub(r"[-_.]+", "-", pin[1]).lower()
            found.append(Package("pypi", name, pin[2], tuple(("SHA-256", each) for each in _HASH.findall(line))))
    return tuple(sorted(found, key=lambda package: (package.name, package.version)))


def _npm_package(place: str, entry: Mapping[str, Any]) -> Package:
    name = str(entry.get("name") or place.rpartition("node_modules/")[2])
    hashes = tuple(_integrity(str(entry.get("integrity") or "")))
    return Package("npm", name, str(entry.get("version") or ""), hashes, str(entry.get("license") or ""))


def _integrity(text: str) -> list[tuple[str, str]]:
    """Read npm's `sha512-BASE64`, of which there may be several."""
    names = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
    found = []
    for each in text.split():
        algorithm, _, value = each.partition("-")
        try:
            found.append((names[algorithm], base64.b64decode(value.partition("?")[0], validate=True).hex()))
        except (KeyError, binascii.Error):
            continue
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LoadFailed(f"{path.name} cannot be read: {error}. Mend it, then build again.") from error
    if not isinstance(value, dict):
        raise LoadFailed(f"{path.name} is no object. Mend it, then build again.")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadFailed(f"{path.name} cannot be read: {error}. Mend it, then build again.") from error
