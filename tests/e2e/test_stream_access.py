"""Who may follow streams: `streamAuth` and `canAccess` of projects as they were written for Motia 0.17, and our own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.running import ROOT, Running, make_project
from tests.patience import HANG_S

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

SECRET = "signing-key-of-this-test"
# As the templates of Motia 0.17 have it; none of these packages is installed.
CONFIG = """
import { createHmac, timingSafeEqual } from 'node:crypto'
import { config, type StreamAuthRequest } from '@motiadev/core'
import { z } from 'zod'
import statesPlugin from '@motiadev/plugin-states/plugin'
import { BullMQEventAdapter } from '@motiadev/adapter-bullmq-events'
const logsPlugin = require('@motiadev/plugin-logs/plugin')

const contextSchema = z.object({ userId: z.string(), role: z.enum(['user', 'admin']).optional() })

const verify = (token: string) => {
  const [body = '', signature = ''] = token.split('.')
  const wanted = createHmac('sha256', 'SECRET').update(body).digest('base64url')
  if (signature.length !== wanted.length || !timingSafeEqual(Buffer.from(signature), Buffer.from(wanted))) {
    throw new Error(`jwt malformed: ${token}`)
  }
  return JSON.parse(Buffer.from(body, 'base64url').toString())
}

const tokenOf = ({ headers, url }: StreamAuthRequest): string | undefined => {
  const protocol = headers['sec-websocket-protocol'] as string | undefined
  if (protocol?.startsWith('Authorization')) return protocol.split(',')[1]?.trim()
  return new URL(url ?? '/', 'http://localhost').searchParams.get('authToken') ?? undefined
}

export default config({
  plugins: [statesPlugin, logsPlugin],
  adapters: { events: new BullMQEventAdapter({ connection: { host: 'localhost' } }) },
  app: (app: any) => { app.use('/static', () => undefined) },
  streamAuth: {
    contextSchema: z.toJSONSchema(contextSchema),
    authenticate: async (request: StreamAuthRequest) => {
      const token = tokenOf(request)
      if (!token) throw new Error('Missing token')
      return token === 'guest' ? null : verify(token)
    },
  },
})
""".replace("SECRET", SECRET)
OPEN = "export const config = { name: 'open', schema: { type: 'object' }, baseConfig: { storageType: 'default' } }"
PRIVATE = """
import { StreamConfig } from 'motia'

export const config: StreamConfig = {
  name: 'private',
  schema: { type: 'object' },
  baseConfig: { storageType: 'default' },
  canAccess: (subscription, auth) => {
    if (subscription.groupId === 'broken') throw new Error('the rule broke')
    return auth !== undefined && auth.userId === subscription.groupId
  },
}
"""
TEAM = '''
"""A stream whose rule is a coroutine."""


async def can_access(subscription, auth_context):
    if auth_context is None:
        return subscription["groupId"] == "lobby"
    return auth_context.get("role") == "admin" or subscription.get("id") == auth_context["userId"]


config = {"name": "team", "schema": {"type": "object"}, "canAccess": can_access}
'''
WRITE = """
export const config = { type: 'api', name: 'Write', method: 'POST', path: '/write' }
export const handler = async (req, { streams }) => {
  const { stream, group, id, data } = req.body
  return { status: 200, body: await streams[stream].set(group, id, data) }
}
"""


def token(**claims: object) -> str:
    """A signed token, as `verify` of the config reads it."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return f"{body.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class Client:
    """Sends the frames of `@motiadev/stream-client-browser`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def join(self, stream: str, group: str, id: str | None = None) -> Any:
        """Join, and return the event of the next frame."""
        data = {"streamName": stream, "groupId": group, "subscriptionId": "0b6f2f3e-6d2c-4c7e-9a5e-0f1f5b1c2d3e"}
        await self.socket.send_json({"type": "join", "data": data if id is None else {**data, "id": id}})
        return (await self.frame())["event"]

    async def frame(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(HANG_S):
            return await self.socket.receive_json()


DENIED = {
    "type": "event",
    "event": {"type": "error", "data": {"code": "STREAM_ACCESS_DENIED", "message": "Access denied"}},
}
SYNC = {"type": "sync", "data": []}


@contextlib.asynccontextmanager
async def connected(host: Running, given: str | None = None) -> AsyncIterator[Client]:
    """A client that brings its token as `protocols: ['Authorization', token]` does."""
    protocols = () if given is None else ("Authorization", given)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{host.url}/", protocols=protocols) as socket:
        yield Client(socket)


async def refusal(host: Running, path: str = "/", **headers: str) -> tuple[int, Any]:
    """Status and body of an upgrade that is refused."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{host.url}{path}", headers={**upgrade, **headers}) as response,
    ):
        return response.status, await response.json()


