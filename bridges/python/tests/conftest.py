"""A host made of test code: starts the real runner on real pipes and speaks the protocol to it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import shlex
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

_LAUNCH = Path(__file__).resolve().parents[1] / "launch.py"
_BOUND_S = 15.0
_IN_FOLDER = 'cd "$0" && exec "$@"'

HELLO = {
    "protocol": "1.0",
    "host": {"name": "test", "version": "0"},
    "frame_bytes_max": 16_777_216,
    "features": ["unheard-of"],
}


class WireError(Exception):
    """An error answer, as the map that arrived."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['name']}: {error['message']}")
        self.error = error


class FakeHost:
    """The host's end of one runner process. State and streams are a dict; `answer` may be replaced."""

    def __init__(self, project: Path, channel: str, environment: dict[str, str]) -> None:
        self.project = project
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.raw_responses: list[list[Any]] = []
        self.answer: Callable[[str, dict[str, Any]], Any] = self.store
        self.state: dict[tuple[Any, ...], Any] = {}
        self.runner_closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Condition()
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._buffer = bytearray()
        self._answering: set[asyncio.Task[None]] = set()
        self.launch_command = shlex.join([sys.executable, str(_LAUNCH)])
        # The pipes: runner reads in_r, writes out_w, and its plain output goes to user_w.
        in_r, self._in = _pipe()
        self._out, out_w = _pipe()
        self._user, user_w = _pipe()
        self._user_text = bytearray()
        if channel == "private":
            actions = [(in_r, 3), (out_w, 4), (user_w, 1), (user_w, 2)]
        else:
            actions = [(in_r, 0), (out_w, 1), (user_w, 2)]
        self.pid = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _IN_FOLDER, str(project), sys.executable, str(_LAUNCH)],
            {**os.environ, "POLYSTEP_CHANNEL": channel, **environment},
            file_actions=[(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in actions],
        )
        for descriptor in (in_r, out_w, user_w):
            os.close(descriptor)
        self._loop.add_reader(self._out, self._readable)
        self._loop.add_reader(self._user, self._user_readable)

    async def hello(self, **changes: Any) -> Any:
        return await self.request("hello", {**HELLO, "project": str(self.project), **changes})

    async def load(self, file: str, kind: str = "step") -> Any:
        return await self.request("step.load", {"file": file, "kind": kind})

    async def run(self, file: str, input: Any = None, type: str = "api", **more: Any) -> Any:
        run = f"run-{next(self._ids)}"
        params = {
            "run": run, "file": file, "step": "Step", "type": type, "input": input, "trace_id": "trace-1",
            "traceparent": "", "attempt": 1, "timeout_ms": 10_000, "flows": ["flow-1"],
        }  # fmt: skip
        return await self.request("step.run", {**params, **more})

    async def load_and_run(self, file: str, input: Any = None, type: str = "api", **more: Any) -> Any:
        await self.load(file)
        return await self.run(file, input, type, **more)

    async def request(self, method: str, params: Any) -> Any:
        id = next(self._ids)
        self._pending[id] = self._loop.create_future()
        self.send([0, id, method, params])
        async with asyncio.timeout(_BOUND_S):
            return await self._pending[id]

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.send([2, method, params])

    def send(self, message: Any) -> None:
        self.send_bytes(frame(message))

    def send_bytes(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._in, data) :]

    async def until(self, ready: Callable[[], Any]) -> Any:
        """Return the value of `ready` once it is true; it is called after every arrival."""
        async with asyncio.timeout(_BOUND_S), self._arrived:
            await self._arrived.wait_for(lambda: bool(ready()))
            return ready()

    def logs(self, **wanted: Any) -> list[dict[str, Any]]:
        lines = [params for method, params in self.notes if method == "log"]
        return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

    def pause(self) -> None:
        """Stop reading what the runner sends."""
        self._loop.remove_reader(self._out)

    def resume(self) -> None:
        self._loop.add_reader(self._out, self._readable)

    def user_text(self) -> str:
        return self._user_text.decode()

    def close_channel(self) -> None:
        os.close(self._in)
        self._in = -1

    async def exit_status(self) -> int:
        async with asyncio.timeout(_BOUND_S):
            _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def store(self, method: str, params: dict[str, Any]) -> Any:
        """Answer like a host with one dict."""
        room, _, verb = method.partition(".")
        key = (room, params.get("stream"), params.get("group"), params.get("key", params.get("id")))
        match verb:
            case "get":
                return self.state.get(key)
            case "set":
                self.state[key] = params.get("value", params.get("data"))
                return {**params["data"], "id": params["id"], "_createdAt": 1} if room == "streams" else None
            case "delete":
                return self.state.pop(key, None)
            case "get_group":
                return [value for known, value in self.state.items() if known[:3] == key[:3]]
        return None

    async def close(self) -> None:
        self._loop.remove_reader(self._out)
        self._loop.remove_reader(self._user)
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await asyncio.to_thread(os.waitpid, self.pid, 0)
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        for descriptor in {self._in, self._out, self._user} - {-1}:
            os.close(descriptor)

    def _user_readable(self) -> None:
        data = os.read(self._user, 65_536)
        if not data:
            self._loop.remove_reader(self._user)
        self._user_text.extend(data)
        self._start(self._wake())

    def _readable(self) -> None:
        data = os.read(self._out, 1_048_576)
        if not data:
            self._loop.remove_reader(self._out)
            self.runner_closed.set()
            return
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < 4 + size:
                break
            message = msgpack.unpackb(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            self._take(message)
        self._start(self._wake())

    def _take(self, message: list[Any]) -> None:
        match message:
            case [0, id, method, params]:
                self.calls.append((method, params))
                self._start(self._reply(id, method, params))
            case [1, id, error, result]:
                self.raw_responses.append(message)
                future = self._pending.pop(id, None)
                if future is not None and not future.done():
                    future.set_exception(WireError(error)) if error else future.set_result(result)
            case [2, method, params]:
                self.notes.append((method, params))
            case _:
                raise AssertionError(f"not a message: {message}")

    async def _reply(self, id: int, method: str, params: dict[str, Any]) -> None:
        try:
            result = self.answer(method, params)
            if isinstance(result, Awaitable):
                result = await result
            self.send([1, id, None, result])
        except WireError as error:
            self.send([1, id, error.error, None])

    async def _wake(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)


def frame(message: Any) -> bytes:
    body: bytes = msgpack.packb(message)
    return len(body).to_bytes(4, "big") + body


def _pipe() -> tuple[int, int]:
    """Both ends above the numbers that the runner uses, and closed in it."""
    low = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in low]
    for end in low:
        os.close(end)
    return high[0], high[1]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[FakeHost]]]:
    """`await start({"steps/a_step.py": "..."}, channel="private", hello={…})`: a runner on these files.

    `hello` is what its hello has other than `HELLO`; with False there is none.
    """
    hosts: list[FakeHost] = []

    async def start_host(
        files: dict[str, str], channel: str = "private", hello: bool | dict[str, Any] = True, **environment: str
    ) -> FakeHost:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        host = FakeHost(tmp_path, channel, environment)
        hosts.append(host)
        if hello is not False:
            await host.hello(**(hello if isinstance(hello, dict) else {}))
        return host

    yield start_host
    for host in hosts:
        await host.close()


@pytest.fixture
def wire_error() -> type[WireError]:
    return WireError


@pytest.fixture
def to_frame() -> Callable[[Any], bytes]:
    return frame
