"""Requests with an `Idempotency-Key`: they run once, also when host or runner is killed in between."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.durable_project import counts, reaches
from tests.e2e.running import Running, children_of, make_project
from tests.patience import HANG_S

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LANGUAGES = ("ts", "py")


def make_keyed(folder: Path) -> Path:
    files = {"steps/sink.step.ts": SINK, "steps/must.step.ts": MUST, "steps/piece_step.py": PIECES}
    return make_project(
        folder, {**files, "steps/make.step.ts": NODE, "steps/make_step.py": PYTHON, "steps/go.step.ts": GO}
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with Running(make_keyed(tmp_path_factory.mktemp("keyed"))) as running:
        yield running


async def post(
    host: Running, path: str, key: str | None, body: Mapping[str, Any], **headers: str
) -> tuple[int, dict[str, str], str]:
    """POST with a key; returns status, headers and text."""
    # The client of the tests has another `Authorization` at each start of a host.
    named = {"Authorization": "Bearer client", **({} if key is None else {"Idempotency-Key": key}), **headers}
    async with asyncio.timeout(HANG_S), host.http.post(path, json=body, headers=named) as response:
        return response.status, {name.lower(): value for name, value in response.headers.items()}, await response.text()


async def go(host: Running, id_: str, word: str) -> None:
    """Let handlers that wait for a word end; a runner that was killed answers 503 for a moment."""
    async with asyncio.timeout(HANG_S):
        while True:
            status, _, _ = await post(host, "/go", None, {"id": id_, "word": word})
            if status == 200:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_request_that_comes_again_gets_the_first_response(host: Running, language: str) -> None:
    path, id_ = f"/{language}/make", f"again-{language}"
    first = await post(host, path, id_, {"id": id_})
    again = await post(host, path, id_, {"id": id_})
    assert (first[0], again[0], first[2]) == (201, 201, again[2])
    assert ("idempotent-replayed" in first[1], again[1]["idempotent-replayed"]) == (False, "true")
    for name in ("location", "content-type", "x-kept"):
        assert first[1][name] == again[1][name]
    assert (first[1]["x-not"], again[1].get("x-not")) == ("1", None)
    await reaches(host, id_, "event")
    assert await counts(host, id_) == {"leg": 1, "ticket": 1, "event": 1}
    # The trace of the second says whose response it is.
    trace = await host.api(f"traces/{again[1]['x-trace-id']}")
    (attempt,) = trace["runs"][0]["attempts"]
    assert attempt["result"] == {"status": 201, "replayedFrom": first[1]["x-trace-id"]}
    # Another client, another key, and none: each is a request of its own.
    assert (await post(host, path, id_, {"id": id_}, Authorization="other"))[0] == 201
    assert (await post(host, path, f"{id_} two", {"id": id_}))[0] == 201
    assert (await post(host, path, None, {"id": id_}))[0] == 201
    assert (await counts(host, id_))["leg"] == 4


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_request_under_way_is_409_and_another_body_422(host: Running, language: str) -> None:
    """Behaviour 95."""
    path, id_ = f"/{language}/make", f"busy-{language}"
    first = asyncio.create_task(post(host, path, id_, {"id": id_, "until": "go"}))
    await reaches(host, id_, "leg")
    status, headers, text = await post(host, path, id_, {"id": id_, "until": "go"})
    assert (status, headers["retry-after"], "Request in progress" in text) == (409, "1", True)
    status, headers, text = await post(host, path, id_, {"id": id_})
    assert (status, "Idempotency key reused" in text) == (422, True)
    assert (await post(host, f"{path}?q=1", id_, {"id": id_, "until": "go"}))[0] == 422
    await go(host, id_, "go")
    assert (await first)[0] == 201
    assert (await post(host, path, id_, {"id": id_, "until": "go"}))[1]["idempotent-replayed"] == "true"
    assert (await counts(host, id_))["leg"] == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_500_frees_the_key(host: Running, language: str) -> None:
    """Behaviour 96."""
    path, id_ = f"/{language}/make", f"fails-{language}"
    answers = [await post(host, path, id_, {"id": id_, "fails": 2}) for _ in range(4)]
    assert [answer[0] for answer in answers] == [500, 503, 201, 201]
    assert answers[3][1]["idempotent-replayed"] == "true"
    await reaches(host, id_, "event")
    assert await counts(host, id_) == {"leg": 3, "ticket": 1, "event": 1}
    # It is free for another body too, and that is another request.
    await post(host, path, f"{id_} two", {"id": id_, "fails": 9})
    assert (await post(host, path, f"{id_} two", {"id": id_}))[0] == 201
    assert (await counts(host, id_))["ticket"] == 3


async def test_a_key_that_is_missing_empty_or_too_long_is_400(host: Running) -> None:
    for key, status in ((None, 400), ("", 400), ("k" * 256, 400), ("k" * 255, 200)):
        answer = await post(host, "/must", key, {})
        assert (answer[0], key) == (status, key)
        assert status == 200 or "Idempotency-Key" in answer[2]
    document = await host.get("/openapi.json")
    (parameter,) = document["paths"]["/must"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("Idempotency-Key", "header", True)
    assert {"409", "422"} <= document["paths"]["/must"]["post"]["responses"].keys()
    assert document["paths"]["/py/make"]["post"]["parameters"][0]["required"] is False
    assert not {"409", "422"} & document["paths"]["/go"]["post"]["responses"].keys()


async def test_a_streamed_response_is_kept_when_it_fits(host: Running) -> None:
    first = await post(host, "/pieces", "small", {"pieces": 3})
    again = await post(host, "/pieces", "small", {"pieces": 3})
    assert first[2] == again[2] == "piece\n" * 3
    assert (first[1]["content-type"], again[1]["idempotent-replayed"]) == (again[1]["content-type"], "true")
    large = {"pieces": 3, "size": 400_000}
    assert len((await post(host, "/pieces", "large", large))[2]) == 1_200_000
    status, headers, text = await post(host, "/pieces", "large", large)
    assert (status, "Response not kept" in text, headers.get("retry-after")) == (409, True, None)


async def test_an_upload_is_the_same_when_its_fields_and_files_are(host: Running) -> None:
    async def upload(data: bytes) -> tuple[int, str | None]:
        form = aiohttp.FormData({"id": "upload"})
        form.add_field("file", data, filename="a.txt")
        async with host.http.post("/ts/make", data=form, headers={"Idempotency-Key": "upload"}) as response:
            return response.status, response.headers.get("Idempotent-Replayed")

    answers = [await upload(data) for data in (b"one", b"one", b"two")]
    assert answers == [(201, None), (201, "true"), (422, None)]


async def test_post_crash_post_makes_one_ticket_and_one_event(tmp_path: Path) -> None:
    """Behaviour 94."""
    project = make_keyed(tmp_path)
    async with Running(project) as host:
        # A killed runner: the request fails, and the next one with the key finds what it has done.
        for language in LANGUAGES:
            id_, path = f"runner-{language}", f"/{language}/make"
            first = asyncio.create_task(post(host, path, id_, {"id": id_, "until": "never"}))
            await reaches(host, id_, "event")
            for pid in children_of(host.process.pid):
                os.kill(pid, signal.SIGKILL)
            assert (await first)[0] >= 500
            await go(host, id_, "never")
            status, headers, _ = await post(host, path, id_, {"id": id_, "until": "never"})
            assert (status, headers.get("idempotent-replayed")) == (201, None)
        for language in LANGUAGES:
            id_, path = f"host-{language}", f"/{language}/make"
            cut = asyncio.create_task(post(host, path, id_, {"id": id_, "until": "never"}))
            cut.add_done_callback(lambda done: done.exception())
            await reaches(host, id_, "event")
        await host.kill()
    async with Running(project) as host:
        for language in LANGUAGES:
            id_, path = f"host-{language}", f"/{language}/make"
            await go(host, id_, "never")
            status, headers, _ = await post(host, path, id_, {"id": id_, "until": "never"})
            assert (status, headers.get("idempotent-replayed")) == (201, None)
            assert (await post(host, path, id_, {"id": id_, "until": "never"}))[1]["idempotent-replayed"] == "true"
        await post(host, "/ts/make", "last", {"id": "last"})
        await reaches(host, "last", "event")
        for where in ("runner", "host"):
            for language in LANGUAGES:
                assert await counts(host, f"{where}-{language}") == {"leg": 2, "ticket": 1, "event": 1}


SINK = """
export const config = { type: 'event', name: 'Sink', subscribes: ['made'], emits: [],
  infrastructure: { queue: { type: 'fifo' } } }
