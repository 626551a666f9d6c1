"""The documents of a running host hold: validators accept them, and schemathesis finds nothing that they do not say."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.e2e.awkward import FILES, LIAR
from tests.e2e.running import COMMAND, ROOT, Running, make_project

pytestmark = pytest.mark.e2e

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "positive_data_acceptance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)

FEW = {"steps/files.step.js": FILES["steps/files.step.js"]}

HOOKS = "reading"
"""A module beside the run: it reads text answers, which would be passed over otherwise."""


async def explore(url: str, folder: Path, examples: int, *choice: str) -> None:
    """Let schemathesis ask what it can think of; what it finds is the failure's text."""
    (folder / f"{HOOKS}.py").write_text(READ_TEXT)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{url}/openapi.json",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={examples}",
        "--seed=1",
        "--phases=examples,coverage,fuzzing",
        "--continue-on-failure",
        "--no-color",
        *choice,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "Schema validation skipped" not in output.decode()


async def test_the_sample_does_what_its_document_says(tmp_path: Path) -> None:
    project = make_project(tmp_path / "sample", sample_files())
    async with Running(project) as host:
        document = await host.get("/openapi.json")
        OpenAPIV31SpecValidator(document).validate()
        assert list(document["paths"]) == ["/tickets", "/tickets/{ticketId}/reply"]
        await explore(host.url, tmp_path, examples=20)


async def test_an_awkward_project_does_what_its_document_says(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path / "awkward", FILES)) as host:
        document = await host.get("/openapi.json")
        OpenAPIV31SpecValidator(document).validate()
        await explore(host.url, tmp_path, 10, f"--exclude-path={LIAR}")
        # What it does not find elsewhere it would have found.
        with pytest.raises(AssertionError, match="Undocumented status code"):
            await explore(host.url, tmp_path, 1, f"--include-path={LIAR}")


async def test_the_command_writes_a_document_and_names_what_is_missing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "some", {**FEW, "package.json": '{"name": "some"}'})
    (project / "steps" / "broken.step.js").write_text("console.log('not for the document')\nthrow new Error('torn')\n")
    status, document, said = await run("asyncapi", project, "--out", str(tmp_path / "asyncapi.json"))
    # Also what a step prints while it loads is kept out of the document's way.
    assert (status, document) == (1, "")
    assert "not for the document" in said
    assert "steps/broken.step.js is not in the document" in said
    assert "torn" in said
    assert json.loads((tmp_path / "asyncapi.json").read_text())["info"]["title"] == "some"


async def run(verb: str, project: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a verb; returns status, output and what it said beside."""
    process = await asyncio.create_subprocess_exec(
        str(COMMAND),
        verb,
        "--project",
        str(project),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, said = await process.communicate()
    return process.returncode or 0, output.decode(), said.decode()


def sample_files() -> dict[str, str]:
    """The sample steps, in a folder of their own."""
    steps = ROOT / "steps"
    found = {f"steps/{path.relative_to(steps)}": path.read_text() for path in steps.rglob("*") if path.is_file()}
    return {**found, "package.json": '{"name": "sample", "type": "module"}\n'}


READ_TEXT = """
import schemathesis

def is_carried(value):
    # No whole number beyond 2^53: the document cannot say it of bodies that may be anything.
    if isinstance(value, dict):
        return all(map(is_carried, value.values()))
    if isinstance(value, list):
        return all(map(is_carried, value))
    return not isinstance(value, float) or not value.is_integer() or not 2**53 <= abs(value) < 1e21


@schemathesis.hook
def filter_body(ctx, body):
    return is_carried(body)


@schemathesis.deserializer("text/plain", "text/html", "text/csv")
def text(ctx, response):
    return response.text
"""
