"""Settings of a real start from variables and flags, as docs/configuration.md shows them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.running import ROOT, Running, make_project

pytestmark = pytest.mark.e2e


async def test_the_example_of_the_documentation_is_obeyed_and_told(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = [each for each in re.findall(r"```sh\n(.*?)\n```", text) if "polystep start" in each]
    variable, _, verb, *flags = shlex.split(example)
    name, _, value = variable.partition("=")
    step = "export const config = { type: 'api', name: 'A', method: 'GET', path: '/a', emits: [] }\n"
    step += "export const handler = async () => ({ status: 200, body: {} })\n"
    project = make_project(tmp_path, {"steps/a.step.ts": step, "polystep.toml": "[http]\ndocs = true\n"})
    async with Running(project, *flags, verb=verb, environment={name: value}) as host:
        async with host.http.get("/a") as served, host.http.get("/docs") as hidden:
            assert (served.status, hidden.status) == (200, 404)
        status, said = await host.command("config", *flags)
        assert (status, re.findall(r"durable\.hold_s +(\S+) +(\S+)", said)) == (0, [("0.0", "--set")])
