"""Calls of models that are under way, seen in a trace while they last, in a real browser on the tutorial."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser import browse, chromium
from tests.e2e.model import serve_model
from tests.e2e.running import Running, make_tutorial
from tests.e2e.workbench import WIDE, Shown, violations

pytestmark = pytest.mark.e2e

TICKET = {"subject": "Cannot log in", "body": "The login page keeps rejecting my password.", "email": "a@example.com"}


async def test_a_call_that_lasts_is_seen_before_it_ends(tmp_path: Path) -> None:
    chromium()
    project = make_tutorial(tmp_path)
    async with (
        serve_model() as model,
        Running(project, environment=model.environment) as host,
        browse(tmp_path / "profile") as page,
    ):
        model.open.clear()
        await page.open("about:blank")
        await page.shape(*WIDE)
        shown = Shown(host, page, project)
        await host.post("/tickets", TICKET)
        trace = await shown.trace_of("SubmitTicket", "running")
        await shown.go(f"traces/{trace}")
        await page.text("/chat/completions", "0 characters so far", "Under way")
        assert await violations(page) == []
        row = "[...document.querySelectorAll('[data-span]')].find((each) => each.innerText.includes('Under way'))"
        # It lasts on by itself: nothing comes from the host meanwhile.
        before = await page.evaluate(f"window.__length = {row}.lastElementChild.innerText")
        assert before
        await page.until(f"{row}.lastElementChild.innerText !== window.__length")
        await page.evaluate(f"{row}.click()")
        await page.text("It goes on for", "shown when it has ended")
        model.open.set()
        await page.until(f"{row} === undefined")
        await page.text("/chat/completions", "ExtractKeywords")
        assert page.complaints == []
