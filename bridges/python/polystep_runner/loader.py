"""From a file to a handler that can be called (PS-6): import names, siblings, and what went wrong, in words."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from polystep_runner.errors import PolystepError, describe
from polystep_runner.schema import exported, fields_of, functions_of


class Function:
    """A handler or middleware, looked at once: `is_async`, and how many arguments it takes."""

    __slots__ = ("call", "is_async", "required", "takes")

    def __init__(self, call: Callable[..., Any], args_max: int) -> None:
        self.call = call
        self.is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
            getattr(call, "__call__", None)  # noqa: B004 - an object with an async __call__ is meant
        )
        try:
            parameters = inspect.signature(call).parameters.values()
        except (TypeError, ValueError):  # some callables written in C have no signature
            self.takes = self.required = args_max
            return
        placed = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        endless = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        self.takes = args_max if endless else min(len(placed), args_max)
        self.required = sum(each.default is each.empty for each in placed)


class LoadedStep:
    """A step file that was imported."""

    __slots__ = ("config", "handler", "middleware", "warnings")

    def __init__(self, module: ModuleType, file: str) -> None:
        if getattr(module, "config", None) is None:
            raise PolystepError("load_failed", f'{file} has no config: add config = {{"type": …, "name": …}}.')
        fields = fields_of(module.config)
        handler = getattr(module, "handler", None)
        self.handler = Function(handler, 2) if callable(handler) else None
        self.middleware = [Function(each, 3) for each in functions_of(fields.get("middleware"))]
        self.warnings: list[str] = []
        self.config = exported(fields, self.warnings)


class Loader:
    """Imports the step files of one project. Each file keeps its module for the life of the process."""

    def __init__(self, root: str) -> None:
        self._root = root = str(Path(root))
        self._siblings: dict[str, dict[str, ModuleType]] = {}
        """By folder: modules that its steps imported by their bare name."""
        sys.path.insert(0, root)
        sys.path_hooks.insert(0, functools.partial(_find_in_project, Path(root)))
        sys.path_importer_cache.clear()

    def load(self, file: str) -> LoadedStep:
        """Import `file`, relative to the project.

        Raises:
            PolystepError: `load_failed` with `data {name, message, stack}`; other files are not affected.
        """
        try:
            return LoadedStep(self._module(file), file)
        except BaseException as error:  # user code may raise anything, SystemExit included
            data = describe(error)
            data["message"] = self._explanation(error, data["message"])
            raise PolystepError("load_failed", data["message"], data=data) from error

    def _module(self, file: str) -> ModuleType:
        path = Path(self._root, file)
        if not path.is_file():
            raise FileNotFoundError(f"{file} does not exist.")
        with self._folder_importable(str(path.parent)):
            package = self._package(path.parent)
            stem = path.name.removesuffix(".py").replace(".", "-")
            name = f"{package.__name__}.{stem}" if package else stem
            known = sys.modules.get(name)
            if known is not None and getattr(known, "__file__", None) == str(path):
                return known
            module = _execute(name, path)
            if package is not None:
                setattr(package, stem, module)
            return module

    def _package(self, folder: Path) -> ModuleType | None:
        """The package that relative imports in `folder` start from; None in the project root."""
        parts = folder.relative_to(self._root).parts
        if not parts:
            return None
        if not any("." in part for part in parts):
            name = ".".join(parts)
            try:
                package = importlib.import_module(name)
                if str(folder) in list(getattr(package, "__path__", ())):
                    return package
            except ModuleNotFoundError as error:
                if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                    raise
        # A dot in the folder's name, or a package elsewhere has this name: give the folder one that nobody has.
        name = "project:" + "/".join(parts).replace(".", "-")
        package = sys.modules.setdefault(name, ModuleType(name))
        package.__path__ = [str(folder)]
        return package

    @contextmanager
    def _folder_importable(self, folder: str) -> Iterator[None]:
        """Let a step `import helper` from its own folder, also when another folder has a `helper` too."""
        if folder == self._root:
            yield
            return
        for other, modules in self._siblings.items():
            if other != folder:
                for name in modules:
                    top = name.partition(".")[0]
                    if sys.modules.get(name) is modules[name] and _exists_in(folder, top):
                        del sys.modules[name]
        own = self._siblings.setdefault(folder, {})
        sys.modules.update(own)
        # Folders stay importable, for imports inside handlers; the one being loaded comes first among them.
        others = [entry for entry in sys.path if entry in self._siblings]
        sys.path[:] = [entry for entry in sys.path if entry not in others]
        sys.path += [folder, *(entry for entry in others if entry != folder)]
        before = set(sys.modules)
        try:
            yield
        finally:
            for name in sys.modules.keys() - before:
                if _home(name.partition(".")[0]) == folder:
                    own[name] = sys.modules[name]

    def _explanation(self, error: BaseException, message: str) -> str:
        if isinstance(error, SyntaxError) and error.filename:
            return f"{self._relative(error.filename)}:{error.lineno}: {error.msg}"
        if isinstance(error, ModuleNotFoundError) and error.name:
            if _exists_in(self._root, error.name.partition(".")[0]):
                return f"No module named {error.name!r}: the project has no such file."
            return f"No module named {error.name!r}: add it to requirements.txt and save"
        if isinstance(error, SystemExit):
            return "The file leaves the process while it is imported; move the call of exit() into the handler."
        return message or type(error).__name__

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")


class _FreshLoader(SourceFileLoader):
    """Compiles from source every time.

    A `.pyc` is matched by size and whole seconds, which two quick saves can share; a reload would run the old code.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _find_in_project(root: Path, path: str) -> FileFinder:
    """A path hook for the project's own folders; packages installed below the root keep their bytecode cache."""
    folder = Path(path or root)
    if not folder.is_dir() or not folder.is_relative_to(root):
        raise ImportError
    if any(part == "site-packages" or part.startswith(".") for part in folder.relative_to(root).parts):
        raise ImportError
    return FileFinder(str(folder), (ExtensionFileLoader, EXTENSION_SUFFIXES), (_FreshLoader, SOURCE_SUFFIXES))


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path, loader=_FreshLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _exists_in(folder: str, name: str) -> bool:
    return Path(folder, f"{name}.py").is_file() or Path(folder, name).is_dir()


def _home(name: str) -> str | None:
    """The folder that a top-level module was found in."""
    module = sys.modules.get(name)
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
    return str(Path(places[0]).parent) if places[0] else None
