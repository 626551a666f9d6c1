"""What every kind of runner has: how a failed file is explained, and which files concern it."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from polystep.contracts.values import JSONObject
from polystep.runners import explain_load_failure, ruby_kind
from polystep.runners.kinds import bridge_folder

PROJECT = Path("/home/me/shop")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"name": "Error", "message": "no such table", "stack": ""},
            "steps/a_step.pl failed to load: Error: no such table",
        ),
        (
            {"name": "Error", "message": "no", "stack": "/home/me/shop/lib/x.pl:9\n/home/me/shop/steps/a_step.pl:3"},
            "steps/a_step.pl:3 failed to load: Error: no",
        ),
        (
            {"name": "Bad", "message": "/home/me/shop/steps/a_step.pl:4: no", "stack": "steps/a_step.pl:3"},
            "steps/a_step.pl failed to load: Bad: steps/a_step.pl:4: no",
        ),
        ({"name": "Error", "message": "", "stack": None}, "steps/a_step.pl failed to load: Error"),
        ({"message": " no \n"}, "steps/a_step.pl failed to load: no"),
        ({}, "steps/a_step.pl failed to load: its runner does not say why"),
        ({"name": 3, "message": ["x"]}, "steps/a_step.pl failed to load: 3: ['x']"),
    ],
)
def test_a_file_that_does_not_load_is_named_with_its_line_and_the_reason(data: JSONObject, said: str) -> None:
    assert explain_load_failure(PROJECT, "steps/a_step.pl", data) == said


@pytest.mark.parametrize(("path", "concerned"), [("lib/a.rb", True), ("a.rb", True), ("a.erb", False), ("rb", False)])
def test_files_of_its_extension_concern_a_kind(path: str, concerned: bool) -> None:
    assert ruby_kind().concerns(PurePath(path)) is concerned


def test_every_shipped_bridge_is_there() -> None:
    mains = {"node": "src/main.ts", "python": "launch.py", "ruby": "runner.rb"}
    assert all((bridge_folder(language) / main).is_file() for language, main in mains.items())
