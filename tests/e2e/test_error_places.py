"""Errors lead to their place: file, line, column and the source around it, on the console and in the trace."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FILES = {
    "lib/broken.ts": "export const b = [1,\nexport const c = 2\n",
    "steps/imports.step.ts": """
import { b } from '../lib/broken'
export const config = { type: 'api', name: 'Imports', method: 'GET', path: '/imports', b }
export const handler = async () => {}
""",
    "steps/config.step.ts": """
export const config = {
  type: 'api', name: 'Config', method: 'GET',
  path: 'no-slash',
}
export const handler = async () => {}
""",
    "steps/key_step.py": 'import os\n\nvalue = os.environ["NOT_SET_ANYWHERE"]\nconfig = {}\n',
    "steps/run.step.ts": """
interface Erased { by: 'the compiler' }
export const config = { type: 'api', name: 'Run', method: 'GET', path: '/ts/:what', emits: ['order.placed'] }
const deeper = async (context: any): Promise<void> => {
  await context.emit({ topic: 'order.place', data: {} })
}
export const handler = async (req: any, context: any) => {
  if (req.pathParams.what === 'topic') await deeper(context)
  if (req.pathParams.what === 'value') await context.state.set('g', 'k', { f: new Map() })
  if (req.pathParams.what === 'text') throw 'only text'
  throw new AggregateError([new TypeError('one'), new Error('two')], 'many', { cause: new Error('deep') })
}
""",
    "steps/run_step.py": """
import json
config = {"type": "api", "name": "RunPy", "method": "GET", "path": "/py/:what", "emits": ["order.placed"]}

async def handler(req, context):
    if req["pathParams"]["what"] == "topic":
        await context.emit({"topic": "order.place", "data": {}})
    return json.loads("{")
""",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with Running(make_project(tmp_path_factory.mktemp("places"), FILES)) as running:
        yield running


async def failure(host: Running, path: str) -> tuple[dict[str, Any], list[str]]:
    """The error in the trace of a request that fails, and the lines that the console shows of it."""
    since = len(host.lines)
    answer = await host.get(path, 500)
    await host.line(f"Trace {answer['traceId']}", since=since)
    trace = await host.api(f"traces/{answer['traceId']}")
    return trace["runs"][0]["error"], host.lines[since:]


async def test_files_that_do_not_load_lead_to_the_line(host: Running) -> None:
    printed = "\n".join(host.lines)
    assert 'Syntax error in lib/broken.ts:2:1: Unexpected "export"\n' in printed
    assert "  │ > 2 | export const c = 2\n  │     | ^\n" in printed
    assert "  │ steps/key_step.py:3:19: KeyError: 'NOT_SET_ANYWHERE'\n" in printed
    assert "  │ steps/config.step.ts:4:3\n" in printed
    assert "  │ > 4 |   path: 'no-slash',\n  │     |   ^\n" in printed
    assert "\x1b" not in printed


async def test_check_gives_places_for_tools(host: Running) -> None:
    status, output = await host.command("check", "--json")
    findings = json.loads(output[output.index("{") :])["findings"]
    places = {each["file"]: each["place"] for each in findings if each["severity"] == "error"}
    assert status == 1
    assert places == {
        "steps/config.step.ts": {"file": "steps/config.step.ts", "line": 4, "column": 3},
        "steps/imports.step.ts": {"file": "lib/broken.ts", "line": 2, "column": 1},
        "steps/key_step.py": {"file": "steps/key_step.py", "line": 3, "column": 19},
    }


async def test_a_refused_call_leads_to_the_line_of_the_handler(host: Running) -> None:
    error, lines = await failure(host, "/ts/topic")
    assert error["place"] == {"file": "steps/run.step.ts", "line": 5, "column": 3}
    assert "> 5 |   await context.emit({ topic: 'order.place', data: {} })" in error["frame"]
    assert "at async handler (steps/run.step.ts:8:40)" in error["stack"]
    assert "  │ steps/run.step.ts:5:3" in lines
    assert "\n".join(lines).count("which its config does not declare") == 1
    error, _ = await failure(host, "/ts/value")
    assert error["place"] == {"file": "steps/run.step.ts", "line": 9, "column": 40}
    error, lines = await failure(host, "/py/topic")
    assert error["place"] == {"file": "steps/run_step.py", "line": 7, "column": 9}
    assert "\n".join(lines).count("which its config does not declare") == 1


async def test_an_error_says_what_it_gathers_and_what_caused_it(host: Running) -> None:
    error, lines = await failure(host, "/ts/many")
    assert error["place"] == {"file": "steps/run.step.ts", "line": 11, "column": 9}
    assert "✖ [ERROR] Run: AggregateError: many" in lines
    for text in ("Error 1 of 2: TypeError: one", "Error 2 of 2: Error: two", "Caused by: Error: deep"):
        assert f"  │ {text}" in lines, text


async def test_text_that_is_thrown_is_readable(host: Running) -> None:
    error, lines = await failure(host, "/ts/text")
    assert (error["name"], error["message"]) == ("thrown string", "only text")
    assert "✖ [ERROR] Run: thrown string: only text" in lines


async def test_frames_of_libraries_are_folded(host: Running) -> None:
    error, lines = await failure(host, "/py/json")
    assert error["place"] == {"file": "steps/run_step.py", "line": 8, "column": 12}
    assert "  │   … 3 library frames" in lines
    assert "json/decoder.py" not in error["stack"]
