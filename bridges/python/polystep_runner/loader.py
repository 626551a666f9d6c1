"""Loader of step files (PS-6): imports a file, whatever its path, and makes its config a plain value."""

import importlib
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from polystep_runner.adapters.configs import Config
from polystep_runner.adapters.functions import Function
from polystep_runner.codec import plain
from polystep_runner.errors import PolystepError, failure_of
from polystep_runner.features.access import read


class LoadedStep:
    """Step file that was imported: its config, and the functions of a run, middleware first."""

    def __init__(self, module: Any, file: str) -> None:
        config, handler = getattr(module, "config", None), getattr(module, "handler", None)
        if config is None:
            raise PolystepError("load_failed", f'{file} has no config: add config = {{"type": …, "name": …}}.')
        self.config = Config(config, plain)
        self.has_handler = callable(handler)
        self.functions = [*(Function(each, 3) for each in self.config.middleware), Function(handler, 2)]


class Loader:
    """Loader of one project's step files. Each file keeps its module for the life of the process."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._files: dict[str, Path] = {}
        """By the name of their module: step files. Their own names may be such that Python would not find them."""
        self._siblings: dict[str, dict[str, ModuleType]] = {}
        """By folder with steps: modules that were found in it by their bare name, and gave way to another folder's."""
        sys.path.insert(0, root)
        sys.meta_path.insert(0, self)
        stats_for_cache = SourceFileLoader.path_stats

        def path_stats(loader: SourceFileLoader, path: str) -> Any:
            """Have the project's own compiled: a cached file is matched by whole seconds, two saves can share one."""
            inside = path.removeprefix(root)
            if inside == path or "/site-packages/" in inside or "/." in inside:
                return stats_for_cache(loader, path)
            raise OSError("not to be taken from the cache")

        SourceFileLoader.path_stats = path_stats  # type: ignore[method-assign, assignment]

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Find a step file, as the other finders of `sys.meta_path` find other files."""
        return spec_from_file_location(name, self._files[name]) if name in self._files else None

    def load(self, file: str, kind: str) -> LoadedStep:
        """Import `file`, relative to the project; raises `load_failed` and leaves other files alone."""
        try:
            return LoadedStep(read(self._module(file), file, kind), file)
        except BaseException as error:  # user code may raise anything, SystemExit included (PS-6.3)
            raise failure_of("load_failed", error) from error

    def _module(self, file: str) -> ModuleType:
        path = self._root / file
        name = path.name.removesuffix(".py").replace(".", "-")
        if not path.is_file():
            raise FileNotFoundError(f"{file} does not exist.")
        if path.parent != self._root:
            self._prefer(str(path.parent))
            name = f"{self._package(path.parent)}.{name}"
        if getattr(sys.modules.get(name), "__file__", None) != str(path):
            sys.modules.pop(name, None)
        self._files[name] = path
        return importlib.import_module(name)

    def _package(self, folder: Path) -> str:
        """Name the package that relative imports in `folder` start from."""
        parts = folder.relative_to(self._root).parts
        name = ".".join(parts)
        try:
            if str(folder) in getattr(importlib.import_module(name), "__path__", ()):
                return name
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
        # A dot in the folder's name, or a package elsewhere has this name: give the folder one that nobody has.
        name = "project:" + "/".join(parts).replace(".", "-")
        sys.modules.setdefault(name, ModuleType(name)).__path__ = [str(folder)]
        return name

    def _prefer(self, folder: str) -> None:
        """Let a step `import helper` from its own folder, also when another folder has a `helper` too."""
        known, here = dict(sys.modules), {path.name.removesuffix(".py") for path in Path(folder).iterdir()}
        for name in known:
            top = name.partition(".")[0]
            home = _home(known.get(top)) if top in here else folder
            if home in self._siblings and home != folder:
                self._siblings[home][name] = sys.modules.pop(name)
        sys.modules.update(self._siblings.setdefault(folder, {}))
        # Folders stay importable, for imports inside handlers; the one being loaded comes first among them.
        sys.path[:] = [entry for entry in sys.path if entry not in self._siblings]
        sys.path += sorted(self._siblings, key=folder.__ne__)


def _home(module: ModuleType | None) -> str:
    """Return the folder that a top-level module was found in."""
    places = list(getattr(module, "__path__", None) or [getattr(module, "__file__", None)])
    return str(places[0]).rpartition("/")[0]
