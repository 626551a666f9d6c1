"""`once` and `sleep` in every language: what is kept, what runs again, and what a kill, a stop and a reload leave."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.test_crash import dead_letters
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def once(key: str, value: Any = "v", **more: Any) -> dict[str, Any]:
    return {"do": "once", "key": key, "value": value, **more}


def sleep(key: str, duration: str) -> dict[str, Any]:
    return {"do": "sleep", "key": key, "for": duration}


def emit(what: str) -> dict[str, Any]:
    return {"do": "emit", "what": what}


FAIL_ONCE = {"do": "fail", "times": 1, "more": {"retryAfter": "100ms"}}


async def everywhere(host: Running, name: str, *ops: dict[str, Any]) -> list[tuple[Any, dict[str, int]]]:
    """Do the same in every language; returns the result and the counts of each."""
    for language in LANGUAGES:
        await begin(host, language, f"{name}-{language}", *ops)
    found = []
    for language in LANGUAGES:
        found.append((await result(host, f"{name}-{language}"), await counts(host, f"{name}-{language}")))
    return found


async def test_results_are_kept_in_every_language(tmp_path: Path) -> None:
    """Behaviours 1, 9, 10, 15, 20, 22, 40, 41, 47, 48."""
    async with Running(make_durable(tmp_path)) as host:
        value = {"text": "ä", "n": 1, "half": 0.5, "list": [None, True], "map": {}}
        # 1: a retry gets the kept result without calling the function.
        for got, n in await everywhere(host, "retry", once("a", value), FAIL_ONCE, once("b")):
            assert got == {"a": value, "b": "v"}
            assert (n["a"], n["b"], n["leg"]) == (1, 1, 2)
        # 9: an error is forgotten by the next try.
        for got, n in await everywhere(host, "error", once("a", fails=1, caught=True), FAIL_ONCE):
            assert got == {"a": "v"}
            assert n["a"] == 2
        # 10: an error that was caught is raised again after a wake.
        for got, n in await everywhere(host, "caught", once("a", fails=9, caught=True), sleep("s", "300ms")):
            assert (got["a"].endswith(": no 1"), n["a"], n["leg"]) == (True, 1, 2)
        # 11: a non-retryable error is kept for the run.
        ops = (once("a", fails=1, final=True, caught=True), FAIL_ONCE)
        for got, n in await everywhere(host, "final", *ops):
            assert (got["a"].endswith(": no 1"), n["a"], n["leg"]) == (True, 1, 2)
        # 20: the idempotency key is the same in every try.
        keyed = ({"do": "once", "key": "k", "fails": 1, "caught": True}, FAIL_ONCE)
        for got, _ in await everywhere(host, "key", *keyed):
            assert len(got["k"]) == 32
        # 38 to 41, 47, 48: what was emitted before a wait has left, once; two equal ones stay two.
        sends = (emit("x"), emit("x"), sleep("s", "700ms"), emit("y"))
        assert [got for got, _ in await everywhere(host, "emits", *sends)] == [{}] * 4
        for language in LANGUAGES:
            await reaches(host, f"emits-{language}", "out:y")
            n = await counts(host, f"emits-{language}")
            assert (n["out:x"], n["out:y"], n["leg"]) == (2, 1, 2)
            assert "swallowed" not in n
        letters = (await host.api("dead-letters"))["deadLetters"]
        assert letters == []


async def test_functions_are_tried_again_timed_and_checked_in_every_language(tmp_path: Path) -> None:
    """Behaviours 5, 8, 12, 14, 18 and the options of once."""
    async with Running(make_durable(tmp_path)) as host:
        for got, n in await everywhere(host, "retries", once("a", fails=1, options={"retries": 1})):
            assert (got["a"], n["a"], n["leg"]) == ("v", 2, 1)
        slow = once("a", slowMs=2000, caught=True, options={"timeout": "200ms"})
        for got, _ in await everywhere(host, "timeout", slow, once("b")):
            assert got["a"].startswith("timed_out: ")
            assert got["b"] == "v"
        schema = {"type": "object", "required": ["ok"]}
        for got, _ in await everywhere(host, "schema", once("a", 1, caught=True, options={"schema": schema})):
            assert got["a"].startswith("contract_broken: ")
        for got, n in await everywhere(host, "twice", once("a"), once("a", caught=True)):
            # The second is refused; it takes the place of the first in what is got.
            assert got["a"].startswith("key_reused: ")
            assert "do" in got["a"]
            assert ".step." in got["a"] or "_step." in got["a"]
            assert n["a"] == 1
        shared = {"shared": True}
        for got, n in await everywhere(host, "shared", once("a"), once("a", "other", options=shared)):
            assert (got["a"], n["a"]) == ("v", 1)
        for got, _ in await everywhere(host, "kind", once("a"), {**sleep("a", "1s"), "caught": True}):
            assert got["a"].startswith("invalid_params: ")
        for got, _ in await everywhere(host, "big", once("a", "big", caught=True)):
            assert got["a"].startswith("journal_full: ")
            assert "1,048,5" in got["a"]


async def test_a_kill_of_the_host_loses_no_kept_result_and_no_sleep(tmp_path: Path) -> None:
    """Behaviours 2, 3, 28, 44."""
    project = make_durable(tmp_path)
    async with Running(project) as host:
        for language in LANGUAGES:
            await begin(host, language, f"kept-{language}", once("a"), sleep("s", "4s"), once("b"))
            await begin(host, language, f"cut-{language}", once("slow", slowMs=60_000))
        for language in LANGUAGES:
            await reaches(host, f"kept-{language}", "a")
            await reaches(host, f"cut-{language}", "slow")
        await asyncio.sleep(0.5)
        await host.kill()
    async with Running(project) as host:
        for language in LANGUAGES:
            assert await result(host, f"kept-{language}") == {"a": "v", "b": "v"}
            n = await counts(host, f"kept-{language}")
            assert (n["a"], n["b"]) == (1, 1)
            await reaches(host, f"cut-{language}", "slow", 2)
        await host.kill()


async def test_a_dead_letter_that_is_replayed_pays_nothing_twice(tmp_path: Path) -> None:
    """Behaviours 23 and 26; `retryable = false`."""
    async with Running(make_durable(tmp_path)) as host:
        final = {"do": "fail", "times": 1, "more": {"retryable": False}}
        for language in LANGUAGES:
            await begin(host, language, f"dead-{language}", once("a"), final, once("b"))
        letters = await dead_letters(host, 4)
        assert {letter["attempts"] for letter in letters} == {1}
        for letter in letters:
            await host.post(f"/__polystep/api/dead-letters/{letter['id']}/replay")
        for language in LANGUAGES:
            assert await result(host, f"dead-{language}") == {"a": "v", "b": "v"}
            assert (await counts(host, f"dead-{language}"))["a"] == 1


async def test_a_replay_does_one_key_again_or_all(tmp_path: Path) -> None:
    """Behaviours 24 and 25; an ask that is forgotten is asked again."""
    async with Running(make_durable(tmp_path)) as host:
        asks = {"do": "ask", "key": "q", "options": {"title": "Go on?", "timeout": "100ms"}}
        final = {"do": "fail", "times": 1, "more": {"retryable": False}}
        for language in LANGUAGES:
            for how in ("forget", "fresh"):
                await begin(host, language, f"{how}-{language}", once("a"), once("b"), asks, final)
        for letter in await dead_letters(host, 8):
            how = str(letter["data"]["id"]).partition("-")[0]
            options = ["--forget", "a", "--forget", "q"] if how == "forget" else ["--fresh"]
            status, text = await host.command("replay", str(letter["id"]), *options)
            assert (status, "gets its event again" in text) == (0, True), text
        for language in LANGUAGES:
            for how, times in (("forget", (2, 1)), ("fresh", (2, 2))):
                got = await result(host, f"{how}-{language}")
                assert got == {"a": "v", "b": "v", "q": {"status": "timed_out", "value": None}}
                n = await counts(host, f"{how}-{language}")
                assert (n["a"], n["b"]) == times


async def test_a_stop_waits_for_an_open_once_and_suspends_the_rest(tmp_path: Path) -> None:
    """Behaviours 46 and 55."""
    project = make_durable(tmp_path, hold_s=60)
    async with Running(project) as host:
        for language in LANGUAGES:
            await begin(host, language, f"open-{language}", once("a", slowMs=3000), once("b"))
            await begin(host, language, f"held-{language}", once("a"), sleep("s", "20s"))
        for language in LANGUAGES:
            await reaches(host, f"open-{language}", "a")
            await reaches(host, f"held-{language}", "a")
    # The block ends with a stop.
    async with Running(project) as host:
        for language in LANGUAGES:
            assert await result(host, f"open-{language}") == {"a": "v", "b": "v"}
            n = await counts(host, f"open-{language}")
            assert (n["a"], n["b"], n["leg"]) == (1, 1, 2)
            trace = await host.api("queues")
        assert json.dumps(trace)
        await host.kill()
