"""What a manifest says of a project."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from polystep.bundle import Maker, Package, TreeFile, manifest, named
from polystep.contracts.steps import (
    CronTrigger,
    Emit,
    EventTrigger,
    Flow,
    HttpTrigger,
    SourceFile,
    StepSpec,
    StreamSpec,
)

TS = SourceFile("steps/a.step.ts", "step", "typescript", "node")
PY = SourceFile("steps/b_step.py", "step", "python", "python")
STEPS = [
    StepSpec("Tick", "cron", TS, CronTrigger("0 9 * * *", "Europe/Berlin")),
    StepSpec("Take", "api", TS, HttpTrigger("GET", "/a/:id", response_schema={"200": {}}), emits=(Emit("t"),)),
    StepSpec("Hear", "event", PY, EventTrigger(("t",), {"type": "object"})),
    StepSpec("Note", "noop", TS, None, flows=("f",)),
]
FLOW = Flow({step.name: step for step in STEPS}, {"s": StreamSpec("s", TS, {"type": "string"})})
EXAMPLE = b"# a note\nKEY=secret-value\n# MODEL=x\nexport OTHER=\nKEY=again\n"


def test_a_manifest_has_steps_contracts_packages_names_and_hashes() -> None:
    files = {"b": TreeFile(b"bb"), ".env.example": TreeFile(EXAMPLE), "a": TreeFile(b"a")}
    packages = [Package("npm", "zod", "4.1.2"), Package("pypi", "httpx", "0.28.1")]
    made: Any = manifest("shop", "1.2.3", Maker("0.1.0", "1.0", 8), FLOW, files, packages)
    assert (made["format"], made["name"], made["version"]) == (1, "shop", "1.2.3")
    assert made["polystep"] == {"version": "0.1.0", "protocol": "1.0", "schema": 8}
    assert (made["languages"], made["environment"]) == (["python", "typescript"], ["KEY", "MODEL", "OTHER"])
    assert "secret-value" not in str(made)
    assert [step["name"] for step in made["steps"]] == ["Hear", "Note", "Take", "Tick"]
    hear, note, take, tick = made["steps"]
    assert (hear["subscribes"], hear["input"], hear["language"]) == (["t"], {"type": "object"}, "python")
    assert (note["type"], note["flows"]) == ("noop", ["f"])
    assert (take["method"], take["path"], take["responseSchema"], take["emits"]) == (
        "GET",
        "/a/:id",
        {"200": {}},
        ["t"],
    )
    assert (tick["cron"], tick["timezone"]) == ("0 9 * * *", "Europe/Berlin")
    assert made["streams"] == [{"name": "s", "file": "steps/a.step.ts", "schema": {"type": "string"}}]
    assert made["packages"] == {"npm": {"zod": "4.1.2"}, "pypi": {"httpx": "0.28.1"}}
    assert list(made["files"]) == [".env.example", "a", "b"]
    assert made["files"]["b"] == {"sha256": hashlib.sha256(b"bb").hexdigest(), "bytes": 2}
    assert manifest("shop", "1.2.3", Maker("0.1.0", "1.0", 8), Flow(), {}, [])["environment"] == []


@pytest.mark.parametrize(
    ("package", "pyproject", "name"),
    [
        ('{"name": "shop", "version": "1.0.0"}', '[project]\nname = "other"\nversion = "2"', ("shop", "1.0.0")),
        ('{"name": "", "version": "1.0.0"}', '[project]\nname = "other"\nversion = "2"', ("other", "1.0.0")),
        ("{", "not toml [", ("project", "0.0.0")),
        ("[]", '[project]\nname = "other"', ("other", "0.0.0")),
        (None, None, ("project", "0.0.0")),
    ],
)
def test_the_name_is_that_of_the_files_and_never_the_folders(
    package: str | None, pyproject: str | None, name: tuple[str, str]
) -> None:
    texts = {"package.json": package, "pyproject.toml": pyproject}
    files = {path: TreeFile(text.encode()) for path, text in texts.items() if text is not None}
    assert named(files) == name
