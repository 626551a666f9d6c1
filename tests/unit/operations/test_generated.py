"""Reference and TypeScript types that are made of the table of operations, for some operations of it."""

from __future__ import annotations

from polystep.operations import TABLE
from polystep.operations.generated import generated_files
from polystep.operations.reference import reference
from polystep.operations.typescript import operation_types, result_types

DROP = [each for each in TABLE if each.name == "drop"]
LISTED = [each for each in TABLE if each.name in ("logs", "emit")]


def test_an_operation_is_a_section_with_its_route_parameters_and_result() -> None:
    page = reference(DROP)
    section = page[page.index("## drop\n") :].splitlines()
    assert section[2] == "`POST /__polystep/api/queues/{step}/drop/{id}`"
    assert "| `id` | path | integer |  |" in section
    assert section[-1].endswith("`step` string; `dropped` integer; `runId` string.")
    assert page.startswith("# The admin API\n")


def test_parameters_say_where_they_stand_and_whether_they_may_be_left_out() -> None:
    page = reference(LISTED)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert any(row.startswith("| `data?` | body | any value |") for row in rows)
    assert any(row.startswith("| `text?` | query | string or null |") for row in rows)
    assert "`logs` list of `" in page


def test_an_operation_is_a_member_with_what_it_takes_and_gives() -> None:
    module = operation_types(DROP, "./results.ts")
    assert "import type * as results from './results.ts'" in module
    for line in ("effect: 'changes'", "params: { step: string; id: number }", "result: results.Dropped"):
        assert f"    {line}\n" in module
    assert "  drop: 'POST queues/{step}/drop/{id}',\n" in module


def test_a_result_is_a_type_with_its_parts() -> None:
    module = result_types([*DROP, *LISTED])
    assert "export type Dropped = { step: string; dropped: number; runId: string }\n" in module
    assert "export type Emitted = {\n" in module and "[]\n" in module


def test_every_operation_is_in_each_file_once() -> None:
    for name, text in generated_files().items():
        for operation in TABLE:
            mark = {"docs/admin-api.md": f"\n## {operation.name}\n", "operations.ts": f"\n  {operation.name}: {{\n"}
            for ending, line in mark.items():
                if name.endswith(ending):
                    assert text.count(line) == 1, operation.name
