"""The wording of load failures, over what Node 20 and tsx really raise."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.contracts.values import JSONObject
from polystep.runners import node_kind
from polystep.runners.node_failures import explain

PROJECT = Path("/shop")
STEP = "steps/a.step.ts"


def failure(name: str, message: str, stack: str = "") -> JSONObject:
    return {"name": name, "message": message, "stack": stack or f"{name}: {message}"}


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (
            failure("Error", "Cannot find package 'left-pad' imported from /shop/steps/a.step.ts"),
            "Cannot find package 'left-pad' that steps/a.step.ts imports. Run \"npm install left-pad\" in /shop.",
        ),
        (
            failure("Error", "Cannot find module '@acme/kit/sub'\nRequire stack:\n- /shop/lib/prices.ts"),
            "Cannot find package '@acme/kit' that lib/prices.ts imports. Run \"npm install @acme/kit\" in /shop.",
        ),
        (
            failure("Error", "Cannot find package 'lodash/fp'"),
            "Cannot find package 'lodash' that steps/a.step.ts imports. Run \"npm install lodash\" in /shop.",
        ),
        (
            failure(
                "Error",
                "Cannot find module '/shop/steps/lib/nothing' imported from /shop/steps/a.step.ts",
            ),
            "Cannot find the file 'steps/lib/nothing' that steps/a.step.ts imports. Check the path and the spelling.",
        ),
        (
            failure("Error", "Cannot find module './lib/nothing'\nRequire stack:\n- /shop/steps/a.step.ts"),
            "Cannot find the file './lib/nothing' that steps/a.step.ts imports. Check the path and the spelling.",
        ),
        (
            failure(
                "TransformError",
                'Transform failed with 1 error:\n/shop/steps/a.step.ts:2:5: ERROR: Unexpected ","',
            ),
            'Syntax error in steps/a.step.ts:2:6: Unexpected ","',
        ),
        (
            failure(
                "TransformError",
                "Transform failed with 2 errors:\n/shop/lib/b.ts:1:0: ERROR: One\n/shop/lib/b.ts:2:0: ERROR: Two",
            ),
            "Syntax error in lib/b.ts:1:1: One\nlib/b.ts:2:1: Two",
        ),
        (
            failure(
                "SyntaxError",
                "The requested module 'zod' does not provide an export named 'y'",
                "file:///shop/lib/b.mjs:3\nimport { y } from 'zod'\n         ^\nSyntaxError: The requested module…",
            ),
            (
                "lib/b.mjs:3:10 failed to load: SyntaxError: "
                "The requested module 'zod' does not provide an export named 'y'"
            ),
        ),
        (
            failure("RangeError", "at the top", "RangeError: at the top\n    at /shop/steps/a.step.ts:2:7"),
            "steps/a.step.ts:2:7 failed to load: RangeError: at the top",
        ),
        (failure("CardDeclined", ""), "steps/a.step.ts failed to load: CardDeclined"),
        (
            failure("LoadProblem", 'steps/a.step.ts exports no "config". Add: export const config = { type, name, … }'),
            'steps/a.step.ts exports no "config". Add: export const config = { type, name, … }',
        ),
        (
            failure("invalid_value", "config.map cannot be carried: Map (use Object.fromEntries(map))."),
            "config.map cannot be carried: Map (use Object.fromEntries(map)).",
        ),
        (failure("string", "only text", ""), "steps/a.step.ts failed to load: thrown string: only text"),
        (
            failure(
                "ReferenceError",
                "exports is not defined in ES module scope\nThis file is being treated as… rename it to use '.cjs'.",
            ),
            (
                "steps/a.step.ts failed to load: ReferenceError: exports is not defined in ES module scope. "
                'package.json has "type": "module": write export const config and export const handler.'
            ),
        ),
        ({}, "steps/a.step.ts failed to load: its runner does not say why"),
    ],
)
def test_the_text_says_what_to_do(raised: JSONObject, text: str) -> None:
    assert explain(PROJECT, STEP, raised) == text


def test_the_node_runner_explains_its_failures() -> None:
    assert node_kind().explain is explain


def test_a_package_that_package_json_names_only_needs_to_be_installed(tmp_path: Path) -> None:
    missing = failure("Error", f"Cannot find package 'zod' imported from {tmp_path}/{STEP}")
    said = f"Cannot find package 'zod' that {STEP} imports. Run \"npm install{{}}\" in {tmp_path}."
    assert explain(tmp_path, STEP, missing) == said.format(" zod")
    for written, command in (
        ("[1", " zod"),
        ('{"dependencies": {"zod": "^4"}}', ""),
        ('{"devDependencies": []}', " zod"),
    ):
        (tmp_path / "package.json").write_text(written)
        assert explain(tmp_path, STEP, missing) == said.format(command)
