"""Contracts in Zod, pydantic and JSON Schema, enforced on a live host; and what `polystep check` says of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.running import COMMAND, Running, make_project
from tests.e2e.test_crash import nothing_waits

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LANGUAGES = ("ts", "py")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with Running(make_project(tmp_path_factory.mktemp("contracts"), FILES)) as running:
        yield running


async def ask(host: Running, path: str, status: int = 200, **options: Any) -> Any:
    async with host.http.request(options.pop("method", "GET"), path, **options) as response:
        assert response.status == status, await response.text()
        return await response.json()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_parameters_arrive_in_their_declared_types(host: Running, language: str) -> None:
    answer = await ask(host, f"/{language}/items/7?limit=5&tag=a&deep=true&free=1")
    query: dict[str, Any] = {"limit": 5, "tag": ["a"], "deep": True}
    if language == "ts":  # Zod drops what it does not know
        assert answer == {
            "pathParams": {"id": 7},
            "queryParams": query,
            "types": "number array boolean undefined number",
        }
    else:
        query |= {"free": "1"}
        assert answer == {"pathParams": {"id": 7}, "queryParams": query, "types": "number array boolean string number"}
    answer = await ask(host, f"/{language}/items/7?limit=5&tag=1&tag=2")
    assert answer["queryParams"] == {"limit": 5, "tag": ["1", "2"]}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_all_that_is_wrong_with_a_request_is_in_one_answer(host: Running, language: str) -> None:
    path = f"/{language}/items/x?limit=500&tag=a&deep=yes"
    refused = await ask(host, path, 400, method="POST", json={"note": 1})
    assert (refused["error"], sorted((issue["path"], issue["code"]) for issue in refused["issues"])) == (
        "Validation failed",
        [
            (["note"], "type"),
            (["pathParams", "id"], "type"),
            (["queryParams", "deep"], "type"),
            (["queryParams", "limit"], "maximum"),
        ],
    )
    missing = await ask(host, f"/{language}/items/1?limit=1&limit=2", 400, method="POST", json={"note": "n"})
    assert [issue["path"] for issue in missing["issues"]] == [["queryParams", "limit"]]
    gone = await ask(host, f"/{language}/items/1", 400, method="POST", json={"note": "n"})
    assert gone["issues"] == [{"path": ["queryParams", "limit"], "message": "is required", "code": "required"}]
    trace = await host.api(f"traces/{gone['traceId']}")
    assert (trace["status"], trace["runs"][0]["error"]["issues"]) == ("rejected", gone["issues"])


async def test_an_event_becomes_the_dead_letter_of_the_subscriber_that_cannot_take_it(host: Running) -> None:
    since, before = len(host.lines), len(await letters(host))
    answer = await ask(host, "/orders", method="POST", json={"id": "o1", "total": "ten"})
    # It is there when the emit has returned, and so before the answer.
    letter, *_ = found = await letters(host)
    assert (len(found) - before, letter["step"], letter["attempts"], letter["data"]["total"]) == (1, "Bill", 0, "ten")
    issue = {"path": ["total"], "message": '"ten" is not of type "number"', "code": "type"}
    assert letter["error"] == {
        "name": "contract_broken",
        "message": 'The event "order.placed" does not fit the input of Bill: data.total "ten" is not of type "number".',
        "code": "contract_broken",
        "data": {"issues": [issue]},
    }
    await host.line("[INFO] Pack", "packed o1", since=since)
    await host.line("[ERROR] Order", "does not fit the input of Bill: data.total", "dead letters of Bill", since=since)
    trace = await host.api(f"traces/{answer['traceId']}")
    runs = {run["step"]: run for run in trace["runs"]}
    assert (runs["Bill"]["status"], runs["Bill"]["attempts"]) == ("failed", [])
    assert runs["Pack"]["status"] != "failed"
    # Pydantic's side of the same topic: the other way round.
    await ask(host, "/orders", method="POST", json={"id": 2, "total": 10})
    assert [each["step"] for each in (await letters(host))[:2]] == ["Pack", "Bill"]
    assert (await letters(host))[0]["error"]["data"]["issues"][0]["path"] == ["id"]


async def test_a_replay_is_checked_again_and_passes_when_the_contract_allows_it(host: Running) -> None:
    await ask(host, "/orders", method="POST", json={"id": "o3", "total": "three"})
    first = (await letters(host))[0]
    since = len(host.lines)
    await host.command("replay", str(first["id"]))
    await host.line("✖ [ERROR] Bill: contract_broken", since=since)
    again = (await letters(host))[0]
    assert (again["id"] > first["id"], again["attempts"], again["error"]["message"]) == (
        True, 1, first["error"]["message"],
    )  # fmt: skip
    file = host.project / "steps" / "bill.step.ts"
    file.write_text(BILL.replace("z.number()", "z.union([z.number(), z.string()])"))
    await host.line("[UPDATED] Step (Event) steps/bill.step.ts", since=since)
    await host.command("replay", str(again["id"]))
    await host.line("billed o3", since=since)
    since = len(host.lines)
    file.write_text(BILL)
    await host.line("[UPDATED] Step (Event) steps/bill.step.ts", since=since)


async def test_a_refused_event_of_an_event_step_commits_with_its_completion(host: Running) -> None:
    await nothing_waits(host)
    before, since = len(await letters(host)), len(host.lines)
    await ask(host, "/relay", method="POST", json={})
    # The first attempt emits and fails: its events are gone, refused or not.
    await host.line("Relay: ValueError: not yet", since=since)
    assert len(await letters(host)) == before
    await host.line("packed relayed", since=since)
    await nothing_waits(host)
    found = await letters(host)
    assert (len(found), found[0]["step"], found[0]["data"]["id"]) == (before + 1, "Bill", "relayed")
    assert len([line for line in host.lines[since:] if "packed relayed" in line]) == 1


async def test_an_undeclared_topic_raises_in_the_handler_with_what_was_meant(host: Running) -> None:
    answer = await ask(host, "/typo", method="POST", json={})
    assert answer == {
        "said": 'Typo emitted "order.place", which its config does not declare. Declared: order.placed, order.done. '
        'Did you mean "order.placed"? Else add "order.place" to `emits` in steps/typo.step.ts.'
    }


async def test_a_broken_answer_is_an_error_where_the_project_says_so(host: Running) -> None:
    since = len(host.lines)
    for language in LANGUAGES:
        assert await ask(host, f"/{language}/answer/good") == {"n": 1}
        broken = await ask(host, f"/{language}/answer/broken", 500)
        assert broken == {
            "error": "Response does not fit its contract",
            "issues": [{"path": ["n"], "message": '"x" is not of type "number"', "code": "type"}],
            "traceId": broken["traceId"],
        }
        await host.line("✖ [ERROR] Answer", 'responseSchema.200: body.n "x" is not of type "number"', since=since)
        trace = await host.api(f"traces/{broken['traceId']}")
        assert (trace["status"], trace["runs"][0]["error"]["data"]["issues"]) == ("failed", broken["issues"])
        assert await ask(host, f"/{language}/answer/unlisted", 404) == {"gone": True}
        await host.line("[WARNING] Answer", "status 404, which config.responseSchema does not list (200)", since=since)


@pytest.mark.parametrize("verb", ["dev", "start"])
async def test_a_broken_answer_is_sent_by_default_and_logged(tmp_path: Path, verb: str) -> None:
    files = {name: text for name, text in FILES.items() if "answer" in name and name.endswith(".ts")}
    async with Running(make_project(tmp_path, files), verb=verb) as host:
        assert await ask(host, "/ts/answer/broken") == {"n": "x"}
        assert await ask(host, "/ts/answer/broken") == {"n": "x"}
        await host.line("[WARNING] The answer of AnswerTs with status 200", "body.n", "It was sent.")
        (log,) = (await host.api("logs"))["logs"]
        assert (log["level"], log["step"]) == ("warn", "AnswerTs")


async def check(project: Path, *options: str, ci: str = "") -> tuple[int, Any]:
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), "check", "--project", str(project), "--json", *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "CI": ci},
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode in (0, 1), errors.decode()
    return process.returncode, json.loads(output)


async def test_the_project_of_these_tests_passes_the_check_while_it_runs(host: Running) -> None:
    status, answer = await check(host.project, ci="true")
    assert (status, answer["ok"], answer["strict"], answer["findings"]) == (0, True, True, [])


async def test_a_check_names_contracts_across_languages_that_exclude_each_other(tmp_path: Path) -> None:
    project = make_project(tmp_path, CLASHING)
    status, answer = await check(project)
    assert status == 1
    assert [(each["file"], each["kind"], each["severity"]) for each in answer["findings"]] == [
        ("steps/order.step.ts", "topic", "warning"),
        ("steps/pack_step.py", "schema", "error"),
        ("steps/pack_step.py", "config", "warning"),
    ]
    assert answer["findings"][1]["message"] == (
        "Pack and Bill (steps/bill.step.ts) subscribe to order.placed, but no event fits both: data.address.zip is "
        "integer for Pack and string for Bill. Every event becomes a dead letter of one of them: make their input "
        "schemas agree, or use two topics."
    )
    # With one that does not load, the lonely topic is not held against its emitter.
    (project / "steps" / "broken.step.ts").write_text("export const config = {")
    _, answer = await check(project)
    assert [each["kind"] for each in answer["findings"]] == ["load", "schema", "config"]


async def test_lonely_topics_fail_a_check_in_ci_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/order.step.ts": CLASHING["steps/order.step.ts"]})
    assert [(await check(project, *options, ci=ci))[0] for options, ci in (
        ((), ""), (("--strict",), ""), ((), "true"), (("--no-strict",), "true"),
    )] == [0, 1, 1, 0]  # fmt: skip


async def letters(host: Running) -> list[Any]:
    """Newest first."""
    return list((await host.api("dead-letters?limit=1000"))["deadLetters"])


ITEMS_TS = """
import { z } from 'zod'
export const config = {
  type: 'api', name: 'ItemsTs', path: '/ts/items/:id', method: 'METHOD',
  pathParams: [{ name: 'id', schema: { type: 'integer' } }],
  queryParams: z.object({
    limit: z.number().int().max(100), tag: z.array(z.string()).optional(), deep: z.boolean().optional(),
  }),BODY
}
const kind = (value: unknown) => Array.isArray(value) ? 'array' : typeof value
export const handler = async ({ pathParams, queryParams }: any) => ({
  status: 200,
  body: {
    pathParams, queryParams,
    types: [queryParams.limit, queryParams.tag, queryParams.deep, queryParams.free, pathParams.id].map(kind).join(' '),
  },
})
"""
ITEMS_PY = """
config = {
    "type": "api", "name": "ItemsPy", "path": "/py/items/:id", "method": "METHOD",
    "pathParams": {"type": "object", "properties": {"id": {"type": "integer"}}},
    "queryParams": [
        {"name": "limit", "description": "how many", "required": True, "schema": {"type": "integer", "maximum": 100}},
        {"name": "tag", "schema": {"type": "array", "items": {"type": "string"}}},
        {"name": "deep", "schema": {"type": "boolean"}},
        {"name": "free"},
    ],BODY
}
KINDS = {int: "number", list: "array", bool: "boolean", str: "string", type(None): "undefined"}

