"""A page of another site against a live host, in a real browser: it reads nothing and it changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from tests.e2e.browser import Page, browse, chromium
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

REBOUND = "rebound.example"
"""A name of the attacker that leads to this machine, as after DNS rebinding."""


@dataclass(frozen=True)
class Attacked:
    """A live host with a secret, a foreign site, and a browser that visits it."""

    host: Running
    page: Page
    site: str
    """Port of the foreign site, which answers under every name of this machine."""

    async def facts(self) -> dict[str, Any]:
        """What a change would change."""
        api = self.host.api
        traces = [each["traceId"] for each in (await api("traces"))["traces"]]
        queues = [(each["step"], each["paused"]) for each in (await api("queues"))["queues"]]
        letters = [each["id"] for each in (await api("dead-letters"))["deadLetters"]]
        return {"traces": traces, "queues": queues, "letters": letters, "vault": await self.host.group("vault")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    chromium()
    files = {"steps/secret.step.ts": SECRET, "steps/fail_step.py": FAIL, "steps/nightly.step.js": NIGHTLY}
    project = make_project(tmp_path_factory.mktemp("attacked"), files)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=ATTACK, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    port = str(runner.addresses[0][1])
    rebinding = f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"
    try:
        async with Running(project) as host, browse(tmp_path_factory.mktemp("profile"), rebinding) as page:
            await host.post("/secrets", {})
            await dead_letters(host, 1)
            yield Attacked(host, page, port)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", REBOUND])
async def test_a_foreign_page_reads_nothing_and_changes_nothing(attacked: Attacked, name: str) -> None:
    before = await attacked.facts()
    assert before["vault"] == {"code": "a secret"}
    await attacked.page.open(f"http://{name}:{attacked.site}/")
    port = attacked.host.url.rpartition(":")[2]
    targets = [f"http://{each}:{port}" for each in ("127.0.0.1", "localhost", REBOUND)]
    letter, step = before["letters"][0], "Fail"
    for target in targets:
        found = await attacked.page.evaluate(f"attack([{json.dumps(target)}], {letter}, {json.dumps(step)})")
        assert found == {"ran": True}, target
    assert await attacked.facts() == before


async def test_a_page_under_a_rebound_name_gets_a_refusal_at_every_address(attacked: Attacked) -> None:
    port = attacked.host.url.rpartition(":")[2]
    for path in ("", "traces", "api/state/vault", "health", "session", "live"):
        await attacked.page.open("about:blank")
        await attacked.page.open(f"http://{REBOUND}:{port}/__polystep/{path}")
        await attacked.page.text("Host not allowed")


async def test_the_own_page_may_what_the_foreign_one_may_not(attacked: Attacked) -> None:
    # The attack is one: the same requests work from where they are allowed.
    await attacked.page.open("about:blank")
    await attacked.page.open(f"{attacked.host.url}/__polystep/traces")
    await attacked.page.text("Live")
    status = await attacked.page.evaluate(
        "fetch('/__polystep/api/state/vault/code', { method: 'DELETE' }).then((answer) => answer.status)"
    )
    assert status == 200
    assert await attacked.host.group("vault") == {}


async def test_a_stolen_cookie_header_is_no_change(attacked: Attacked) -> None:
    async with asyncio.timeout(30):
        async with attacked.host.http.post(
            "/__polystep/api/queues/Fail/pause", headers={"Authorization": "", "Cookie": "polystep_session=x"}
        ) as answer:
            assert answer.status == 403


SECRET = """
export const config = { type: 'api', name: 'Secret', path: '/secrets', method: 'POST', emits: ['kept'] }
export const handler = async (_: unknown, { state, emit }: any) => {
  await state.set('vault', 'code', 'a secret')
  await emit({ topic: 'kept', data: {} })
  return { status: 200, body: {} }
}
"""
FAIL = """
config = {"type": "event", "name": "Fail", "subscribes": ["kept"], "emits": [],
          "infrastructure": {"queue": {"maxRetries": 0}}}

async def handler(input, context):
    raise ValueError("it always fails")
