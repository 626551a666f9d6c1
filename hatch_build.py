"""Puts into the wheel what a copy of folders cannot: Swagger UI, the Workbench, and the Node bridge with its lock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "node_modules/swagger-ui-dist"
FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE")
PLACE = "polystep/http/docs/swagger-ui"
WORKBENCH = "host/workbench/dist"
WORKBENCH_PLACE = "polystep/http/workbench"
BRIDGE = "bridges/node"
BRIDGE_PLACE = "polystep/_bridges/node"
LOCK = "package-lock.json"


class WheelHook(BuildHookInterface[Any]):
    """Adds the files; an editable install finds them where they are."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files."""
        if version == "editable":
            return
        self._add_swagger(build_data)
        self._add_workbench(build_data)
        if self.target_name == "wheel":
            self._add_bridge(build_data)

    def _add_swagger(self, build_data: dict[str, Any]) -> None:
        """Without the Node packages a build goes on: a backend works without its page of documentation."""
        source = Path(self.root, FOLDER)
        missing = [name for name in FILES if not (source / name).is_file()]
        if missing:
            self.app.display_warning(
                f"{source} lacks {', '.join(missing)}: /docs will be empty. Run `make setup` first."
            )
            return
        target = PLACE if self.target_name == "wheel" else FOLDER
        build_data["force_include"] |= {str(source / name): f"{target}/{name}" for name in FILES}

    def _add_workbench(self, build_data: dict[str, Any]) -> None:
        """Add what `make setup` has built; without it a build goes on, as without Swagger UI."""
        source = Path(self.root, WORKBENCH)
        if not (source / "index.html").is_file():
            self.app.display_warning(f"{source} is not built: the Workbench will be missing. Run `make setup` first.")
            return
        target = WORKBENCH_PLACE if self.target_name == "wheel" else WORKBENCH
        files = [path for path in source.rglob("*") if path.is_file() and path.name not in (".built", "manifest.json")]
        build_data["force_include"] |= {
            str(path): f"{target}/{path.relative_to(source).as_posix()}" for path in sorted(files)
        }

    def _add_bridge(self, build_data: dict[str, Any]) -> None:
        """Add the sources without their tests, and the lock that the host installs the bridge's packages from."""
        bridge = Path(self.root, BRIDGE)
        files = [bridge / "package.json", *bridge_sources(bridge / "src")]
        build_data["force_include"] |= {
            str(path): f"{BRIDGE_PLACE}/{path.relative_to(bridge).as_posix()}" for path in files
        }
        lock = Path(self.directory, f"bridge-node-{LOCK}")
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(bridge_lock(Path(self.root)), encoding="utf-8")
        build_data["force_include"][str(lock)] = f"{BRIDGE_PLACE}/{LOCK}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the lock that was only made for the archive."""
        Path(self.directory, f"bridge-node-{LOCK}").unlink(missing_ok=True)


def bridge_sources(folder: Path) -> list[Path]:
    """Every file of the bridge but its tests, sorted."""
    found = [path for path in folder.rglob("*") if path.is_file() and "tests" not in path.relative_to(folder).parts]
    return sorted(path for path in found if ".test." not in path.name)


def bridge_lock(root: Path) -> str:
    """The part of the workspace's lock that the Node bridge needs, as a lock for the bridge alone.

    Raises:
        ValueError: The workspace's lock lacks one of its packages.
    """
    locked = json.loads((root / LOCK).read_text("utf-8"))["packages"]
    package = json.loads((root / BRIDGE / "package.json").read_text("utf-8"))
    kept: dict[str, Any] = {}
    waiting = [(BRIDGE, name, needed) for name, needed in _needs(package).items()]
    while waiting:
        importer, name, is_needed = waiting.pop()
        place = _resolved(locked, importer, name)
        if place is None:
            if is_needed:
                raise ValueError(f"{LOCK} does not have {name}, which {importer} needs. Run `make lock`.")
            continue
        target = place.removeprefix(f"{BRIDGE}/")
        if target not in kept:
            kept[target] = {key: value for key, value in locked[place].items() if key not in ("dev", "devOptional")}
            waiting += [(place, each, needed) for each, needed in _needs(locked[place]).items()]
    own = {key: package[key] for key in ("name", "version", "license", "dependencies", "engines")}
    document = {
        "name": package["name"],
        "version": package["version"],
        "lockfileVersion": 3,
        "requires": True,
        "packages": {"": own, **dict(sorted(kept.items()))},
    }
    return json.dumps(document, indent=2) + "\n"


def _needs(package: Mapping[str, Any]) -> dict[str, bool]:
    """Packages by name, and whether they must be there."""
    optional_peers = {name for name, meta in package.get("peerDependenciesMeta", {}).items() if meta.get("optional")}
    peers = {name: True for name in package.get("peerDependencies", {}) if name not in optional_peers}
    optional = dict.fromkeys(package.get("optionalDependencies", {}), False)
    return {**optional, **peers, **dict.fromkeys(package.get("dependencies", {}), True)}


def _resolved(locked: Mapping[str, Any], importer: str, name: str) -> str | None:
    """Where Node finds a package that is imported from another one: in the nearest node_modules upwards."""
    for folder in (PurePosixPath(importer), *PurePosixPath(importer).parents):
        if folder.name != "node_modules":
            place = (folder / "node_modules" / name).as_posix()
            if place in locked:
                return place
    return None