async def handler(req, context):
    path, query = req["pathParams"], req["queryParams"]
    seen = [query.get("limit"), query.get("tag"), query.get("deep"), query.get("free"), path["id"]]
    return {"status": 200, "body": {
        "pathParams": path, "queryParams": query, "types": " ".join(KINDS[type(each)] for each in seen),
    }}
"""
ORDER = """
export const config = { type: 'api', name: 'Order', path: '/orders', method: 'POST', emits: ['order.placed'] }
export const handler = async ({ body }: any, { emit, traceId }: any) => {
  await emit({ topic: 'order.placed', data: body })
  return { status: 200, body: { traceId } }
}
"""
BILL = """
import { z } from 'zod'
export const config = {
  type: 'event', name: 'Bill', subscribes: ['order.placed'], emits: [],
  input: z.object({ id: z.union([z.string(), z.number()]), total: z.number() }),
}
export const handler = async ({ id }: any, { logger }: any) => logger.info(`billed ${id}`)
"""
PACK = """
from typing import Any
from pydantic import BaseModel

class Order(BaseModel):
    id: str
    total: Any

config = {"type": "event", "name": "Pack", "subscribes": ["order.placed"], "emits": [], "input": Order}

async def handler(order, context):
    context.logger.info(f"packed {order['id']}")
