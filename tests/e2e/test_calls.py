"""`call`: steps that run other steps, of every language, and get their values and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.test_crash import dead_letters
from tests.e2e.test_durable import emit, once, sleep
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

SCHEMAS = "{ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }"
NODE = f"""
export const config = {{ type: 'event', name: 'Called-LANG', subscribes: [], emits: [],
  input: {SCHEMAS}, output: {SCHEMAS}, infrastructure: {{ queue: {{ maxRetries: 1 }} }} }}
export const handler = async ({{ n }}, {{ sleep, state }}) => {{
  await state.set('calls', `LANG/${{n}}`, ((await state.get('calls', `LANG/${{n}}`)) ?? 0) + 1)
  if (n === 1) await sleep('s', '300ms')
  if (n === 13) throw Object.assign(new TypeError('thirteen'), {{ retryAfter: '50ms' }})
  return {{ n: n === 7 ? 'seven' : n * 2 }}
}}
"""
PYTHON = """
schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
config = {"type": "event", "name": "Called-LANG", "subscribes": [], "emits": [], "input": schema, "output": schema,
          "infrastructure": {"queue": {"maxRetries": 1}}}


async def handler(data, context):
    n = data["n"]
    await context.state.set("calls", f"LANG/{n}", ((await context.state.get("calls", f"LANG/{n}")) or 0) + 1)
    if n == 1:
        await context.sleep("s", "300ms")
    if n == 13:
        error = TypeError("thirteen")
        error.retry_after = "50ms"
        raise error
    return {"n": "seven" if n == 7 else n * 2}
"""
RUBY = """
SCHEMA = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] }
def config = { type: "event", name: "Called-LANG", subscribes: [], emits: [], input: SCHEMA, output: SCHEMA,
               infrastructure: { queue: { maxRetries: 1 } } }

class Thirteen < StandardError
  def retry_after = "50ms"
end

def handler(data, context)
  n = data["n"]
  context.state.set("calls", "LANG/#{n}", (context.state.get("calls", "LANG/#{n}") || 0) + 1)
  context.sleep("s", "300ms") if n == 1
  raise Thirteen, "thirteen" if n == 13

  { n: n == 7 ? "seven" : n * 2 }
end
"""
OTHER = dict(zip(LANGUAGES, (*LANGUAGES[2:], *LANGUAGES[:2]), strict=True))
"""By language, the one of the step that is called."""


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def project(folder: Path) -> Path:
    names = {"ts": "called.step.ts", "js": "calledjs.step.js", "py": "called_step.py", "rb": "calledr_step.rb"}
    texts = {"ts": NODE, "js": NODE, "py": PYTHON, "rb": RUBY}
    more = {f"steps/{names[each]}": texts[each].replace("LANG", each) for each in LANGUAGES}
    return make_durable(folder, more=more)


def call(key: str, step: str, given: object, **more: Any) -> dict[str, Any]:
    return {"do": "call", "key": key, "step": f"Called-{step}", "input": given, **more}


async def test_a_call_crosses_languages_with_both_contracts(tmp_path: Path) -> None:
    """Behaviour 67; the caller is suspended, the step that is called may wait itself."""
    async with Running(project(tmp_path)) as host:
        for language in LANGUAGES:
            other = OTHER[language]
            fail = {"do": "fail", "times": 1, "more": {"retryAfter": "50ms"}}
            ops = (once("paid", 1), call("a", other, {"n": 1}), call("b", other, {"n": 4}), fail, sleep("s", "10ms"))
            await begin(host, language, f"x-{language}", *ops)
        for language in LANGUAGES:
            assert await result(host, f"x-{language}") == {"paid": 1, "a": {"n": 2}, "b": {"n": 8}}
            assert (await counts(host, f"x-{language}"))["paid"] == 1
        calls = await host.group("calls")
        # What was answered is not called again by the retry of the caller; a step that sleeps has up to two legs.
        assert {key: n for key, n in calls.items() if key.endswith("/4")} == {f"{each}/4": 1 for each in LANGUAGES}
        assert max(calls.values()) <= 2
        for language in LANGUAGES:
            other = OTHER[language]
            wrong = (
                call("input", other, {"n": "text"}, caught=True),
                call("output", other, {"n": 7}, caught=True),
                call("nobody", "nobody", {}, caught=True),
            )
            await begin(host, language, f"w-{language}", *wrong)
            got = await result(host, f"w-{language}")
            assert got["input"].startswith("contract_broken: ")
            assert "config.output" in got["output"]
            assert got["nobody"].startswith("invalid_params: ")
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_the_error_of_a_call_is_raised_in_its_caller(tmp_path: Path) -> None:
    """Behaviour 68: after its last retry, again after a wake, and anew in the next attempt of the caller."""
    async with Running(project(tmp_path)) as host:
        for language in LANGUAGES:
            other = OTHER[language]
            caught = (call("c", other, {"n": 13}, caught=True), sleep("s", "1500ms"), once("after", 1))
            await begin(host, language, f"e-{language}", *caught)
        for language in LANGUAGES:
            got = await result(host, f"e-{language}")
            assert got["c"].endswith(f"Called-{OTHER[language]} failed, called as c: thirteen"), got
            assert (await counts(host, f"e-{language}"))["leg"] >= 2
        # Two attempts each: the error that was caught is kept for the legs behind it.
        assert await host.group("calls") == {f"{each}/13": 2 for each in LANGUAGES}
        trace = await begin(host, "ts", "dead", call("c", "py", {"n": 13}))
        (letter,) = await dead_letters(host, 1)
        assert (letter["step"], letter["attempts"]) == ("Do-ts", 4)
        # Each attempt of the caller called anew.
        assert (await host.group("calls"))["py/13"] == 2 + 2 * 4
        runs = (await host.api(f"traces/{trace}"))["runs"]
        assert [run["step"] for run in runs].count("Called-py") == 4


async def test_a_result_outlives_a_kill(tmp_path: Path) -> None:
    host = Running(project(tmp_path))
    async with host:
        await begin(host, "py", "k", once("paid", 1), emit("calls"), call("c", "ts", {"n": 1}))
        await reaches(host, "k", "out:calls")
        await host.kill()
    again = Running(tmp_path)
    async with again:
        assert await result(again, "k") == {"paid": 1, "c": {"n": 2}}
        assert (await counts(again, "k"))["paid"] == 1
