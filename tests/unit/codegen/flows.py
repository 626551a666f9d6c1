"""Flows made of schemas, and the checkers of both languages over what is generated from them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from polystep.contracts.steps import (
    CronTrigger,
    Emit,
    EventTrigger,
    Flow,
    HttpTrigger,
    LoadFailure,
    QueuePolicy,
    SourceFile,
    StepSpec,
    StreamSpec,
)
from tests.unit.codegen.corpus import CASES

ROOT = Path(__file__).resolve().parents[3]
TSC = ROOT / "node_modules" / ".bin" / "tsc"
PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"
STRICT = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noEmit": True,
    "skipLibCheck": False,
    "target": "ES2022",
    "lib": ["ES2023"],
    "types": [],
    "module": "ESNext",
    "moduleResolution": "Bundler",
}


def source(path: str, language: str = "typescript") -> SourceFile:
    kind: Any = "stream" if ".stream." in path or "_stream." in path else "step"
    return SourceFile(path, kind, language, "python" if language == "python" else "node")


def event(name: str, *topics: str, input: Any = None, emits: str = "", fifo: bool = False, **more: Any) -> StepSpec:
    language = more.pop("language", "typescript")
    made = tuple(Emit(topic) for topic in emits.split())
    trigger = EventTrigger(topics, input)
    return StepSpec(
        name, "event", source(f"steps/{name}", language), trigger, emits=made, queue=QueuePolicy(fifo=fifo), **more
    )


def api(
    name: str, path: str = "/x", *, body: Any = None, emits: str = "", language: str = "typescript", **more: Any
) -> StepSpec:
    responses = more.pop("responses", {})
    query = tuple({"name": each} for each in more.pop("query", "").split())
    trigger = HttpTrigger("POST", path, body, responses, query)
    made = tuple(Emit(topic) for topic in emits.split())
    return StepSpec(name, "api", source(f"steps/{name}", language), trigger, emits=made, **more)


def cron(name: str, emits: str = "") -> StepSpec:
    made = tuple(Emit(topic) for topic in emits.split())
    return StepSpec(name, "cron", source(f"steps/{name}"), CronTrigger("* * * * *"), emits=made)


def stream(name: str, schema: Any = None) -> StreamSpec:
    return StreamSpec(name, source(f"steps/{name}.stream.ts"), schema)


def flow(*specs: StepSpec | StreamSpec, failures: tuple[LoadFailure, ...] = ()) -> Flow:
    steps = {each.name: each for each in specs if isinstance(each, StepSpec)}
    return Flow(steps, {each.name: each for each in specs if isinstance(each, StreamSpec)}, failures)


def tsc(folder: Path, **options: Any) -> str:
    """What tsc says of all TypeScript files of a folder; empty when nothing."""
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": {**STRICT, **options}, "include": ["**/*.ts"]})
    )
    done = subprocess.run([TSC, "-p", folder], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1, 2), done.stdout + done.stderr
    return done.stdout


def pyright(folder: Path, *files: str) -> list[tuple[str, int, str]]:
    """Errors and warnings of pyright: file, line from 1, message."""
    # An own configuration, so that no folder above has a say.
    (folder / "pyrightconfig.json").write_text(json.dumps({"pythonVersion": "3.11", "typeCheckingMode": "standard"}))
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [PYRIGHT, "--outputjson", "-p", folder],
        capture_output=True, text=True, timeout=100, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"]) for each in found]


def corpus_flow() -> Flow:
    """Each schema as the input of a step, so as the payload of a topic, as a body, a response and a stream item."""
    specs: list[Any] = []
    for at, case in enumerate(CASES):
        specs += [event(f"Step {at}", f"case.{at}", input=case.schema), stream(f"case {at}", case.schema)]
        specs.append(api(f"Api {at}", body=case.schema, responses={"200": case.schema}, language="python"))
    return flow(*specs)
