"""A runner whose every step is data: it speaks the protocol and does what files and inputs say, also what is wrong.

`SCRIPT` in the environment says how it behaves before any file: `hello` is one of `slow`, `wrong_version`, `garbage`,
`exit`, `text`. A loaded file is JSON: its config, or `{"load": "exit" | "hang" | "fail"}`. A run's input says what its
handler does: see `Runner.run`. Each started run is told as a `log`, so that a test can wait for it.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import msgpack

PRIVATE = os.environ.get("POLYSTEP_CHANNEL") == "private"
READING, WRITING = (3, 4) if PRIVATE else (0, 1)
SCRIPT: dict[str, Any] = json.loads(os.environ.get("SCRIPT", "{}"))


def read_exactly(count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = os.read(READING, count - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def receive() -> list[Any]:
    (length,) = struct.unpack(">I", read_exactly(4))
    message: list[Any] = msgpack.unpackb(read_exactly(length))
    return message


def send(message: list[Any]) -> None:
    payload = msgpack.packb(message)
    os.write(WRITING, struct.pack(">I", len(payload)) + payload)


def block() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(3600)


def descriptors() -> list[int]:
    """What is open, without the listing's own."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            os.fstat(int(path.name))
        except OSError:
            continue
        found.append(int(path.name))
    return sorted(found)


def describe() -> dict[str, Any]:
    return {
        "cwd": str(Path.cwd()),
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "environment": dict(os.environ),
        "descriptors": descriptors(),
    }


class Runner:
    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        """Request ids of runs that wait, by run."""
        self.draining: list[int] = []
        self.deaf: set[str] = set()
        self.lingering = 0

    def serve(self) -> None:
        while True:
            message = receive()
            if message[0] == 2:
                self.cancel(message[2]["run"], message[2]["reason"])
            elif message[0] == 0:
                self.take(message[1], message[2], message[3])

    def take(self, id: int, method: str, params: dict[str, Any]) -> None:
        match method:
            case "hello":
                self.hello(id)
            case "step.load":
                self.load(id, params["file"])
            case "step.run":
                send([2, "log", {"run": params["run"], "level": "info", "message": "started", "source": "logger"}])
                self.run(id, params)
            case "drain":
                self.draining.append(id)
                self.drained()
            case "ping":
                send([1, id, None, {"lingering": self.lingering}])
            case "shutdown":
                send([1, id, None, None])
                if SCRIPT.get("shutdown") == "linger":
                    time.sleep(3600)
                sys.exit(0)

    def hello(self, id: int) -> None:
        for line in SCRIPT.get("print", []):
            os.write(2, f"{line}\n".encode())
        match SCRIPT.get("hello"):
            case "slow":
                block()
            case "garbage":
                os.write(WRITING, struct.pack(">I", 3) + b"\xc1\xc1\xc1")
                block()
            case "text":
                os.write(WRITING, b"Welcome to this runner!\n" * 5)
                block()
            case "exit":
                os._exit(3)
        answer = {
            "protocol": "2.0" if SCRIPT.get("hello") == "wrong_version" else "1.0",
            "runner": {"name": "scripted", "version": "1"},
            "language": "script",
            "pid": os.getpid(),
            "runs_max": SCRIPT.get("runs_max", 8),
            "frame_bytes_max": 2**24,
            "features": [],
        }
        send([1, id, None, {**answer, **SCRIPT.get("answer", {})}])

    def load(self, id: int, file: str) -> None:
        text = Path(file).read_text()
        told = json.loads(text)
        # A file may fail only in the first process that loads it, or only in later ones.
        seen = Path(f"{file}.seen")
        is_first = not seen.exists()
        if told.keys() & {"after_first", "only_first"}:
            seen.touch()
        if told.get("after_first" if is_first else "only_first"):
            told = {}
        match told.get("load"):
            case "exit":
                os._exit(4)
            case "hang":
                block()
            case "fail":
                error = {"code": 20, "name": "load_failed", "message": "bad file", "data": told.get("data", {})}
                send([1, id, error, None])
                return
        config = told.get("config", {"name": file})
        send([1, id, None, {"config": config, "handler": True, "warnings": [], **told.get("answer", {})}])

    def run(self, id: int, params: dict[str, Any]) -> None:
        told, run = params["input"], params["run"]
        match told["do"]:
            case "describe":
                send([1, id, None, describe()])
            case "params":
                send([1, id, None, params])
            case "hold":
                self.open[run] = id
            case "release":
                for name in told["runs"]:
                    send([1, self.open.pop(name), None, "held"])
                send([1, id, None, None])
                self.drained()
            case "raise":
                data = {"name": "ValueError", "message": "no", "stack": "at x"}
                send([1, id, {"code": 21, "name": "step_failed", "message": "no", "data": data}, None])
            case "ignore_cancel":
                self.open[run] = id
                self.deaf.add(run)
            case "print":
                lines = "".join(f"line {number} é\n" for number in range(told["lines"]))
                sys.stdout.buffer.write(f"{lines}{told.get('rest', '')}".encode())
                sys.stdout.flush()
                send([1, id, None, None])
            case "grandchild":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
                send([1, id, None, child.pid])
            case other:
                self.misbehave(id, run, other, told)

    def misbehave(self, id: int, run: str, how: str, told: dict[str, Any]) -> None:
        match how:
            case "answer_later":
                threading.Timer(told["after_s"], send, ([1, id, None, os.getpid()],)).start()
            case "block":
                block()
            case "exit":
                os._exit(told.get("status", 5))
            case "sleep":
                if told.get("tells", True):
                    send([2, "blocked", {"run": run, "stack": "at a.script:7"}])
                time.sleep(told["for_s"])
                send([1, id, None, os.getpid()])
            case "linger":
                self.lingering = told["count"]
                send([1, id, None, os.getpid()])
            case "exit_later":
                threading.Timer(told["after_s"], os._exit, (5,)).start()
            case "close":
                os.close(WRITING)
                os.close(READING)
                block()

    def cancel(self, run: str, reason: str) -> None:
        send([2, "log", {"run": f"{run} cancelled: {reason}", "level": "info", "message": "", "source": "logger"}])
        if run in self.deaf:
            return
        id = self.open.pop(run, None)
        if id is not None:
            send([1, id, {"code": 11, "name": "cancelled", "message": "cancelled", "data": {}}, None])
        self.drained()

    def drained(self) -> None:
        if not self.open:
            for id in self.draining:
                send([1, id, None, None])
            self.draining.clear()


if __name__ == "__main__":
    Runner().serve()
