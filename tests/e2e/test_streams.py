"""Streams over a raw WebSocket: joins, changes written by both languages, and what a socket may not do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.running import Running, make_project
from tests.patience import HANG_S

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LANGUAGES = ("ts", "py")


class Client:
    """One WebSocket client that joins, leaves and takes frames in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, kind: str, stream: str, group: str, id: str | None = None) -> None:
        """Send a join or leave."""
        where = {"streamName": stream, "groupId": group, "subscriptionId": f"{stream}/{group}/{id}"}
        await self.socket.send_json({"type": kind, "data": where if id is None else {**where, "id": id}})

    async def frame(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(HANG_S):
            return await self.socket.receive_json()

    async def closed(self) -> tuple[int | None, str]:
        """The close code and reason that the host gives."""
        async with asyncio.timeout(HANG_S):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, str(message.extra)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    files = {
        "steps/board.stream.ts": BOARD,
        "steps/notes_stream.py": NOTES,
        "steps/write.step.ts": WRITE_NODE,
        "steps/write_step.py": WRITE_PYTHON,
    }
    async with Running(make_project(tmp_path_factory.mktemp("streams"), files)) as running:
        yield running


@contextlib.asynccontextmanager
async def connected(host: Running) -> AsyncIterator[Client]:
    """A client on a socket of its own."""
    async with host.socket() as socket:
        yield Client(socket)


async def write(host: Running, language: str, *actions: list[object]) -> Any:
    """Let a step act on streams: `[verb, stream, ...]` each; gives what the calls gave."""
    return (await host.post(f"/{language}/write", {"actions": actions}))["results"]


def checked(frames: list[Any]) -> list[Any]:
    """The frames without timestamps, which must grow strictly, and without creation times."""
    timestamps = [frame["timestamp"] for frame in frames]
    assert timestamps == sorted(set(timestamps))
    out = []
    for frame in frames:
        kept = {key: value for key, value in frame.items() if key != "timestamp"}
        data = kept["event"].get("data")
        if isinstance(data, dict):
            assert data["_createdAt"] <= frame["timestamp"]
            kept["event"] = {**kept["event"], "data": {key: data[key] for key in data if key != "_createdAt"}}
        out.append(kept)
    return out


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_item_and_its_group_get_one_frame_for_each_change(host: Running, language: str) -> None:
    group = f"frames-{language}"
    item = {"streamName": "board", "groupId": group, "id": "one"}
    async with connected(host) as of_item, connected(host) as of_group, connected(host) as of_both:
        await of_group.say("join", "board", group)
        assert checked([await of_group.frame()]) == [
            {"streamName": "board", "groupId": group, "event": {"type": "sync", "data": []}}
        ]
        # An item that does not exist has no sync, so the join is seen by its effect only: ask for something after it.
        for client in (of_item, of_both):
            await client.say("join", "board", group, "one")
        await of_both.say("join", "board", group)
        assert (await of_both.frame())["event"] == {"type": "sync", "data": []}
        await of_item.say("join", "board", f"{group}-other")
        assert (await of_item.frame())["groupId"] == f"{group}-other"

        results = await write(
            host,
            language,
            ["set", "board", group, "one", {"title": "a", "votes": 1}],
            ["set", "board", group, "one", {"title": "b", "votes": 2}],
            ["set", "board", group, "one", {"title": "b", "votes": 2}],
            ["send", "board", {"groupId": group, "id": "one"}, {"type": "typing", "data": {"who": "me"}}],
            ["delete", "board", group, "one"],
            ["delete", "board", group, "one"],
            ["send", "board", {"groupId": group}, {"type": "done", "data": None}],
        )
        written = results[0]
        assert written == {
            "title": "a",
            "votes": 1,
            "id": "one",
            "_createdAt": written["_createdAt"],
            "__motia": {"type": "state-stream", "streamName": "board", "groupId": group, "id": "one"},
        }
        # The creation time is kept over later writes.
        assert results[1]["_createdAt"] == written["_createdAt"]
        assert results[5] is None
        changes = [
            {**item, "event": {"type": "create", "data": {"title": "a", "votes": 1, "id": "one"}}},
            {**item, "event": {"type": "update", "data": {"title": "b", "votes": 2, "id": "one"}}},
            {**item, "event": {"type": "update", "data": {"title": "b", "votes": 2, "id": "one"}}},
            {**item, "event": {"type": "event", "event": {"type": "typing", "data": {"who": "me"}}}},
            {**item, "event": {"type": "delete", "data": {"title": "b", "votes": 2, "id": "one"}}},
        ]
        done = {
            "streamName": "board",
            "groupId": group,
            "event": {"type": "event", "event": {"type": "done", "data": None}},
        }
        for client in (of_group, of_both):
            assert checked([await client.frame() for _ in range(6)]) == [*changes, done]
        # What goes to the whole group is not for those who joined one item.
        assert checked([await of_item.frame() for _ in range(5)]) == changes
        await nothing_waits(host, language, of_item, of_group, of_both)


async def nothing_waits(host: Running, language: str, *clients: Client) -> None:
    """A change in a room of their own is the next thing that clients see, so nothing else was on its way to them."""
    for client in clients:
        await client.say("join", "board", f"last-{language}")
        frame = await client.frame()
        assert (frame["groupId"], frame["event"]["type"]) == (f"last-{language}", "sync")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_join_starts_with_what_is_there_oldest_first(host: Running, language: str) -> None:
    group = f"sync-{language}"
    await write(
        host,
        language,
        ["set", "notes", group, "z", {"n": 1}],
        ["set", "notes", group, "a", {"n": 2}],
        ["set", "notes", group, "z", {"n": 3}],
        ["set", "notes", f"{group}-2", "z", {"n": 4}],
    )
    async with connected(host) as client:
        await client.say("join", "notes", group)
        data = (await client.frame())["event"]["data"]
        assert [{key: item[key] for key in ("id", "n")} for item in data] == [{"id": "z", "n": 3}, {"id": "a", "n": 2}]
        assert all(item.keys() == {"id", "n", "_createdAt"} for item in data)
        await client.say("join", "notes", group, "z")
        frame = await client.frame()
        assert checked([frame]) == [
            {
                "streamName": "notes",
                "groupId": group,
                "id": "z",
                "event": {"type": "sync", "data": {"n": 3, "id": "z"}},
            }
        ]
    listed = (await host.api(f"streams/notes/{group}"))["items"]
    assert [item["id"] for item in listed] == ["z", "a"]


async def test_items_of_the_same_id_in_two_groups_are_strangers(host: Running) -> None:
    async with connected(host) as client:
        await client.say("join", "notes", "mine", "x")
        await client.say("join", "notes", "mine")
        assert (await client.frame())["event"]["type"] == "sync"
        await write(host, "ts", ["set", "notes", "theirs", "x", {"n": 1}], ["set", "notes", "mine", "x", {"n": 2}])
        frame = await client.frame()
        assert (frame["groupId"], frame["event"]["data"]["n"]) == ("mine", 2)


async def test_after_a_leave_no_frame_comes(host: Running) -> None:
    async with connected(host) as client:
        for id in ("left", "kept"):
            await client.say("join", "notes", "leaving", id)
        await client.say("leave", "notes", "leaving", "left")
        await client.say("join", "notes", "leaving-2")
        assert (await client.frame())["groupId"] == "leaving-2"
        await write(
            host, "py", ["set", "notes", "leaving", "left", {"n": 1}], ["set", "notes", "leaving", "kept", {"n": 2}]
        )
        assert (await client.frame())["id"] == "kept"


async def test_an_unknown_stream_is_an_error_frame_and_the_socket_goes_on(host: Running) -> None:
    async with connected(host) as client:
        await client.say("join", "nope", "g", "i")
        frame = await client.frame()
        assert frame == {
            "timestamp": frame["timestamp"],
            "streamName": "nope",
            "groupId": "g",
            "id": "i",
            "event": {
                "type": "event",
                "event": {"type": "error", "data": {"code": "STREAM_NOT_FOUND", "message": "Stream nope not found"}},
            },
        }
        await client.say("join", "notes", "empty")
        assert (await client.frame())["event"] == {"type": "sync", "data": []}


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        ("{not json", 1007, "not JSON"),
        ("[1]", 1008, 'a message is an object with a "type"'),
        ('{"type":"join","data":{"streamName":"board"}}', 1008, "groupId of a join must be text"),
        (json.dumps({"type": "join", "data": {"pad": "x" * 70_000}}), 1009, "a message holds at most 65536 bytes"),
        (b"\x00\x01", 1003, "send JSON as text, not binary"),
    ],
)
async def test_a_bad_message_closes_its_own_socket_only(
    host: Running, sent: str | bytes, code: int, reason: str
) -> None:
    async with connected(host) as bad, connected(host) as good:
        await good.say("join", "notes", "still-there")
        assert (await good.frame())["event"]["type"] == "sync"
        await (bad.socket.send_bytes(sent) if isinstance(sent, bytes) else bad.socket.send_str(sent))
        closed_code, closed_reason = await bad.closed()
        assert (closed_code, closed_reason[: len(reason)]) == (code, reason)
        await write(host, "ts", ["send", "notes", {"groupId": "still-there"}, {"type": "hello", "data": 1}])
        assert (await good.frame())["event"] == {"type": "event", "event": {"type": "hello", "data": 1}}


