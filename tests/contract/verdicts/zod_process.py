"""The one Node process that declares Zod schemas and checks payloads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from tests.contract.verdicts.comparison import Declared, Raw

_ROOT: Final = Path(__file__).resolve().parents[3]
_PROGRAM: Final = Path(__file__).with_name("native.ts")


class ZodProcess:
    """Takes one request at a time. While it checks, the caller may do something else: `begin`, then `finish`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._payloads, self._verdicts = process, folder / "payloads", folder / "verdicts"

    def declare(self, library: str, sources: list[str]) -> list[Declared]:
        """Evaluate expressions over `z` and export what they declare."""
        self._send({"declare": [{"library": library, "source": source} for source in sources]})
        answers = self._receive()
        failures = [answer["failed"] for answer in answers if "failed" in answer]
        assert not failures, failures
        return [
            Declared(library, source, answer.get("schema", True))
            for source, answer in zip(sources, answers, strict=True)
        ]

    def begin(self, payloads: list[list[Any]]) -> None:
        """Have the payloads of every schema checked, in the order of their declaration."""
        self._payloads.write_bytes(b"\n".join(map(orjson.dumps, payloads)))
        self._send({"check": str(self._payloads), "verdicts": str(self._verdicts)})

    def finish(self) -> list[dict[int, list[Raw]]]:
        """Which payloads each schema refused, by index, with all that Zod says."""
        assert self._receive() == "done"
        lines = self._verdicts.read_bytes().split(b"\n")
        return [{int(index): raws for index, raws in orjson.loads(line).items()} for line in lines]

    def _send(self, request: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the Node process ended; its reason is above"
        return json.loads(line)


@contextmanager
def zod_process(folder: Path) -> Iterator[ZodProcess]:
    """Start Node; it ends when its input does."""
    command = ["node", "--import", "tsx", str(_PROGRAM)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ZodProcess(process, folder)
        finally:
            process.kill()
