"""Access rule of the project, from the files that may declare one, and findings about `motia.config.ts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from polystep.contracts.errors import LoadFailed
from polystep.contracts.steps import AccessSpec, Finding, LoadedFile, LoadFailure
from polystep.contracts.values import JSONObject, JSONValue

_EFFECT: Final = "Until this is mended every WebSocket is refused"
_PLUGIN_PREFIX: Final = "@motiadev/"
_INSTEAD: Final = {
    "app": (
        "app(express) is not called: polystep has no Express. Write its routes and webhooks as api steps, its "
        "middleware as `middleware` of the steps, and CORS as `[http] allowed_origins` in polystep.toml."
    ),
    "redis": "redis has no effect: polystep keeps everything in .polystep/ and needs no Redis. Remove the entry.",
}


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Result of reading all access files."""

    spec: AccessSpec | None = None
    closed: str = ""
    """Same as `Flow.access_closed`."""
    failures: tuple[LoadFailure, ...] = ()
    """Failures of files that were loaded and are not usable."""
    findings: tuple[Finding, ...] = ()


def read_access(loaded: Iterable[LoadedFile], failures: Iterable[LoadFailure]) -> AccessRules:
    """Find the one rule of a project. Two rules, or a rule that may exist and is not loaded, close the streams.

    Args:
        loaded: Access files, in any order.
        failures: Failures of files of any kind; only those of access files count.
    """
    files = sorted(loaded, key=lambda file: file.source.path)
    specs: list[AccessSpec] = []
    unusable: list[LoadFailure] = []
    findings: list[Finding] = []
    for file in files:
        findings += _findings(file)
        try:
            specs += _rule(file)
        except LoadFailed as error:
            unusable.append(LoadFailure(file.source, error.message))
    broken = [failure.source.path for failure in (*failures, *unusable) if failure.source.kind == "access"]
    if broken:
        closed = f"{_EFFECT}: {', '.join(broken)} may say who may follow streams, and is not loaded."
        # The failures give the reasons; this finding gives the consequence.
        findings += (Finding("access", "error", path, closed) for path in broken)
        return AccessRules(None, closed, tuple(unusable), tuple(findings))
    if len(specs) > 1:
        paths = " and ".join(spec.source.path for spec in specs)
        closed = f"{_EFFECT}: {paths} both declare authenticate. Keep one of them."
        findings.append(Finding("access", "error", specs[-1].source.path, closed))
        return AccessRules(None, closed, (), tuple(findings))
    return AccessRules(specs[0] if specs else None, "", (), tuple(findings))


def _rule(file: LoadedFile) -> Sequence[AccessSpec]:
    """Return the rule of one file, `None` for a `motia.config` without `streamAuth`.

    Raises:
        LoadFailed: A file whose purpose is a rule has none.
    """
    schema = file.config.get("contextSchema")
    if file.has_handler:
        return [AccessSpec(file.source, schema if isinstance(schema, dict) else None)]
    if "motia" in file.config:
        return []
    raise LoadFailed(
        "The file has no authenticate. Export a function authenticate({headers, url}) that returns who the client is, "
        "returns null for an anonymous one, or throws to refuse it."
    )


def _findings(file: LoadedFile) -> Iterator[Finding]:
    """Report settings of a Motia config that polystep does not have, each with the alternative."""
    motia = file.config.get("motia")
    for message in (*file.warnings, *(_motia(motia) if isinstance(motia, dict) else ())):
        yield Finding("access", "warning", file.source.path, message)


def _motia(config: JSONObject) -> Iterator[str]:
    for name, message in _INSTEAD.items():
        if name in config:
            yield message
    plugins = _texts(config.get("plugins"))
    official = [name for name in plugins if name.startswith(_PLUGIN_PREFIX)]
    own = [name for name in plugins if not name.startswith(_PLUGIN_PREFIX)]
    if official:
        yield (
            f"plugins are not loaded: {', '.join(official)}. They are tabs of Motia's Workbench; polystep shows "
            "traces, logs, state, queues and streams at /__polystep/. Remove the entries and the packages."
        )
    if own:
        yield (
            f"plugins are not loaded: {', '.join(own)}. Write each route that a plugin adds with registerApi as an "
            "api step, and put the plugin's steps into steps/ or src/."
        )
    adapters = _texts(config.get("adapters"))
    if adapters:
        yield (
            f"adapters have no effect: {', '.join(adapters)}. polystep stores events, state, streams and cron in "
            ".polystep/ itself. Remove the entry and the packages."
        )
    for name in _texts(config.get("unknown")):
        yield f"{name} is not known; it has no effect."


def _texts(value: JSONValue) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
