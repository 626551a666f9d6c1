"""Groups larger than a message of the protocol: the tutorial's digest, and the three languages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.bench.prefilled import fill_state
from tests.e2e.running import ROOT, Running, make_project
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

TICKETS = 60_000
TICKET: dict[str, Any] = {
    "ticketId": "0123456789abcdef", "priority": "high", "subject": "s" * 60, "body": "b" * 160, "email": "a@b.example",
}  # fmt: skip
"""60,000 of them take 18 MB; a message holds 16 MiB."""

TS = """
export const config = { type: 'api', name: 'CountTs', path: '/ts', method: 'GET', emits: [] }
export const handler = async (_: any, { state }: any) => {
  const whole: any[] = await state.getGroup('tickets')
  let cursor: string | null = null
  let [keys, pages] = [0, 0]
  do {
    const page: any = await state.getGroup('tickets', { cursor, limit: 4000, keysOnly: true })
    keys += page.items.length
    pages += 1
    cursor = page.cursor
  } while (cursor !== null)
  const first = (await state.getGroup('tickets', { limit: 1 })).items[0]
  return { status: 200, body: { whole: whole.length, keys, pages, first: [first.key, first.value.priority] } }
}
"""
PY = """
config = {"type": "api", "name": "CountPy", "path": "/py", "method": "GET", "emits": []}

async def handler(req, context):
    whole = await context.state.get_group("tickets")
    cursor, keys, pages = None, 0, 0
    while pages == 0 or cursor is not None:
        page = await context.state.get_group("tickets", cursor=cursor, limit=4000, keys_only=True)
        keys, pages, cursor = keys + len(page["items"]), pages + 1, page["cursor"]
    first = (await context.state.get_group("tickets", limit=1))["items"][0]
    body = {"whole": len(whole), "keys": keys, "pages": pages, "first": [first["key"], first["value"]["priority"]]}
    return {"status": 200, "body": body}
"""
RB = """
def config = { type: "api", name: "CountRb", path: "/rb", method: "GET", emits: [] }

def handler(req, context)
  whole = context.state.get_group("tickets")
  cursor, keys, pages = nil, 0, 0
  loop do
    page = context.state.get_group("tickets", cursor: cursor, limit: 4000, keys_only: true)
    keys, pages, cursor = keys + page["items"].size, pages + 1, page["cursor"]
    break unless cursor
  end
  first = context.state.get_group("tickets", limit: 1)["items"][0]
  body = { whole: whole.size, keys: keys, pages: pages, first: [first["key"], first["value"]["priority"]] }
  { status: 200, body: body }
end
"""


async def test_the_daily_digest_counts_more_tickets_than_a_message_holds(tmp_path: Path) -> None:
    project = make_project(tmp_path, {})
    shutil.copytree(ROOT / "steps", project / "steps")
    fill_state(project, "tickets", TICKETS, TICKET)
    async with Running(project) as host:
        status, output = await host.command("fire", "DailyDigest")
        assert status == 0, output
        await host.line("[INFO] DailyDigest Digest ready", f'"total":{TICKETS}', f'"byPriority":{{"high":{TICKETS}}}')


@pytest.mark.parametrize(
    ("path", "file", "source"),
    [("/ts", "count.step.ts", TS), ("/py", "count_step.py", PY), ("/rb", "count_step.rb", RB)],
    ids=["typescript", "python", "ruby"],
)
async def test_a_large_group_is_read_whole_and_in_parts(tmp_path: Path, path: str, file: str, source: str) -> None:
    if path == "/rb":
        need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")
    project = make_project(tmp_path, {f"steps/{file}": source})
    fill_state(project, "tickets", TICKETS, TICKET)
    async with Running(project) as host:
        expected = {"whole": TICKETS, "keys": TICKETS, "pages": 15, "first": ["key-00000001", "high"]}
        assert await host.get(path) == expected
