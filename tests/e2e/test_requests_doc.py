"""The example of docs/requests.md does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.doc_examples import blocks, page, run_lines, step_files
from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

DOC = page("requests.md")


async def test_the_example_charges_once_and_prints_what_the_page_says(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, step_files(DOC))) as host:
        for output, said in await run_lines(host, blocks(DOC, "sh")[0], tmp_path):
            assert output.strip() == said
        assert len([line for line in host.lines if "charged 12" in line]) == 1
        for path, printed in (("/refunds", "refunded 5"), ("/cancel", "cancelled")):
            for _ in range(2):
                async with host.http.post(path, json={"amount": 5}, headers={"Idempotency-Key": "k"}) as response:
                    assert response.status < 300
            assert len([line for line in host.lines if printed in line]) == 1
