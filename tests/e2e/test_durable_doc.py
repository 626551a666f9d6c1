"""The example of docs/durable.md does what the page says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from polystep.project import Settings
from tests.e2e.doc_examples import blocks, page, run_block, step_files
from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

DOC = page("durable.md")


async def test_the_example_charges_once_and_prints_what_the_page_says(tmp_path: Path) -> None:
    files = step_files(DOC)
    assert len(files) == 9
    async with Running(make_project(tmp_path, {**files, "polystep.toml": "[durable]\nhold_s = 0\n"})) as host:
        await run_block(host, blocks(DOC, "sh")[0])
        await host.line("reminded")
        await host.line("shipped", "L-o1")
        told = ("charged 12", "the mail server is away", "label printed for o1", "grace is over", "mail sent for o1")
        at = [next(i for i, line in enumerate(host.lines) if text in line) for text in told]
        assert at == sorted(at), "\n".join(host.lines)
        assert len([line for line in host.lines if "charged 12" in line]) == 1
        assert len([line for line in host.lines if "label printed" in line]) == 1
        # Another step is called, and an event is waited for.
        await run_block(host, blocks(DOC, "sh")[1])
        await host.line("delivered", "2.2", "red")
        # A person decides, and another system calls back.
        link = (await host.line("paper is ordered")).partition("webhook ")[2]
        (ask,) = [each for each in (await host.api("asks"))["asks"] if each["kind"] == "ask"]
        assert (ask["title"], ask["data"]["receipt"][:2]) == ("A gift for order o1?", "R-")
        await host.post(f"/__polystep/api/asks/{ask['id']}", {"value": {"ok": True, "note": "blue"}})
        await host.line("a gift is packed", "blue")
        await host.post(link, {"paper": "red"}, 202)
        await host.line("wrapped", "answered", "red")
        assert len([line for line in host.lines if "paper is ordered" in line]) == 1


def test_the_settings_of_the_page_are_the_defaults() -> None:
    shown = tomllib.loads("".join(blocks(DOC, "toml")))
    durable = Settings().durable
    # How long histories are kept without the setting depends on the verb; the page shows that of `dev`.
    kept_h = durable.keep_ms(dev=True) / 3_600_000
    assert shown["durable"] == {**durable.model_dump(), "keep_h": kept_h}
    assert set(shown["asks"]) == set(Settings().asks.model_dump())
