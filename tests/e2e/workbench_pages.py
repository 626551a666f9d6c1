"""Table of the pages of the Workbench, with an address of each, and the projects that fill them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.e2e.hostile import HOSTILE
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters

Address = Callable[[Running], Awaitable[str]]
Addresses = Callable[[Running], Awaitable[list[str]]]

NAMES = [text for text in HOSTILE if text.strip() and len(text) < 300 and "\n" not in text]
"""Those that a name of a step can be."""


@dataclass(frozen=True)
class KnownPage:
    """A page: where it is seen filled, what it shows there, and where hostile text may stand on it."""

    address: Address
    texts: tuple[str, ...]
    hostile_addresses: Addresses


def make_full(folder: Path, *, broken: bool = True) -> Path:
    """A project that has something of everything, also a file that does not load."""
    files = {
        "steps/order.step.ts": ORDER,
        "steps/order.step.ts-features.json": json.dumps(CARDS),
        "steps/pack_step.py": PACK,
        "steps/gift_step.py": GIFT,
        "steps/nightly.step.js": NIGHTLY,
        "steps/board.stream.ts": BOARD,
    }
    if broken:
        files["steps/broken.step.ts"] = "export const config = { type: 'api', name: }\n"
    return make_project(folder, files)


def make_hostile(folder: Path) -> Path:
    """A project whose names, values and payloads are the hostile corpus."""
    streams = {"steps/board.stream.ts": "export const config = { name: 'board', schema: null }\n"}
    cards = [{"id": text, "title": text, "description": text, "link": text, "lines": ["2"]} for text in HOSTILE]
    steps = {
        "steps/hostile_step.py": HOSTILE_STEP,
        "steps/hostile_step.py-features.json": json.dumps([*cards, {"title": HOSTILE[0], "lines": HOSTILE}]),
    }
    return make_project(folder, {**steps, **streams, **_named_steps()})


def _named_steps() -> dict[str, str]:
    files = {}
    for at, name in enumerate(NAMES):
        config = {
            "type": "event",
            "name": name,
            "description": name,
            "subscribes": [f"topic {name}"],
            "emits": [name],
            "flows": [name],
            "infrastructure": {"queue": {"maxRetries": 0}},
        }
        files[f"steps/named_{at}_step.py"] = NAMED.replace("CONFIG", repr(config))
    return files


async def fill_full(host: Running) -> None:
    """Have something happen, once for each host."""
    if (await host.api("dead-letters"))["deadLetters"]:
        return
    await host.post("/__polystep/api/events", {"topic": "gift.wanted", "data": {"item": "vase"}})
    await _ask(host)
    await host.post("/orders", {"item": "vase", "fail": False})
    await host.line("[INFO] Pack Packed")
    await host.post("/orders", {"item": "cup", "fail": True})
    await dead_letters(host, 1)


async def fill_hostile(host: Running) -> None:
    """Send the corpus through every way into the host, once for each host."""
    if (await host.api("dead-letters"))["deadLetters"]:
        return
    await host.post("/hostile", {"texts": HOSTILE, "topics": [f"topic {name}" for name in NAMES]})
    await host.line("[INFO] Hostile all heard")
    await dead_letters(host, len(NAMES))


def _plain(path: str) -> Address:
    async def address(host: Running) -> str:
        await fill_full(host)
        return path

    return address


def _hostile(*paths: str) -> Addresses:
    async def addresses(host: Running) -> list[str]:
        await fill_hostile(host)
        return [*paths]

    return addresses


async def _ask(host: Running) -> str:
    """The page of the one ask, once it is open."""
    while not (asks := (await host.api("asks"))["asks"]):
        pass
    return f"asks?ask={asks[0]['id']}"


async def _asked(host: Running) -> str:
    await fill_full(host)
    return await _ask(host)


async def _compare(host: Running) -> str:
    await fill_full(host)
    traces = (await host.api("traces?step=PlaceOrder"))["traces"]
    return f"compare/{traces[-1]['traceId']}/{traces[0]['traceId']}?row=r0"


async def _hostile_compare(host: Running) -> list[str]:
    """A trace beside itself, so that all of its values are shown."""
    await fill_hostile(host)
    trace = next(each for each in (await host.api("traces"))["traces"] if each["name"] == "Hostile")["traceId"]
    return [f"compare/{trace}/{trace}?row=r0"]


async def _trace(host: Running) -> str:
    await fill_full(host)
    trace = (await host.api("traces?status=failed"))["traces"][0]["traceId"]
    run = (await host.api(f"traces/{trace}"))["runs"][1]["runId"]
    return f"traces/{trace}?span={run}"


async def _hostile_trace(host: Running) -> list[str]:
    await fill_hostile(host)
    trace = next(each for each in (await host.api("traces"))["traces"] if each["name"] == "Hostile")["traceId"]
    run = (await host.api(f"traces/{trace}"))["runs"][0]
    spans = [run["runId"], *(f"{run['runId']}.l{line['id']}" for line in run["logs"][:40:8])]
    return [f"traces/{trace}", *(f"traces/{trace}?span={span}" for span in spans)]


async def _letter(host: Running) -> str:
    await fill_full(host)
    return f"dead-letters?letter={(await host.api('dead-letters'))['deadLetters'][0]['id']}"


async def _hostile_letters(host: Running) -> list[str]:
    await fill_hostile(host)
    letters = (await host.api("dead-letters"))["deadLetters"]
    return ["dead-letters", *(f"dead-letters?letter={each['id']}" for each in letters[::12])]


async def _hostile_steps(host: Running) -> list[str]:
    await fill_hostile(host)
    return ["steps", "steps?step=Hostile", *(f"steps?step={quote(name, safe='')}" for name in NAMES[::8])]


async def _hostile_items(host: Running) -> list[str]:
    await fill_hostile(host)
    items = [f"streams/board?group=all&id={quote(json.dumps(name))}" for name in NAMES[::8]]
    return ["streams/board", "streams/board?group=all", "streams/board?group=all&frames=on", *items]


async def _hostile_keys(host: Running) -> list[str]:
    await fill_hostile(host)
    keys = [f"state/hostile?key={quote(json.dumps(name))}" for name in NAMES[::6]]
    return ["state/hostile", *keys, *(f"state/{quote(name, safe='')}" for name in NAMES[::6] if name.strip(". "))]


async def _hostile_flows(host: Running) -> list[str]:
    await fill_hostile(host)
    flows = [f"flows/{quote(name, safe='')}" for name in NAMES[::12] if name.strip(". ")]
    return ["flows/*", "flows/*?view=table", *(f"{flow}?step={quote(NAMES[0], safe='')}" for flow in flows)]


PAGES: dict[str, KnownPage] = {
    "/": KnownPage(_plain(""), ("shop",), _hostile("")),
    "/start": KnownPage(_plain("start?language=ruby"), ("steps/hello_step.rb", "Try it"), _hostile("start")),
    "/endpoints": KnownPage(
        _plain("endpoints?step=PlaceOrder"), ("/orders", "Send"), _hostile("endpoints", "endpoints?step=Hostile")
    ),
    "/emit": KnownPage(_plain("emit?topic=order.placed"), ("Pack", "Emit"), _hostile("emit", "emit?topic=%3Cb%3E")),
    "/flows": KnownPage(_plain("flows?all=on"), ("shop", "Steps without a flow"), _hostile("flows")),
    "/flows/$flow": KnownPage(_plain("flows/shop?step=Pack"), ("order.placed", "Last traces"), _hostile_flows),
    "/traces": KnownPage(_plain("traces"), ("PlaceOrder", "Failed"), _hostile("traces", "traces?q=%3Cscript%3E")),
    "/compare/$a/$b": KnownPage(_compare, ("Compare traces", "Times"), _hostile_compare),
    "/traces/$id": KnownPage(_trace, ("PlaceOrder", "Input", "it fell down"), _hostile_trace),
    "/logs": KnownPage(_plain("logs"), ("Order placed", "Packed"), _hostile("logs", "logs?level=error")),
    "/charts": KnownPage(
        _plain("charts"), ("Runs per minute", "Share that failed"), _hostile("charts", "charts?table=on")
    ),
    "/asks": KnownPage(_asked, ("Wrap the vase?", "Send the answer"), _hostile("asks")),
    "/queues": KnownPage(_plain("queues"), ("Pack", "Pause"), _hostile("queues")),
    "/dead-letters": KnownPage(_letter, ("it fell down", "Edit first"), _hostile_letters),
    "/cron": KnownPage(_plain("cron?step=Nightly"), ("At 03:00", "Fires next"), _hostile("cron")),
    "/state": KnownPage(_plain("state"), ("orders",), _hostile("state", "state?prefix=%3C")),
    "/state/$group": KnownPage(_plain("state/orders?key=last"), ("item", "Edit"), _hostile_keys),
    "/streams": KnownPage(_plain("streams"), ("board",), _hostile("streams")),
    "/streams/$stream": KnownPage(
        _plain("streams/board?group=all"),
        ("first", "vase"),
        _hostile_items,
    ),
    "/steps": KnownPage(
        _plain("steps?step=PlaceOrder"), ("POST /orders", "Where it listens", "Config"), _hostile_steps
    ),
}
"""By the paths of `router.tsx`."""

CARDS = [
    {"id": "route", "title": "Where it listens", "description": "Path and method of the step.", "lines": ["3"]},
    {
        "id": "once",
        "title": "What it does",
        "description": "Writes the state, the stream and an event.",
        "lines": ["5-9"],
        "link": "https://example.org/writing",
    },
    {"id": "answer", "title": "What it answers", "lines": ["10", "40"]},
]
ORDER = """
export const config = {
  type: 'api', name: 'PlaceOrder', path: '/orders', method: 'POST', emits: ['order.placed'], flows: ['shop'],
}
export const handler = async (req: any, { emit, logger, state, streams }: any) => {
  logger.info('Order placed', { item: req.body.item })
  await state.set('orders', 'last', req.body)
  await streams.board.set('all', 'first', { item: 'vase' })
  await emit({ topic: 'order.placed', data: req.body })
  return { status: 200, body: { ok: true } }
}
"""
GIFT = """
config = {"type": "event", "name": "AskForGift", "subscribes": ["gift.wanted"], "emits": []}

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "paper": {"enum": ["red", "blue"]}, "note": {"type": "string"}},
    "required": ["ok", "paper"],
}

