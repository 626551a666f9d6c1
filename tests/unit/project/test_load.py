"""Files that wait to be loaded may decide about streams: WebSockets wait for them, and are never opened too early."""

from __future__ import annotations

from polystep.contracts.steps import FileKind, LoadedFile, LoadFailure, SourceFile
from polystep.project.load import LOADING, assemble
from polystep.runners import Staged

NOW_MS = 1_700_000_000_000

RULE = SourceFile("motia.config.ts", "access", "typescript", "node")


def waiting(path: str, kind: FileKind) -> LoadFailure:
    return LoadFailure(SourceFile(path, kind, "typescript", "node"), LOADING)


def test_sockets_wait_for_a_rule_and_for_streams_without_an_error() -> None:
    for kind in ("access", "stream"):
        flow, _ = assemble([], None, NOW_MS, pending=[waiting("x.ts", kind)])
        assert (flow.access_closed, flow.findings, flow.failures) == (LOADING, (), ())


def test_sockets_do_not_wait_for_steps() -> None:
    flow, _ = assemble([], None, NOW_MS, pending=[waiting("a.step.ts", "step")])
    assert flow.access_closed == ""


def test_a_rule_that_is_broken_stays_closed_while_others_wait() -> None:
    broken = Staged(failures=[LoadFailure(RULE, "Syntax error")])
    for pending in ((), (waiting("x.stream.ts", "stream"),), (waiting("x.access.ts", "access"),)):
        flow, _ = assemble([broken], None, NOW_MS, pending=pending)
        assert "motia.config.ts" in flow.access_closed
        assert [each.file for each in flow.findings if each.kind == "access"] == ["motia.config.ts"]


def test_a_rule_with_a_schema_that_is_not_valid_stays_closed_while_others_wait() -> None:
    loaded = Staged([LoadedFile(RULE, {"motia": {}, "contextSchema": {"type": "person"}}, True)])
    for pending in ((), (waiting("a.step.ts", "step"),), (waiting("x.stream.ts", "stream"),)):
        flow, _ = assemble([loaded], None, NOW_MS, pending=pending)
        assert flow.access is None
        assert "motia.config.ts" in flow.access_closed
