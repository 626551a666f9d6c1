"""What tests of the Workbench share: a live host, a browser that looks at it, and how to wait for a fact on a page."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.browser import WAIT_S, Page
from tests.e2e.running import ROOT, Running

WIDE = (1280, 800)
PHONE = (390, 844)
NARROWEST = (320, 640)
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Shown:
    """A live host and a browser that looks at it."""

    host: Running
    page: Page
    project: Path

    async def go(self, path: str) -> None:
        """Open a page of the Workbench, as a bookmark in a new tab would."""
        await self.page.open("about:blank")
        await self.page.open(f"{self.host.url}/__polystep/{path}")

    async def trace_of(self, name: str, status: str) -> str:
        """The id of the newest trace that began with a step, once it has a status."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for each in (await self.host.api("traces"))["traces"]:
                    if (each["name"], each["status"]) == (name, status):
                        return str(each["traceId"])


async def violations(page: Page) -> list[str]:
    """Rules of accessibility that what is on screen breaks."""
    await page.evaluate(f"{AXE.read_text()};0")
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations)")
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]


async def assert_only_text(page: Page) -> None:
    """Hold that nothing on the page was made by the markup of a name, a log line or a payload."""
    made = "img, iframe, object, embed, form, base, meta[http-equiv], body style, body script:not([type=module])"
    assert await page.evaluate(f"document.querySelectorAll({json.dumps(made)}).length") == 0
    assert await page.evaluate("window.__hostile") is None
    assert "polystep" in await page.evaluate("document.title")
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def fill(page: Page, label: str, text: str) -> None:
    """Put a text into a field, as typing does."""
    await page.until(
        f"window.__field = [...document.querySelectorAll('input, textarea')].find((each) => "
        f"(each.ariaLabel ?? each.labels[0]?.innerText.trim()) === {json.dumps(label)})"
    )
    await page.evaluate(f"""(() => {{
      const field = window.__field
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set.call(field, {json.dumps(text)})
      field.dispatchEvent(new Event('input', {{ bubbles: true }}))
      delete window.__field
    }})()""")


async def choose(shown: Shown, label: str, value: str) -> None:
    """Choose a value of the list whose label begins so."""
    await shown.page.until(
        f"(window.__select = [...document.querySelectorAll('select')].find((each) => "
        f"each.labels[0]?.innerText.startsWith({json.dumps(label)})))"
    )
    await shown.page.evaluate(f"""(() => {{
      const select = window.__select
      Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(select, {json.dumps(value)})
      select.dispatchEvent(new Event('change', {{ bubbles: true }}))
      delete window.__select
    }})()""")