"""
START_RELAY = """
export const config = { type: 'api', name: 'StartRelay', path: '/relay', method: 'POST', emits: ['relay'] }
export const handler = async (_: any, { emit }: any) => {
  await emit({ topic: 'relay', data: {} })
  return { status: 200, body: {} }
}
"""
RELAY = """
config = {"type": "event", "name": "Relay", "subscribes": ["relay"], "emits": ["order.placed"]}

async def handler(data, context):
    await context.emit({"topic": "order.placed", "data": {"id": "relayed", "total": "none"}})
    if context.attempt == 1:
        raise ValueError("not yet")
"""
TYPO = """
export const config = {
  type: 'api', name: 'Typo', path: '/typo', method: 'POST', virtualEmits: ['order.place'],
  emits: ['order.placed', { topic: 'order.done', label: 'done', conditional: true }],
}
export const handler = async (_: any, { emit }: any) => {
  const said = await emit({ topic: 'order.place', data: {} }).then(() => 'nothing', (error: Error) => error.message)
  return { status: 200, body: { said } }
}
"""
DONE = """
export const config = { type: 'event', name: 'Done', subscribes: ['order.done'], emits: [] }
export const handler = async () => {}
"""
ANSWER_TS = """
import { z } from 'zod'
export const config = {
  type: 'api', name: 'AnswerTs', path: '/ts/answer/:kind', method: 'GET',
  responseSchema: { 200: z.object({ n: z.number() }) },
}
export const handler = async ({ pathParams: { kind } }: any) =>
  kind === 'unlisted' ? { status: 404, body: { gone: true } } : { status: 200, body: { n: kind === 'good' ? 1 : 'x' } }
