"""A host that plays by the book, and, on demand, breaks one rule: `python -m polystep_kit.broken_host CHECK start …`.

It answers HTTP and runs the steps of `host_check.FILES` in the scripted runner, as a host does, with state in memory.
CHECK names the check that it has to fail, `none` is none.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from polystep_kit.host_case import RUNS_MAX
from polystep_kit.host_cases import BY_NAME
from polystep_kit.host_ids import HostIds
from polystep_kit.host_journal import METHODS, HostJournal
from polystep_kit.host_store import HostStore, Refused
from polystep_kit.host_wire import FRAME_BYTES_MAX, Gone, Wire

_TIMEOUT_S: Final = 0.1
"""Time after which runs of `/slow/` are cancelled: sooner than announced, so that proofs are quick."""
_EXIT_S: Final = 5.0
_REASONS: Final = {
    200: "OK",
    201: "Created",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class BrokenHost:
    """One host with at most one fault."""

    def __init__(self, project: Path, check: str) -> None:
        self._project = project
        self._check = check
        self._wanted = BY_NAME[check].fault if check in BY_NAME else {}
        self._probe = ""
        """The check whose run was opened last."""
        self._numbers = itertools.count(1)
        self._runs: dict[str, str] = {}
        """Open runs, with their traces."""
        self._places = asyncio.Semaphore(RUNS_MAX)
        self._store = HostStore(self._emitted)
        self._ids = HostIds()
        self._journals: dict[str, HostJournal] = {}
        self._shared: dict[str, Any] = {}
        """Results of `once` that are the project's."""
        self._streamed: dict[str, tuple[int, list[str]]] = {}
        """Responses that runs have sent so far: status and items."""
        self._events: set[asyncio.Task[None]] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._ready = asyncio.Lock()
        self._was_late = False

    async def serve(self, port: int) -> None:
        """Serve until SIGTERM."""
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await self._serving()
        server = await asyncio.start_server(self._client, "127.0.0.1", port)
        folder = self._project / ".polystep"
        folder.mkdir(exist_ok=True)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        written = folder / "host.json.new"
        written.write_text(json.dumps({"url": url, "pid": os.getpid()}), "utf-8")
        written.rename(folder / "host.json")
        await stopped.wait()
        server.close()
        await self._stop()

    async def _serving(self) -> Wire:
        """The channel of a process that has loaded the steps; a new one when the last has gone."""
        async with self._ready:
            if self._wire is None or self._wire.is_closed:
                await self._end_process()
                if self._wire is not None and self._flag("replaces_late") and not self._was_late:
                    self._was_late = True
                    raise Gone("no new process yet")
                self._wire = await self._started()
            return self._wire

    async def _started(self) -> Wire:
        section = tomllib.loads((self._project / "polystep.toml").read_text("utf-8"))["runners"]["kit"]
        environment = {**os.environ, "POLYSTEP_CHANNEL": section["channel"]}
        if self._flag("names_no_channel"):
            del environment["POLYSTEP_CHANNEL"]
        process = self._process = await asyncio.create_subprocess_exec(
            *section["command"],
            cwd=self._project,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        wire = Wire(process.stdin.write, process.stdin.close, self._called, self._fault)
        self._reading = asyncio.create_task(_read(process.stdout, wire))
        await self._greet(wire)
        return wire

    async def _greet(self, wire: Wire) -> None:
        hello = {
            "protocol": "1.0",
            "host": {"name": "polystep-kit", "version": "1.0"},
            "project": "/elsewhere" if self._flag("elsewhere") else str(self._project),
            "frame_bytes_max": FRAME_BYTES_MAX,
            "features": ["durable", "emit.options", "integers", "pages", "update"],
        }
        if self._flag("no_features"):
            del hello["features"]
        if self._flag("cancels_first"):
            wire.send([2, "cancel", {"run": "none", "reason": "kit"}])
        answer = await wire.ask("hello", hello)
        wire.limit = min(wire.limit, answer["frame_bytes_max"])
        if self._flag("cancels_nothing"):
            wire.send([2, "cancel", {"run": "", "reason": "kit"}])
        loads = [{"file": self._file(path.stem), "kind": self._kind(path.stem)} for path in self._files()]
        if self._flag("loads_at_once"):
            await asyncio.gather(*(wire.ask("step.load", params) for params in loads))
            return
        for params in loads:
            await wire.ask("step.load", params)

    def _files(self) -> list[Path]:
        return sorted((self._project / "steps").glob("*.kit"))

    def _file(self, name: str) -> str:
        relative = f"steps/{name}.kit"
        return str(self._project / relative) if self._flag("absolute") else relative

    def _kind(self, name: str) -> str:
        if self._flag("no_kind") and name == "post_step":
            return "file"
        if self._flag("streams_are_steps"):
            return "step"
        return "stream" if name.endswith("_stream") else "step"

    def _called(self, method: str, params: dict[str, Any]) -> Any:
        if params.get("run") not in self._runs:
            raise Refused("run_ended", "The run is not open.")
        if method == "response.start":
            self._streamed[params["run"]] = params["status"], []
            return None
        if method == "response.write":
            if self._fault().get("flag") != "forgets_items":
                self._streamed[params["run"]][1].append(params["data"])
            return None
        if method in METHODS:
            journal = self._journals.setdefault(params["run"], HostJournal(self._shared, is_request=True))
            return journal.call(method, params, str(self._fault().get("flag", "")))
        if method == "emit.cancel":
            return self._ids.cancel(params["id"], str(self._fault().get("flag", "")))
        if method == "emit" and not self._ids.stores(params, str(self._fault().get("flag", ""))):
            return None
        if method == "emit" and params["run"] in self._journals:
            self._journals[params["run"]].emitted.append(params["data"])
        return self._store.call(method, params)

    def _emitted(self, run: str, data: Any) -> None:
        task = asyncio.create_task(self._event(data, self._runs[run]))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def _event(self, data: Any, trace: str) -> None:
        """Run the event step, and once more when that fails."""
        is_own = isinstance(data, dict) and data.get("tell") == self._check
        fault = self._wanted if is_own else {}
        params = self._params("event_step", "Event", "event", fault.get("changes_event", data), trace)
        journal = self._journals[params["run"]] = HostJournal(self._shared, is_request=False)
        try:
            await self._run(params)
        except Gone as gone:
            retries = fault.get("flag") == "retries_anyhow" or gone.retryable
            if not retries or fault.get("flag") == "does_not_retry":
                return
            again = self._params("event_step", "Event", "event", data, trace)
            journal.begin_attempt(str(fault.get("flag", "")))
            self._journals[again["run"]] = journal
            run = params["run"] if fault.get("flag") == "same_run" else again["run"]
            with contextlib.suppress(Gone):
                await self._run({**again, "attempt": 2, "run": run, **fault.get("retries", {})})

    def _params(self, file: str, step: str, type: str, given: Any, trace: str) -> dict[str, Any]:
        return {
            "run": f"run-{next(self._numbers)}",
            "file": self._file(file),
            "step": step,
            "type": type,
            "input": given,
            "trace_id": trace,
            "traceparent": f"00-{trace}-{'a' * 16}-01",
            "attempt": 1,
            "timeout_ms": 1000,
            "flows": ["kit"],
        }

    async def _run(self, params: dict[str, Any], timeout_s: float | None = None) -> Any:
        if self._flag("no_limit"):
            return await self._run_now(params, timeout_s)
        async with self._places:
            return await self._run_now(params, timeout_s)

    async def _run_now(self, params: dict[str, Any], timeout_s: float | None) -> Any:
        wire, run = await self._serving(), params["run"]
        self._runs[run] = params["trace_id"]
        try:
            answer = wire.ask("step.run", params)
            if "sends" in self._fault():
                wire.send(self._fault()["sends"])
            done, _ = await asyncio.wait([answer], timeout=timeout_s)
            if not done:
                reason = "nothing" if self._fault().get("flag") == "cancels_for_nothing" else "timeout"
                wire.send([2, "cancel", {"run": run, "reason": reason}])
            return await answer
        finally:
            del self._runs[run]

    def _fault(self) -> dict[str, Any]:
        """The fault that is played now: in the run of its check."""
        return self._wanted if self._probe == self._check else {}

    def _flag(self, name: str) -> bool:
        """Report whether this is the host's fault, in any check."""
        return bool(self._wanted.get("flag") == name)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status, answer = await self._respond(method, target, headers, body)
        data = b"" if answer is None else json.dumps(answer).encode()
        length = f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {status} {_REASONS.get(status, 'Kit')}\r\n{length}".encode() + data)
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    async def _respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        _, kind, self._probe = path.split("/")
        if kind == "guarded" and not self._flag("ignores_middleware"):
            return 404, None
        fault = self._fault()
        given = {
            "body": fault.get("changes_body", json.loads(body) if body else None),
            "headers": headers,
            "pathParams": {"name": self._probe},
            "queryParams": dict(part.split("=") for part in query.split("&") if part),
            "rawBody": body.decode(),
        }
        is_slow = kind == "slow"
        file, step = (
            ("post_step", "Post") if method == "POST" else ("slow_step", "Slow") if is_slow else ("probe_step", "Probe")
        )
        params = self._params(file, step, "api", given, f"{next(self._numbers):032x}")
        try:
            value = await self._run({**params, **fault.get("runs", {})}, _TIMEOUT_S if is_slow else None)
        except Gone:
            return (200 if fault.get("flag") in ("hides_failures", "hides_timeouts") else 503), None
        if fault.get("flag") == "answers_nothing":
            return 200, None
        if params["run"] in self._streamed:
            status, items = self._streamed.pop(params["run"])
            return status, json.loads("".join(items) or "null")
        return value["status"], value["body"]

    async def _stop(self) -> None:
        wire = await self._serving()
        if not self._flag("does_not_drain"):
            await wire.ask("drain", {})
        if self._flag("runs_behind_drain"):
            given: dict[str, Any] = {"body": None, "headers": {}, "pathParams": {}, "queryParams": {}, "rawBody": ""}
            await wire.ask("step.run", self._params("probe_step", "Probe", "api", given, "b" * 32))
        if not self._flag("no_shutdown"):
            await wire.ask("shutdown", {})
        if self._flag("kills") and self._process is not None:
            self._process.terminate()
        wire.end()
        await self._end_process()

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            async with asyncio.timeout(_EXIT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
        if self._reading is not None:
            await self._reading


async def _read(stream: asyncio.StreamReader, wire: Wire) -> None:
    while data := await stream.read(1 << 16):
        wire.feed(data)
    wire.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one project; returns the exit status."""
    parser = argparse.ArgumentParser(prog="polystep_kit.broken_host", description="Play a host with a fault.")
    parser.add_argument("check", choices=["none", *BY_NAME], help="the check that is to fail")
    parser.add_argument("verb", choices=["start"])
    parser.add_argument("--project", type=Path, required=True, help="the project's root")
    parser.add_argument("--port", type=int, required=True, help="0: a free one")
    options = parser.parse_args(arguments)

    async def serve() -> None:
        await BrokenHost(options.project, options.check).serve(options.port)

    asyncio.run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
