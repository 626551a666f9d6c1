"""An attack page in a real browser: what a step answers as HTML, against the admin pages of the same server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Attacked:
    """A live host with a secret and a dead letter."""

    host: Running
    port: str

    def at(self, name: str) -> str:
        return f"http://{name}:{self.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    chromium()
    files = {
        "steps/board.step.ts": BOARD,
        "steps/post.step.ts": POST,
        "steps/attack.step.ts": ATTACK,
        "steps/worker.step.ts": WORKER,
        "steps/fail_step.py": FAIL,
    }
    project = make_project(tmp_path_factory.mktemp("attacked"), files)
    async with Running(project) as host:
        await host.post("/board", {"text": "a secret"})
        await dead_letters(host, 1)
        yield Attacked(host, host.url.rpartition(":")[2])


@pytest_asyncio.fixture(loop_scope="module")
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """A browser of its own for each test: the windows that an attack opens hide the others."""
    async with browse(tmp_path / "profile") as page:
        yield page


ADMIN, STEPS = "127.0.0.1", "localhost"


@pytest.mark.parametrize("name", [STEPS, ADMIN])
async def test_a_page_of_a_step_cannot_use_the_admin_surface(attacked: Attacked, page: Page, name: str) -> None:
    letters = (await attacked.host.api("dead-letters"))["deadLetters"]
    await page.open(f"{attacked.at(name)}/attack")
    found: dict[str, Any] = await page.evaluate("window.attack()")
    taken = {what: result for what, result in found.items() if result != "refused"}
    # The page runs, and at its own address it may do what pages do: only the admin surface is closed.
    origin = attacked.at(STEPS)
    expected = {"script": "ran", "origin": origin, "ownRoute": "a secret", "own worker": "registered"}
    assert taken == (expected if name == STEPS else {"script": "ran", "origin": "null"})
    assert (await attacked.host.api("dead-letters"))["deadLetters"] == letters


async def test_the_console_says_where_pages_belong(attacked: Attacked, page: Page) -> None:
    await page.open(f"{attacked.at(ADMIN)}/attack")
    await attacked.host.line("A page of a step was opened at", f"{attacked.at(STEPS)} instead")


@pytest.mark.parametrize("path", ["/", "/__polystep/", "/__polystep/dead-letters"])
async def test_the_workbench_is_found_at_localhost_and_works(attacked: Attacked, page: Page, path: str) -> None:
    await page.open("about:blank")
    await page.open(f"{attacked.at(STEPS)}{path}")
    await page.text("it always fails" if "dead" in path else "Attack", "Live")
    shown = await page.evaluate("location.href")
    assert shown.startswith(f"{attacked.at(ADMIN)}{path if 'dead' in path else '/__polystep/'}")


async def test_a_text_with_markup_is_shown_as_text(attacked: Attacked, page: Page) -> None:
    await attacked.host.post("/board", {"text": "<script>document.title = 'stolen'</script>"})
    await page.open(f"{attacked.at(STEPS)}/board")
    assert await page.evaluate("[document.contentType, document.title]") == ["text/plain", ""]


BOARD = """
export const config = { type: 'api', name: 'Board', path: '/board', method: 'GET', emits: [] }
export const handler = async (req, { state }) => ({ status: 200, body: await state.get('board', 'text') })
"""
POST = """
export const config = { type: 'api', name: 'Post', path: '/board', method: 'POST', emits: ['posted'] }
export const handler = async (req, { state, emit }) => {
  await state.set('board', 'text', req.body.text)
  if (req.body.text === 'a secret') await emit({ topic: 'posted', data: {} })
  return { status: 200, body: { ok: true } }
}
"""
WORKER = """
export const config = { type: 'api', name: 'Worker', path: '/worker.js', method: 'GET', emits: [] }
export const handler = async () => ({
  status: 200, headers: { 'content-type': 'text/javascript' }, body: 'self.onfetch = () => undefined',
})
"""
FAIL = """
config = {"type": "event", "name": "Fail", "subscribes": ["posted"], "emits": [],
          "infrastructure": {"queue": {"maxRetries": 0}}}

async def handler(input, context):
    raise ValueError("it always fails")
"""
ATTACK = r"""
export const config = { type: 'api', name: 'Attack', path: '/attack', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: page })

const page = `<!doctype html><title>attack</title><script>
window.attack = async () => {
  const admin = 'http://127.0.0.1:' + location.port
  const found = { script: 'ran', origin: self.origin }
  const attempt = async (name, work) => {
    try { found[name] = (await Promise.race([work(), late()])) ?? 'refused' } catch { found[name] = 'refused' }
  }
  const late = () => new Promise((_, fail) => setTimeout(() => fail(new Error('late')), 2000))
  const read = async (url, options) => {
    const response = await fetch(url, options)
    return response.ok ? await response.text() : undefined
  }
  const change = (url) => read(url, { method: 'POST' })
  const replay = '/__polystep/api/dead-letters/1/replay'
  const frame = async (url) => {
    const element = document.createElement('iframe')
    element.src = url
    const loaded = new Promise((done) => { element.onload = done })
    document.body.append(element)
    await loaded
    return element.contentDocument?.body?.innerText || undefined
  }
  const opened = async (url) => {
    const other = window.open(url)
    await new Promise((done) => setTimeout(done, 700))
    const text = other.document.body.innerText
    return text && text.includes('polystep') ? text : undefined
  }
  for (const [where, base] of [['own', ''], ['admin', admin]]) {
    for (const path of ['/__polystep/', '/__polystep/api/state', '/__polystep/api/state/board', '/__polystep/health'])
      await attempt(where + ' read ' + path, () => read(base + path, { credentials: 'include' }))
    await attempt(where + ' replay', () => change(base + replay))
    await attempt(where + ' frame', () => frame(base + '/__polystep/'))
    await attempt(where + ' window', () => opened(base + '/__polystep/'))
    await attempt(where + ' worker', async () => {
      await navigator.serviceWorker.register(base + '/worker.js', { scope: '/__polystep/' })
      return 'registered'
    })
  }
  // A form is a navigation, which no CORS stops.
  await attempt('form', async () => {
    const form = Object.assign(document.createElement('form'), { method: 'POST', action: admin + replay })
    const target = Object.assign(document.createElement('iframe'), { name: 'target' })
    form.target = 'target'
    document.body.append(form, target)
    form.submit()
    await new Promise((done) => setTimeout(done, 500))
  })
  await attempt('ownRoute', () => read('/board'))
  return found
}
</script><body></body>`
"""
