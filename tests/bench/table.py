"""Rows of results, shown as one table or as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.bench.usage import Usage

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Row:
    """One result. Absent figures have no meaning for what was measured."""

    measure: str
    """Its name, as `--only` takes it."""
    case: str
    per_s: float | None = None
    """Units of work per second."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_us: Mapping[str, float] = field(default_factory=dict)
    """Microseconds on a processor per unit, by role."""
    rss_mib: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    budget: str = ""
    """What is asked at least, from the design."""
    is_met: bool | None = None


def row_of(measure: str, case: str, units: float, usage: Usage, wall_s: float | None = None, **others: object) -> Row:
    """A row with a rate and costs per unit of work, for `units` done during `usage`."""
    cpu_us = {role: spent_s / units * 1e6 for role, spent_s in usage.cpu_s.items() if spent_s > 0}
    row = Row(measure, case, units / (wall_s or usage.wall_s), cpu_us=cpu_us, rss_mib=usage.rss_mib)
    return dataclasses.replace(row, **others)  # type: ignore[arg-type]


def to_json(
    rows: Iterable[Row], machine: Mapping[str, str], remarks: Iterable[str] = (), failures: Mapping[str, str] = _NONE
) -> str:
    """`{machine, rows, remarks, failures}`; figures that have no meaning are left out, `failures` are by measure."""
    plain = [
        {key: value for key, value in dataclasses.asdict(row).items() if value not in (None, "", {})} for row in rows
    ]
    whole = {"machine": dict(machine), "rows": plain, "remarks": list(remarks), "failures": dict(failures)}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def of_clients(count: int) -> str:
    """Their number, for the case of a row."""
    return f"{count:,} client{'' if count == 1 else 's'}"


def in_one_line(row: Row) -> str:
    """What matters of a row, for whoever waits."""
    figures = {"/s": row.per_s, "ms p50": row.p50_ms, "ms p99": row.p99_ms}
    shown = [f"{_figure(value)} {unit}".replace(" /", "/") for unit, value in figures.items() if value is not None]
    return f"  {row.measure}, {row.case}: {', '.join([*shown, *([row.note] if row.note else [])])}"


def show(rows: Iterable[Row], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure", no_wrap=True)
    table.add_column("case")
    for name in ("per s", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    table.add_column("µs on CPU per unit")
    table.add_column("MiB")
    table.add_column("budget")
    table.add_column("note", overflow="fold")
    shown = ""
    for row in rows:
        measure, shown = "" if row.measure == shown else row.measure, row.measure
        mark = {True: "[green]met[/] ", False: "[red]missed[/] ", None: ""}[row.is_met]
        table.add_row(
            measure, escape(row.case), _figure(row.per_s), _figure(row.p50_ms), _figure(row.p99_ms),
            _by_role(row.cpu_us), _by_role(row.rss_mib), mark + escape(row.budget), escape(row.note),
        )  # fmt: skip
    console.print(table)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _by_role(figures: Mapping[str, float]) -> str:
    return " ".join(f"{role} {value:.0f}" for role, value in figures.items())