async def handler(gift, context):
    await context.ask("gift", title=f"Wrap the {gift['item']}?", data=gift, schema=SCHEMA, timeout=None)
"""

PACK = """
config = {
    "type": "event", "name": "Pack", "subscribes": ["order.placed"], "emits": [], "flows": ["shop"],
    "infrastructure": {"queue": {"maxRetries": 0}},
}

async def handler(data, context):
    if data["fail"]:
        raise ValueError("it fell down")
    context.logger.info("Packed", {"item": data["item"]})
"""
NIGHTLY = """
export const config = { type: 'cron', name: 'Nightly', cron: '0 3 * * *', emits: [] }
export const handler = async ({ logger }) => { logger.info('the night is quiet') }
"""
BOARD = """
export const config = {
  name: 'board', schema: { type: 'object', properties: { item: { type: 'string' } } },
  baseConfig: { storageType: 'default' },
}
"""
HOSTILE_STEP = """
config = {"type": "api", "name": "Hostile", "method": "POST", "path": "/hostile", "emits": [], "flows": ["<b>flow</b>"]}

async def handler(req, context):
    for text in req["body"]["texts"]:
        context.logger.info(text, {"field": text, "nested": {"__proto__": text, text[:60]: [text]}})
        await context.state.set("hostile", text[:200] or "empty", {"value": text, text[:60]: text})
        await context.state.set(text[:100] or "empty", "key", text)
        await context.streams.board.set("all", text[:100] or "empty", {"text": text, text[:60]: text})
        await context.streams.board.set(text[:100] or "empty", "one", {"text": text})
    for topic in req["body"]["topics"]:
        await context.emit({"topic": topic, "data": {"text": topic, topic[:60]: [topic]}})
    context.logger.info("all heard")
    return {"status": 200, "body": {"texts": req["body"]["texts"]}}
"""
NAMED = """
config = CONFIG

async def handler(data, context):
    context.logger.error(data["text"], {data["text"][:60]: data["text"]})
    raise ValueError(data["text"])
"""