"""
NIGHTLY = """
export const config = { type: 'cron', name: 'Nightly', cron: '0 3 * * *', emits: [] }
export const handler = async () => undefined
"""
ATTACK = r"""<!doctype html><title>foreign</title><body><script>
const tell = (found, name, value) => { if (value !== undefined && value !== null) found[name] = value }
const safely = (work) => Promise.resolve().then(work).catch(() => undefined)

// Whether a body of the host reached this page.
const read = (url, options) => safely(async () => {
  const answer = await fetch(url, options)
  return answer.type === 'opaque' ? undefined : (await answer.text()) || undefined
})

// A form is a navigation: nothing asks first, and what comes back is another site's document.
const form = (url, type) => new Promise((done) => {
  const frame = Object.assign(document.createElement('iframe'), { name: 'target' + Math.random() })
  const element = document.createElement('form')
  Object.assign(element, { method: 'POST', action: url, target: frame.name, enctype: type })
  const body = { name: '{"topic":"kept","data":{"a":"', value: '"}}' }
  element.append(Object.assign(document.createElement('input'), body))
  document.body.append(frame, element)
  frame.onload = () => done(safely(() => frame.contentDocument.body.innerText || undefined))
  element.submit()
})

const framed = (url) => new Promise((done) => {
  const frame = document.createElement('iframe')
  frame.onload = () => done(safely(() => frame.contentDocument.body.innerText || undefined))
  frame.src = url
  document.body.append(frame)
})

const loaded = (tag, url) => new Promise((done) => {
  const element = document.createElement(tag)
  element.onload = () => done('loaded')
  element.onerror = () => done(undefined)
  element.src = url
  document.body.append(element)
})

const socket = (url) => new Promise((done) => {
  const opened = new WebSocket(url.replace('http', 'ws'))
  opened.onmessage = (event) => done(event.data)
  opened.onclose = () => done(undefined)
})

window.attack = async (targets, letter, step) => {
  const found = { ran: true }
  const json = { 'Content-Type': 'application/json' }
  for (const base of targets) {
    const at = (path) => base + '/__polystep/' + path
    for (const path of ['', 'traces', 'api/state/vault', 'api/traces', 'openapi.json', 'session', 'health'])
      for (const mode of ['cors', 'no-cors'])
        tell(found, 'read ' + base + path + mode, await read(at(path), { mode, credentials: 'include' }))
    const changes = [
      ['POST', 'api/dead-letters/' + letter + '/replay', {}],
      ['POST', 'api/dead-letters/' + letter + '/discard', {}],
      ['POST', 'api/queues/' + step + '/pause', {}],
      ['POST', 'api/queues/' + step + '/purge', {}],
      ['POST', 'api/cron/Nightly/run', {}],
      ['POST', 'api/events', { topic: 'kept', data: {} }],
      ['POST', 'api/requests', { method: 'POST', path: '/secrets' }],
      ['PUT', 'api/state/vault/code', { value: 'stolen' }],
      ['DELETE', 'api/state/vault/code', undefined],
      ['DELETE', 'session', undefined],
    ]
    for (const [method, path, body] of changes) {
      const text = body === undefined ? undefined : JSON.stringify(body)
      for (const each of [{ headers: json }, {}, { mode: 'no-cors' }]) {
        const options = { ...each, method, body: text, credentials: 'include' }
        tell(found, method + base + path, await read(at(path), options))
      }
      if (method !== 'POST') continue
      tell(found, 'beacon' + base + path, navigator.sendBeacon(at(path), text) && undefined)
      for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data'])
        tell(found, 'form' + base + path, await form(at(path), type))
    }
    for (const path of ['', 'traces', 'state/vault', 'api/state/vault'])
      tell(found, 'frame' + base + path, await framed(at(path)))
    for (const path of ['api/state/vault', 'app/theme.js', 'status.js']) {
      tell(found, 'image' + base + path, await loaded('img', at(path)))
      tell(found, 'script' + base + path, await loaded('script', at(path)))
    }
    tell(found, 'socket' + base, await socket(at('live')))
  }
  return found
}
</script></body>"""