export const handler = async ({ id }, { state }) => {
  await state.set('n', `${id}/event`, ((await state.get('n', `${id}/event`)) ?? 0) + 1)
}
"""

GO = """
export const config = { type: 'api', name: 'Go', method: 'POST', path: '/go', emits: [] }
export const handler = async ({ body }, { state }) => {
  await state.set('go', `${body.id}/${body.word}`, true)
  return { status: 200, body: {} }
}
"""

MUST = """
export const config = { type: 'api', name: 'Must', method: 'POST', path: '/must', emits: [],
  idempotency: { required: true, ttl: '2d' } }
export const handler = async () => ({ status: 200, body: {} })
"""

PIECES = """
config = {"type": "api", "name": "Pieces", "method": "POST", "path": "/pieces", "emits": [], "idempotency": True}


async def handler(req, context):
    piece = "x" * req.body["size"] if "size" in req.body else "piece\\n"
    pieces = (piece for _ in range(req.body["pieces"]))
    return {"status": 200, "headers": {"content-type": "text/plain"}, "body": pieces}
"""

NODE = """
export const config = { type: 'api', name: 'Make-ts', method: 'POST', path: '/ts/make', emits: ['made'],
  idempotency: { headers: ['X-Kept'] } }
export const handler = async ({ body }, { once, emit, state }) => {
  const { id, until, fails } = body
  const bump = async (what) => {
    const n = ((await state.get('n', `${id}/${what}`)) ?? 0) + 1
    await state.set('n', `${id}/${what}`, n)
    return n
  }
  const leg = await bump('leg')
  const ticket = await once('ticket', async ({ idempotencyKey }) => {
    await bump('ticket')
    return idempotencyKey
  })
  await emit({ topic: 'made', data: { id } })
  if (leg <= fails && leg === 2) return { status: 503, body: {} }
  if (leg <= fails) throw new Error('failed')
  while (until && !(await state.get('go', `${id}/${until}`))) {
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  return { status: 201, headers: { location: `/tickets/${id}`, 'x-kept': '1', 'x-not': '1' }, body: { ticket } }
}
"""

PYTHON = """
import asyncio

config = {"type": "api", "name": "Make-py", "method": "POST", "path": "/py/make", "emits": ["made"],
          "idempotency": {"headers": ["X-Kept"]}}


async def handler(req, context):
    id, state = req.body["id"], context.state
    until, fails = req.body.get("until"), req.body.get("fails", 0)

    async def bump(what):
        n = ((await state.get("n", f"{id}/{what}")) or 0) + 1
        await state.set("n", f"{id}/{what}", n)
        return n

    async def ticket(unit):
        await bump("ticket")
        return unit.idempotency_key

    leg = await bump("leg")
    made = await context.once("ticket", ticket)
    await context.emit(topic="made", data={"id": id})
    if leg <= fails and leg == 2:
        return {"status": 503, "body": {}}
    if leg <= fails:
        raise ValueError("failed")
    while until and not await state.get("go", f"{id}/{until}"):
        await asyncio.sleep(0.02)
    headers = {"location": f"/tickets/{id}", "x-kept": "1", "x-not": "1"}
    return {"status": 201, "headers": headers, "body": {"ticket": made}}
"""
