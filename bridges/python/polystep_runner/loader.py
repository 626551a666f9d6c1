"""From a file to a step that can be run (PS-6): imports it, whatever its path, and makes its config a plain value."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from polystep_runner.adapters.schemas import describe_type
from polystep_runner.codec import plain
from polystep_runner.errors import PolystepError, failure_of, safe_text

_LISTS: Final = (list, tuple)


class Function:
    """A handler or middleware, looked at once: `is_async`, and how many arguments it `takes` and `requires`."""

    def __init__(self, call: Callable[..., Any], args_max: int) -> None:
        self.call = call
        self.is_async = any(map(inspect.iscoroutinefunction, (call, getattr(call, "__call__", None))))  # noqa: B004
        self.takes = self.requires = args_max
        with suppress(TypeError, ValueError):  # some callables written in C have no signature
            parameters = inspect.signature(call).parameters.values()
            placed = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
            self.requires = sum(each.default is each.empty for each in placed)
            if all(each.kind is not each.VAR_POSITIONAL for each in parameters):
                self.takes = min(len(placed), args_max)


class LoadedStep:
    """A step file that was imported."""

    def __init__(self, module: ModuleType, file: str) -> None:
        config, handler = getattr(module, "config", None), getattr(module, "handler", None)
        if config is None:
            raise PolystepError("load_failed", f'{file} has no config: add config = {{"type": …, "name": …}}.')
        if not isinstance(config, Mapping):
            config = {name: value for name, value in vars(config).items() if not name.startswith("_")}
        middleware = config.get("middleware") or ()
        middleware = middleware if isinstance(middleware, _LISTS) else [middleware]
        self.handler = Function(handler, 2) if callable(handler) else None
        self.middleware = [Function(each, 3) for each in middleware]
        self.warnings: list[str] = []
        plain_members = {str(key): self._member(str(key), value) for key, value in config.items()}
        self.config = {key: value for key, value in plain_members.items() if value is not None}

    def _member(self, key: str, value: Any) -> Any:
        """A member of the config as a plain value; None leaves it out (PS-6.2)."""
        where = f"config.{key}"
        if key == "responseSchema" and isinstance(value, Mapping):
            return {str(status): self._schema(schema, f"{where}.{status}") for status, schema in value.items()}
        if key in ("bodySchema", "input", "schema"):
            return self._schema(value, where)
        if value is not None and key in ("middleware", "canAccess"):
            return len(self.middleware) if key == "middleware" else True
        return None if callable(value) else plain(_without_functions(value), where)

    def _schema(self, value: Any, where: str) -> Any:
        """JSON Schema of the input side; None, with a warning, for what has none."""
        if value is None or isinstance(value, bool | Mapping):
            return plain(_without_functions(value), where)
        try:
            return plain(describe_type(value), where)
        except ImportError:
            why = "is a Python type, which takes pydantic: add it to requirements.txt, or use a dict."
        except Exception as error:  # noqa: BLE001 - of pydantic and of user code; one schema must not cost the step
            why = f"was left out, it has no JSON Schema: {safe_text(error)}"
        self.warnings.append(f"{where} {why}")
        return None


class Loader:
    """Imports the step files of one project. Each file keeps its module for the life of the process."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._siblings: dict[str, dict[str, ModuleType]] = {}
        """By folder with steps: modules that were found in it by their bare name."""
        sys.path.insert(0, root)
        from_cache = SourceFileLoader.get_code

        def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
            """Compile what is the project's own: a cached file is matched by whole seconds, two saves can share one."""
            path = Path(loader.get_filename(fullname))
            inside = path.relative_to(root).parts if path.is_relative_to(root) else ("site-packages",)
            if any(part == "site-packages" or part.startswith(".") for part in inside):
                return from_cache(loader, fullname)
            code: CodeType = loader.source_to_code(loader.get_data(str(path)), str(path))
            return code

        SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]

    def load(self, file: str) -> LoadedStep:
        """Import `file`, relative to the project; raises `load_failed`, which other files do not suffer from."""
        try:
            return LoadedStep(self._module(file), file)
        except BaseException as error:  # user code may raise anything, SystemExit included (PS-6.3)
            raise failure_of("load_failed", error) from error

    def _module(self, file: str) -> ModuleType:
        path, package = self._root / file, None
        if not path.is_file():
            raise FileNotFoundError(f"{file} does not exist.")
        if path.parent != self._root:
            self._prefer(str(path.parent))
            package = self._package(path.parent)
        stem = path.name.removesuffix(".py").replace(".", "-")
        name = f"{package.__name__}.{stem}" if package else stem
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(path):
            return known
        loader = SourceFileLoader(name, str(path))
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        try:
            loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        if package is not None:
            setattr(package, stem, module)
        return module

    def _package(self, folder: Path) -> ModuleType:
        """The package that relative imports in `folder` start from."""
        parts = folder.relative_to(self._root).parts
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

    def _prefer(self, folder: str) -> None:
        """Let a step `import helper` from its own folder, also when another folder has a `helper` too."""
        homes = {name: _home(module) for name, module in sys.modules.items() if "." not in name}
        for name, module in list(sys.modules.items()):
            top = name.partition(".")[0]
            home = homes.get(top)
            if home in self._siblings and home != folder:
                self._siblings[home][name] = module
                if Path(folder, f"{top}.py").is_file() or Path(folder, top).is_dir():
                    del sys.modules[name]
        sys.modules.update(self._siblings.setdefault(folder, {}))
        # Folders stay importable, for imports inside handlers; the one being loaded comes first among them.
        sys.path[:] = [entry for entry in sys.path if entry not in self._siblings]
        sys.path += sorted(self._siblings, key=folder.__ne__)


def _home(module: ModuleType) -> str | None:
    """The folder that a top-level module was found in."""
    places = list(getattr(module, "__path__", None) or [getattr(module, "__file__", None)])
    return str(Path(places[0]).parent) if places[0] else None


def _without_functions(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_functions(item) for key, item in value.items() if not callable(item)}
    return [_without_functions(item) for item in value if not callable(item)] if isinstance(value, _LISTS) else value
