"""The example of docs/traces.md gives the trace that it shows, and its tables name every member."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from polystep.contracts.trace import TraceRecord
from tests.e2e.doc_examples import blocks, page, run_block, step_files
from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

DOC = page("traces.md")
VARIES = re.compile(r"(traceId|\w*[rR]unId|spanId|\w*At|at|time|durationMs|cursor)$")
"""Members that differ from one request to the next."""


def masked(value: Any) -> Any:
    """The same with `…` for what differs from one request to the next."""
    if isinstance(value, dict):
        return {
            key: "…" if VARIES.fullmatch(key) and member is not None else masked(member)
            for key, member in value.items()
        }
    return [masked(member) for member in value] if isinstance(value, list) else value


def members(heading: str) -> set[str]:
    """Members in the first column of the table below a heading."""
    table = DOC.split(f"**{heading}")[1].split("|---|---|\n")[1].split("\n\n")[0]
    return set(re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines())))


async def test_the_example_gives_the_trace_that_it_shows(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, step_files(DOC))) as host:
        await run_block(host, blocks(DOC, "sh")[1])
        await host.line("Packed")
        trace = await ended(host)
        shown = json.loads(blocks(DOC, "json")[0])
        assert masked(trace) == shown, json.dumps(masked(trace), indent=2, ensure_ascii=False)
        run = trace["runs"][0]
        whole = {"Trace.": trace, "Run": run, "Attempt": run["attempts"][0], "Log line.": trace["logs"][0]}
        assert {name: members(f"{name}**" if name[-1] != "." else name) for name in whole} == {
            name: set(found) for name, found in whole.items()
        }
        assert all(operation["durationMs"] > 0 for operation in run["operations"])
        common = set.intersection(*(set(operation) for operation in run["operations"]))
        assert members("Span**") == common | {"error"}


async def ended(host: Running) -> Any:
    """The only trace, once it has ended."""
    async with asyncio.timeout(30):
        while True:
            (summary,) = (await host.api("traces"))["traces"]
            if summary["status"] != "running":
                return await host.api(f"traces/{summary['traceId']}")


def test_every_record_is_named_with_its_members() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", DOC.split("## Records")[1], re.MULTILINE)
    shown = {name: tuple(re.findall(r"`(\w+)`", listed)) for name, listed in rows}
    assert shown == {record.__name__: record._fields for record in get_args(TraceRecord)}
