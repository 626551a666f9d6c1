"""Generated types of every schema of the corpus: what fits passes tsc and pyright, what does not fails in both."""

from __future__ import annotations

import json
import re
from pathlib import Path

from polystep.codegen.flow_types import flow_types
from polystep.codegen.python_file import PYTHON_FILE, python_file
from polystep.codegen.typescript_file import TYPESCRIPT_FILE, typescript_file
from tests.unit.codegen.corpus import CASES
from tests.unit.codegen.flows import ROOT, corpus_flow, pyright, tsc


def test_typescript_takes_what_fits_and_refuses_what_does_not(tmp_path: Path) -> None:
    lines = ["import type { Topics } from 'motia'"]
    for at, case in enumerate(CASES):
        for place, value in enumerate((*case.good, *(() if "typescript" in case.loose else case.bad))):
            if place >= len(case.good):
                lines.append(f"// @ts-expect-error {case.name!a}")
            lines.append(f"export const v{at}_{place}: Topics['case.{at}'] = {json.dumps(value)}")
    (tmp_path / "values.ts").write_text("\n".join(lines) + "\n")
    # Everything that the runner stands in for can be imported, from both modules.
    stand_in = (ROOT / "bridges" / "node" / "src" / "adapters" / "motia.ts").read_text()
    names = [name for name in re.findall(r"\w+", stand_in.partition("export const {")[2].partition("}")[0]) if name]
    assert len(names) > 30
    for module in ("motia", "polystep"):
        shown = (
            f"export type {{ {', '.join(names)} }} from '{module}'\nexport {{ config, defineConfig }} from '{module}'\n"
        )
        (tmp_path / f"{module}_names.ts").write_text(shown)
    (tmp_path / TYPESCRIPT_FILE).write_text(typescript_file(flow_types(corpus_flow()), augments=False))
    assert tsc(tmp_path) == ""


def test_python_takes_what_fits_and_refuses_what_does_not(tmp_path: Path) -> None:
    lines, expected = ["import polystep_types as t"], set()
    for at, case in enumerate(CASES):
        for place, value in enumerate((*case.good, *(() if "python" in case.loose else case.bad))):
            lines.append(f"v{at}_{place}: t.Case{at} = {value!r}  # {case.name!a}")
            if place >= len(case.good):
                expected.add(len(lines))
    (tmp_path / "values.py").write_text("\n".join(lines) + "\n")
    (tmp_path / PYTHON_FILE).write_text(python_file(flow_types(corpus_flow())))
    found = pyright(tmp_path)
    assert [each for each in found if each[0] == PYTHON_FILE] == []
    wrong = {line for _, line, _ in found}
    assert [lines[line - 1] for line in sorted(expected - wrong)] == []
    assert [each for each in found if each[1] not in expected] == []