"""
ANSWER_PY = """
from pydantic import BaseModel

class Answer(BaseModel):
    n: float

config = {
    "type": "api", "name": "AnswerPy", "path": "/py/answer/:kind", "method": "GET", "responseSchema": {200: Answer},
}

def handler(req, context):
    kind = req["pathParams"]["kind"]
    if kind == "unlisted":
        return {"status": 404, "body": {"gone": True}}
    return {"status": 200, "body": {"n": 1 if kind == "good" else "x"}}
"""


def items(text: str, body: str) -> dict[str, str]:
    return {"GET": text.replace("METHOD", "GET").replace("BODY", ""),
            "POST": text.replace("METHOD", "POST").replace("BODY", body).replace("Items", "Post")}  # fmt: skip


NOTE = '{"type": "object", "properties": {"note": {"type": "string"}}, "required": ["note"]}'
FILES = {
    "polystep.toml": '[contracts]\nresponses = "error"\n',
    "requirements.txt": "pydantic>=2\n",
    "steps/items.step.ts": items(ITEMS_TS, "")["GET"],
    "steps/post-items.step.ts": items(ITEMS_TS, "\n  bodySchema: z.object({ note: z.string() }),")["POST"],
    "steps/items_step.py": items(ITEMS_PY, "")["GET"],
    "steps/post_items_step.py": items(ITEMS_PY, f'\n    "bodySchema": {NOTE},')["POST"],
    "steps/order.step.ts": ORDER,
    "steps/bill.step.ts": BILL,
    "steps/pack_step.py": PACK,
    "steps/start-relay.step.ts": START_RELAY,
    "steps/relay_step.py": RELAY,
    "steps/typo.step.ts": TYPO,
    "steps/done.step.ts": DONE,
    "steps/answer.step.ts": ANSWER_TS,
    "steps/answer_step.py": ANSWER_PY,
}
CLASHING = {
    "requirements.txt": "pydantic>=2\n",
    "steps/order.step.ts": ORDER.replace("['order.placed']", "['order.placed', 'lonely']"),
    "steps/bill.step.ts": """
import { z } from 'zod'
export const config = {
  type: 'event', name: 'Bill', subscribes: ['order.placed'], emits: [],
  input: z.object({ email: z.email(), address: z.object({ zip: z.string() }) }),
}
export const handler = async () => {}
""",
    "steps/pack_step.py": """
from pydantic import BaseModel

class Address(BaseModel):
    zip: int

class Order(BaseModel):
    address: Address
    gift: bool = False

config = {"type": "event", "name": "Pack", "subscribes": ["order.placed"], "emits": [], "input": Order}
config["cron"] = "* * * * *"

async def handler(order, context):
    pass
""",
}