UNAUTHORIZED = (401, {"error": "Authentication failed"})
UNAVAILABLE = (503, {"error": "Authentication unavailable"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    files = {
        "package.json": '{"type": "module"}',
        "motia.config.ts": CONFIG,
        "src/open.stream.ts": OPEN,
        "src/private.stream.ts": PRIVATE,
        "src/team_stream.py": TEAM,
        "src/write.step.ts": WRITE,
        "src/write.step.tsx": "export const Node = () => null",
    }
    async with Running(make_project(tmp_path_factory.mktemp("access"), files)) as running:
        yield running


async def test_a_socket_whose_rule_throws_is_refused_and_its_token_is_told_nobody(host: Running) -> None:
    assert await refusal(host) == UNAUTHORIZED
    await host.line("authenticate of motia.config.ts raised Error: Missing token")
    forged = f"{token(userId='ada')}x"
    assert await refusal(host, f"/?authToken={forged}") == UNAUTHORIZED
    assert not any(forged in line for line in host.lines)
    assert forged not in json.dumps(await host.api("logs?limit=200"))


async def test_an_authenticated_client_gets_what_its_rules_allow(host: Running) -> None:
    async with connected(host, token(userId="ada")) as ada:
        assert ada.socket.protocol == "Authorization"
        assert await ada.join("open", "any") == SYNC
        assert await ada.join("private", "ada") == SYNC
        assert await ada.join("private", "bob") == DENIED
        assert await ada.join("private", "broken") == DENIED
        assert await ada.join("team", "any") == DENIED
        await host.post("/write", {"stream": "team", "group": "any", "id": "ada", "data": {"n": 1}})
        assert (await ada.join("team", "any", "ada"))["data"]["n"] == 1
        # What was denied is not followed: the next frame is that of the group that was joined.
        await host.post("/write", {"stream": "private", "group": "bob", "id": "1", "data": {"n": 1}})
        await host.post("/write", {"stream": "private", "group": "ada", "id": "1", "data": {"n": 2}})
        frame = await ada.frame()
        assert (frame["groupId"], frame["event"]["type"]) == ("ada", "create")
    async with connected(host, token(userId="eve", role="admin")) as eve:
        assert await eve.join("team", "any") != DENIED


async def test_null_is_an_anonymous_client_and_its_context_is_absent(host: Running) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{host.url}/?authToken=guest") as socket:
        guest = Client(socket)
        assert await guest.join("open", "any") == SYNC
        assert await guest.join("private", "undefined") == DENIED
        assert await guest.join("team", "lobby") == SYNC
        assert await guest.join("team", "any") == DENIED


async def test_a_context_that_breaks_its_schema_is_refused(host: Running) -> None:
    assert await refusal(host, f"/?authToken={token(userId='ada', role='queen')}") == UNAUTHORIZED


async def test_check_names_what_has_no_effect_and_types_know_the_context(host: Running) -> None:
    status, output = await host.command("check", "--no-strict")
    assert status == 0, output
    for text in (
        "app(express) is not called",
        "plugins are not loaded: @motiadev/plugin-states/plugin, @motiadev/plugin-logs/plugin",
        "adapters have no effect: events",
        "Only Motia's Workbench reads these files, so they have no effect: src/write.step.tsx",
    ):
        assert text in output
        assert any(text in line for line in host.lines), text
    types = (host.project / "types.d.ts").read_text()
    declared = types.partition("interface StreamAuthContext ")[2].partition("}")[0]
    assert "userId: string" in declared, types
    assert "role?: " in declared
    assert "class StreamAuthContext" in (host.project / "polystep_types.py").read_text()


async def test_a_rule_that_does_not_load_refuses_everybody_until_it_is_mended(host: Running) -> None:
    config = host.project / "motia.config.ts"
    async with connected(host, token(userId="ada")) as before:
        since = len(host.lines)
        config.write_text(CONFIG + "\nexport const = 1\n")
        await host.line("Until this is mended every WebSocket is refused", since=since)
        assert await refusal(host, f"/?authToken={token(userId='ada')}") == UNAVAILABLE
        assert await before.join("open", "other") == DENIED
        # A reload reads the rule anew. A socket stays what it was authenticated as.
        config.write_text(CONFIG.replace("token === 'guest' ? null", "token !== 'other' ? null"))
        await host.line("WebSockets are authenticated by motia.config.ts", since=since)
        assert (await before.join("private", "ada"))["type"] == "sync"
        async with connected(host, token(userId="ada")) as after:
            assert await after.join("private", "ada") == DENIED
        since = len(host.lines)
        config.write_text(CONFIG.replace("role: z", "team: z.string().optional(), role: z"))
        await host.line("WebSockets are authenticated by motia.config.ts", since=since)
        async with connected(host, token(userId="ada")) as mended:
            assert (await mended.join("private", "ada"))["type"] == "sync"


ACCESS = '''
"""Who may open a WebSocket."""

context_schema = {"type": "object", "properties": {"user": {"type": "string"}}, "required": ["user"]}


def authenticate(request):
    user = request.headers.get("authorization")
    if user is None:
        raise PermissionError("say who you are")
    return {"user": user}
'''
DOCS = (ROOT / "docs" / "streams.md").read_text("utf-8")
OWN = """
config = {"name": "own", "schema": {"type": "object"}, "can_access": lambda who, auth: who["groupId"] == auth["user"]}
"""


async def test_python_alone_keeps_both_kinds_of_rules(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/who_access.py": ACCESS, "steps/own_stream.py": OWN})
    async with Running(project) as host:
        assert await refusal(host) == UNAUTHORIZED
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{host.url}/", headers={"Authorization": "ada"}) as socket:
                client = Client(socket)
                assert await client.join("own", "ada") == SYNC
                assert await client.join("own", "bob") == DENIED


async def test_two_rules_refuse_everybody(tmp_path: Path) -> None:
    files = {"steps/who_access.py": ACCESS, "steps/other.access.js": "export const authenticate = () => null"}
    project = make_project(tmp_path, {**files, "steps/own_stream.py": OWN.replace("can_access", "description_")})
    async with Running(project) as host:
        assert await refusal(host) == UNAVAILABLE
        await host.line("steps/other.access.js and steps/who_access.py both declare authenticate")
        status, output = await host.command("check")
        assert status == 1
        assert "both declare authenticate" in output


RUBY = "def config = { name: 'ruby', schema: { type: 'object' }, canAccess: ->(*) { true } }\n"


async def test_a_stream_whose_runner_cannot_ask_its_rule_is_not_served(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/ruby_stream.rb": RUBY})
    async with Running(project) as host:
        await host.line("steps/ruby_stream.rb has canAccess, which the ruby runner cannot ask")
        async with connected(host) as client:
            refused = (await client.join("ruby", "any"))["event"]["data"]
            assert refused["code"] == "STREAM_NOT_FOUND"
        status, output = await host.command("check")
        assert status == 1
        assert "the stream is not served" in output


def shown(name: str) -> str:
    """The file of this name in docs/streams.md."""
    found = re.search(rf"```\w+\n(?:#|//) {re.escape(name)}\n(.*?)```", DOCS, re.DOTALL)
    assert found, name
    return found[1]


async def test_the_files_of_the_documentation_work(tmp_path: Path) -> None:
    stream = "steps/inbox_stream.py"
    project = make_project(tmp_path, {name: shown(name) for name in ("steps/who_access.py", stream)})
    async with Running(project, environment={"STREAM_SECRET": "s3"}) as host:
        async with connected(host, "ada.s3") as ada:
            assert await ada.join("inbox", "ada") == SYNC
            assert await ada.join("inbox", "bob") == DENIED
        async with connected(host) as anonymous:
            assert await anonymous.join("inbox", "ada") == DENIED
        assert await refusal(host, **{"Sec-WebSocket-Protocol": "Authorization, ada.wrong"}) == UNAUTHORIZED
        since = len(host.lines)
        (project / "steps" / "who_access.py").unlink()
        (project / "steps" / "who.access.ts").write_text(shown("steps/who.access.ts"))
        await host.line("authenticated by steps/who.access.ts", since=since)
        assert await refusal(host) == UNAUTHORIZED
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{host.url}/?authToken=ada.x") as socket:
            assert await Client(socket).join("inbox", "ada") == SYNC
