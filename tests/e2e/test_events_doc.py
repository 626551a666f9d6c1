"""The example of docs/events.md does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.doc_examples import blocks, page, run_lines, step_files
from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

DOC = page("events.md")


async def test_the_example_ships_once_and_prints_what_the_page_says(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, step_files(DOC))) as host:
        for printed, said in await run_lines(host, blocks(DOC, "sh")[0], tmp_path):
            assert printed == said
        await host.line("shipping order 1")
        assert len([line for line in host.lines if "shipping order" in line]) == 1
        assert (await host.api("queues"))["queues"] == []
