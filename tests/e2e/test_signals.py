"""`waitFor` in every language: events before the wait, at it, in a loop, for several runs, and none in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.test_asks import parked
from tests.e2e.test_durable import FAIL_ONCE, emit, once, sleep
from tests.e2e.test_durable_waits import step
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def wait_for(key: str, topic: str = "said", by: Any = None, timeout: str = "1h", **more: Any) -> dict[str, Any]:
    wanted = {"topic": topic, "timeout": timeout, **({} if by is None else {"by": by})}
    return {"do": "waitFor", "key": key, "wanted": wanted, **more}


def first_of(key: str, *wanted: dict[str, Any], timeout: str = "1h") -> dict[str, Any]:
    return {"do": "waitFor", "key": key, "wanted": list(wanted), "options": {"timeout": timeout}}


async def say(host: Running, topic: str, **data: Any) -> None:
    await host.post("/door", {"topic": topic, "data": data})


async def test_an_event_before_the_wait_and_one_at_a_parked_run_are_taken(tmp_path: Path) -> None:
    """Behaviours 31, 33, 35, 38, 39, 40, 47, 52: in every language."""
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            # What comes while the handler sleeps is there when it waits; the number 7 is the text "7".
            await begin(host, language, f"b-{language}", emit("sleeps"), sleep("s", "1500ms"), wait_for("w", by=7))
            await reaches(host, f"b-{language}", "out:sleeps")
        await say(host, "said", to="8", n=0)
        await say(host, "said", to="7", n=1)
        for language in LANGUAGES:
            assert await result(host, f"b-{language}") == {"w": {"to": "7", "n": 1}}
        # A loop takes each event once, in order, and all runs take all of them.
        for language in LANGUAGES:
            loop = [wait_for(f"msg-{i}", by="loop") for i in range(3)]
            await begin(host, language, f"l-{language}", emit("begun"), once("paid", 1), *loop)
            await reaches(host, f"l-{language}", "out:begun")
        await parked(host, 4)
        for n in range(3):
            await say(host, "said", to="loop", n=n)
        for language in LANGUAGES:
            got = await result(host, f"l-{language}")
            assert [got[f"msg-{i}"]["n"] for i in range(3)] == [0, 1, 2]
            made = await counts(host, f"l-{language}")
            assert (made["paid"], made["out:begun"]) == (1, 1)
        # A path of several names, and a topic of which any event is taken.
        for language in LANGUAGES:
            await begin(host, language, f"p-{language}", wait_for("deep", "heard", by="x"), wait_for("any", "any"))
        await parked(host, 4)
        await say(host, "heard", at={"id": "y"}, n=1)
        await say(host, "heard", at={"id": "x"}, n=2)
        await say(host, "any", n=3)
        for language in LANGUAGES:
            got = await result(host, f"p-{language}")
            assert (got["deep"]["n"], got["any"]["n"]) == (2, 3)


async def test_the_first_of_two_topics_wins_and_a_timeout_stays(tmp_path: Path) -> None:
    """Behaviours 34, 36, and what a wait that is not possible says."""
    async with Running(make_durable(tmp_path)) as host:
        both = ({"topic": "said", "by": "two"}, {"topic": "heard", "by": "two"})
        for language in LANGUAGES:
            await begin(
                host, language, f"f-{language}", first_of("first", *both), first_of("rest", *both, timeout="1s")
            )
            late = (
                wait_for("late", by="never", timeout="200ms"),
                FAIL_ONCE,
                emit("again"),
                wait_for("late2", by="now"),
            )
            await begin(host, language, f"t-{language}", *late)
        for language in LANGUAGES:
            await reaches(host, f"t-{language}", "out:again")
        await say(host, "said", to="never", n=9)
        await say(host, "said", to="now", n=1)
        await say(host, "heard", at={"id": "two"}, n=2)
        for language in LANGUAGES:
            heard = {"topic": "heard", "data": {"at": {"id": "two"}, "n": 2}}
            assert await result(host, f"f-{language}") == {"first": heard, "rest": None}
            assert await result(host, f"t-{language}") == {"late": None, "late2": {"to": "now", "n": 1}}
        for language in LANGUAGES:
            wrong = (
                wait_for("a", "unknown", by=1, caught=True),
                wait_for("b", "said", caught=True),
                wait_for("c", "any", by=1, caught=True),
                wait_for("d", "said", by={"n": 1}, caught=True),
            )
            await begin(host, language, f"w-{language}", *wrong)
            got = await result(host, f"w-{language}")
            assert got["a"].startswith("topic_not_declared: ")
            assert "waitsFor" in got["a"]
            assert all(got[key].startswith("invalid_params: ") for key in "bcd"), got


async def test_a_run_that_waits_in_two_branches_wakes_for_either(tmp_path: Path) -> None:
    """Behaviour 43, and waits that are held in memory."""
    branches = step(
        "branches",
        """
  const one = async () => { const { n } = await waitFor('one', { topic: 'said', by: 'one', timeout: '1h' })
    await emit({ topic: 'out', data: { id, what: `one-${n}` } }) }
  const two = async () => { const { n } = await waitFor('two', { topic: 'said', by: 'two', timeout: '1h' })
    await emit({ topic: 'out', data: { id, what: `two-${n}` } }) ; await sleep('s', '50ms') }
  await Promise.all([one(), two()])
  await done(leg)""",
        "waitsFor: [{ topic: 'said', by: 'to' }]",
    ).replace("{ once, sleep,", "{ once, sleep, waitFor,")
    for hold_s in (0.0, 60.0):
        project = make_durable(tmp_path / str(hold_s), "ts", hold_s=hold_s, more={"steps/branches.step.ts": branches})
        async with Running(project) as host:
            await say(host, "go", id="x")
            await reaches(host, "x", "branches")
            if not hold_s:
                await parked(host, 1)
            await say(host, "said", to="two", n=2)
            await reaches(host, "x", "out:two-2")
            await say(host, "said", to="one", n=1)
            legs = await result(host, "x-branches")
            await reaches(host, "x", "out:one-1")
            assert (await counts(host, "x"))["out:two-2"] == 1
            assert (legs == 1) == bool(hold_s)


async def test_waits_and_signals_outlive_a_kill(tmp_path: Path) -> None:
    """Behaviours 32 and 52 over a kill -9, and 53 and 54: a file that breaks while its runs wait."""
    project = make_durable(tmp_path, "ts", "py")
    file = project / "steps/do-ts.step.ts"
    host = Running(project)
    async with host:
        await begin(host, "ts", "a", once("paid", 1), wait_for("w", by="a"), sleep("s", "100ms"))
        await begin(host, "py", "b", once("paid", 1), wait_for("w", by="b"))
        await parked(host, 2)
        await say(host, "said", to="b", n=1)
        await host.kill()
    text = file.read_text()
    file.write_text("export const config = {")
    again = Running(project)
    async with again:
        assert (await result(again, "b"))["w"] == {"to": "b", "n": 1}
        # Its step is not loaded; what its run waits for is kept all the same.
        await say(again, "said", to="a", n=2)
        assert "a" not in await again.group("results")
        file.write_text(text)
        assert (await result(again, "a"))["w"] == {"to": "a", "n": 2}
        assert (await counts(again, "a"))["paid"] == 1