async def test_messages_of_an_unknown_type_are_passed_over(host: Running) -> None:
    async with connected(host) as client:
        await client.socket.send_json({"type": "ping"})
        await client.say("join", "notes", "after-ping")
        assert (await client.frame())["groupId"] == "after-ping"


async def test_a_socket_is_refused_to_pages_of_other_origins_before_the_upgrade(host: Running) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with host.socket(headers={"Origin": "https://evil.example"}):
            pass
    assert refused.value.status == 403
    for origin in (host.url, "http://localhost:5173"):
        async with host.socket(headers={"Origin": origin}) as socket:
            client = Client(socket)
            await client.say("join", "notes", "from-a-page")
            assert (await client.frame())["event"]["type"] == "sync"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_item_that_breaks_its_schema_raises_in_the_handler_with_its_path(host: Running, language: str) -> None:
    group = f"schema-{language}"
    async with connected(host) as client:
        await client.say("join", "board", group)
        assert (await client.frame())["event"] == {"type": "sync", "data": []}
        answer = await host.post(
            f"/{language}/write",
            {
                "catch": True,
                "actions": [
                    ["set", "board", group, "bad", {"title": "a", "votes": "many"}],
                    ["set", "board", group, "good", {"title": "a", "votes": 1}],
                ],
            },
        )
        caught = answer["results"][0]
        assert caught["name"] == "contract_broken"
        assert "stream board" in caught["message"]
        assert "data.votes" in caught["message"]
        # The refused write left no trace: the first frame is the good one.
        assert (await client.frame())["id"] == "good"
    missing = await host.post(f"/{language}/write", {"catch": True, "actions": [["get", "nowhere", "g", "i"]]})
    assert missing["results"][0]["name"] == "stream_not_found"


