"""Small server of the stand-in: the OpenAI routes that steps use, on a loopback port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping

import orjson
from aiohttp import web

from polystep.contracts.values import JSONObject, JSONValue
from polystep.http.bodies import read_body
from polystep.http.connections import ConnectionServer
from polystep.http.listening import listen
from polystep.http.load import Load
from polystep.http.refusals import RequestRefused, json_answer
from polystep.http.settings import HttpSettings
from polystep.standin.embeddings import embeddings_of
from polystep.standin.moderations import moderations_of
from polystep.standin.refusal import ModelRefused
from polystep.standin.replies import MADE_AT_S, Reply, reply_to
from polystep.standin.responses import Response, response_to

MODEL = "polystep-stand-in"

_SUPPORTED = "POST /v1/chat/completions, /v1/responses, /v1/embeddings and /v1/moderations, and GET /v1/models"


class StandInServer:
    """OpenAI-compatible server without a model: deterministic, without latency, on loopback only.

    Set `OPENAI_BASE_URL` to `base_url`, and `OPENAI_API_KEY` to anything, for the official clients to use it.
    """

    def __init__(self, port: int = 0, on_first_call: Callable[[], None] = lambda: None) -> None:
        """Prepare; `on_first_call` is called at the first request of a step."""
        self._on_first_call = on_first_call
        self._is_told = False
        self._settings = HttpSettings(host="127.0.0.1", port=port)
        self._load = Load(self._settings)
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: ConnectionServer | None = None

    def bind(self) -> int:
        """Take the port, and return the real one.

        Raises:
            AddressUnavailable: Another program has it.
        """
        if self._listening is None:
            self._listening = listen(self._settings.host, self._settings.port)
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        """Base URL for clients; binds the port if that has not happened."""
        return f"http://{self._settings.host}:{self.bind()}/v1"

    async def start(self) -> None:
        """Answer requests."""
        self.bind()
        assert self._listening is not None
        self._connections = ConnectionServer(self._handle, self._settings, self._load)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connections, sock=self._listening)

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        server, self._server = self._server, None
        connections, self._connections = self._connections, None
        listening, self._listening = self._listening, None
        if server is None or connections is None:
            if listening is not None:
                listening.close()
            return
        server.close()
        connections.pre_shutdown()
        await connections.shutdown(1.0)
        await server.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        route = (request.method, request.raw_path.partition("?")[0].rstrip("/"))
        try:
            if route == ("GET", "/v1/models"):
                return json_answer(200, _models())
            answer = self._answers().get(route)
            if answer is None:
                return _unknown(*route)
            if not self._is_told:
                self._is_told = True
                self._on_first_call()
            return await answer(request)
        except ModelRefused as refused:
            return json_answer(refused.status, refused.to_json())

    def _answers(self) -> Mapping[tuple[str, str], Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]:
        return {
            ("POST", "/v1/chat/completions"): self._complete,
            ("POST", "/v1/responses"): self._respond,
            ("POST", "/v1/embeddings"): self._embed,
            ("POST", "/v1/moderations"): self._moderate,
        }

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await self._body(request)
        response = response_to(body)
        if isinstance(body, dict) and body.get("stream"):
            return await _send_events(request, response)
        return json_answer(200, response.whole())

    async def _embed(self, request: web.BaseRequest) -> web.StreamResponse:
        return json_answer(200, embeddings_of(await self._body(request)))

    async def _moderate(self, request: web.BaseRequest) -> web.StreamResponse:
        return json_answer(200, moderations_of(await self._body(request)))

    async def _complete(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await self._body(request)
        reply = reply_to(body)
        if isinstance(body, dict) and body.get("stream"):
            return await _send_stream(request, reply, body.get("stream_options"))
        return json_answer(200, reply.completion())

    async def _body(self, request: web.BaseRequest) -> JSONValue:
        try:
            with self._load.budget.hold() as hold:
                data = await read_body(request, self._settings, hold)
        except RequestRefused as refused:
            raise ModelRefused(str(refused.body.get("hint")), status=refused.status) from refused
        try:
            value: JSONValue = orjson.loads(data)
        except orjson.JSONDecodeError as broken:
            raise ModelRefused(f"We could not parse the JSON body of your request: {broken}") from broken
        return value


def _unknown(method: str, path: str) -> web.Response:
    message = f"{method} {path[:200]} is not here. The stand-in supports {_SUPPORTED}."
    return json_answer(404, ModelRefused(message, code="unknown_url").to_json())


def _models() -> JSONObject:
    model: JSONObject = {"id": MODEL, "object": "model", "created": MADE_AT_S, "owned_by": "polystep"}
    return {"object": "list", "data": [model]}


async def _send_stream(request: web.BaseRequest, reply: Reply, options: JSONValue) -> web.StreamResponse:
    """Send server-sent events: `data: {chunk}` each, then `data: [DONE]`."""
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for chunk in reply.chunks(with_usage=with_usage):
        await response.write(b"data: " + orjson.dumps(chunk) + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _send_events(request: web.BaseRequest, response: Response) -> web.StreamResponse:
    """Send server-sent events: `event: type`, `data: {event}`."""
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await stream.prepare(request)
    for event in response.events():
        await stream.write(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), orjson.dumps(event)))
    await stream.write_eof()
    return stream