async def test_thirty_writers_at_once_give_every_reader_the_same_order(host: Running) -> None:
    async with connected(host) as one, connected(host) as two:
        for client in (one, two):
            await client.say("join", "notes", "crowd")
            assert (await client.frame())["event"]["type"] == "sync"
        writes = [write(host, LANGUAGES[n % 2], ["set", "notes", "crowd", f"i{n}", {"n": n}]) for n in range(30)]
        await asyncio.gather(*writes)
        seen = [[await client.frame() for _ in range(30)] for client in (one, two)]
        assert seen[0] == seen[1]
        checked(seen[0])
        assert sorted(frame["event"]["data"]["n"] for frame in seen[0]) == [*range(30)]


BOARD = """
import { z } from 'zod'
export const config = { name: 'board', schema: z.object({ title: z.string(), votes: z.number() }) }
"""
NOTES = """
config = {"name": "notes", "schema": {"type": "object", "properties": {"n": {"type": "number"}}}}
"""
WRITE_NODE = """
export const config = { type: 'api', name: 'WriteTs', path: '/ts/write', method: 'POST', emits: [] }
export const handler = async (req: any, { streams }: any) => {
  const results = []
  for (const [verb, stream, ...rest] of req.body.actions) {
    try {
      results.push((await streams[stream][verb](...rest)) ?? null)
    } catch (error: any) {
      if (!req.body.catch) throw error
      results.push({ name: error.name, message: error.message })
    }
  }
  return { status: 200, body: { results } }
}
"""
WRITE_PYTHON = """
config = {"type": "api", "name": "WritePy", "path": "/py/write", "method": "POST", "emits": []}

async def handler(req, context):
    results = []
    for verb, stream, *rest in req.body["actions"]:
        try:
            results.append(await getattr(context.streams[stream], verb)(*rest))
        except Exception as error:
            if not req.body.get("catch"):
                raise
            results.append({"name": error.name, "message": str(error)})
    return {"status": 200, "body": {"results": results}}
"""
