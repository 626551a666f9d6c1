"""`once` with the scope `project` in every language: one call over all runs, through failures and kills."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

VALUE = {"text": "ä", "n": 1, "half": 0.5, "list": [None, True], "map": {}}
WITHIN_S = 60.0


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


def once(key: str, value: Any = VALUE, ttl: str = "30d", **more: Any) -> dict[str, Any]:
    return {"do": "once", "key": key, "value": value, "options": {"scope": "project", "ttl": ttl}, **more}


async def calls(host: Running, key: str) -> int:
    """How often the functions of a key were called, over all runs."""
    return sum(n for name, n in (await host.group("n")).items() if name.partition("/")[2] == key)


async def waiting(host: Running, key: str, count: int) -> dict[str, Any]:
    """Wait until so many runs wait for a key; returns its row."""
    end_s = asyncio.get_running_loop().time() + WITHIN_S
    while True:
        (row,) = (await host.api(f"once-keys?prefix={key}"))["keys"]
        if row["waiting"] >= count:
            return dict(row)
        assert asyncio.get_running_loop().time() < end_s, row
        await asyncio.sleep(0.05)


async def forgotten(host: Running, prefix: str) -> None:
    """Wait until no key that begins so is remembered."""
    end_s = asyncio.get_running_loop().time() + WITHIN_S
    while left := (await host.api(f"once-keys?prefix={prefix}"))["keys"]:
        assert asyncio.get_running_loop().time() < end_s, left
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("hold_s", [0, 5])
async def test_a_hundred_runs_at_once_call_the_function_once(tmp_path: Path, hold_s: int) -> None:
    """Behaviour 19, with runs that leave their process at once, and with runs that wait in it."""
    async with Running(make_durable(tmp_path, hold_s=hold_s)) as host:
        runs = [(language, f"many-{language}-{i}") for i in range(25) for language in LANGUAGES]
        await asyncio.gather(*(begin(host, lang, name, once("welcome", slowMs=300)) for lang, name in runs))
        for _, name in runs:
            assert await result(host, name, WITHIN_S) == {"welcome": VALUE}
        assert await calls(host, "welcome") == 1
        (row,) = (await host.api("once-keys"))["keys"]
        assert (row["key"], row["status"], row["waiting"]) == ("welcome", "kept", 0)
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_a_run_that_waits_takes_over_after_a_failure(tmp_path: Path) -> None:
    """Behaviour 19: of the function, of the run and of its process; the name for other systems stays."""
    async with Running(make_durable(tmp_path)) as host:
        for language, other in zip(LANGUAGES, (*LANGUAGES[1:], LANGUAGES[0]), strict=True):
            key = f"fails-{language}"
            await begin(host, language, f"first-{key}", once(key, fails=1, slowMs=1500, caught=True))
            await reaches(host, f"first-{key}", key)
            for name in ("second", "third"):
                await begin(host, other, f"{name}-{key}", once(key))
            for name in ("second", "third"):
                assert await result(host, f"{name}-{key}", WITHIN_S) == {key: VALUE}
            assert (await result(host, f"first-{key}", WITHIN_S))[key] != VALUE
            assert await calls(host, key) == 2
        # The run of the holder is cancelled while its function runs: the key is named the same by the next one.
        for language in LANGUAGES:
            key = f"ends-{language}"
            keyed = {**once(key, slowMs=60_000, slowTimes=1)}
            del keyed["value"]
            await begin(host, language, f"holds-{key}", keyed)
            await reaches(host, f"holds-{key}", key)
            await begin(host, language, f"next-{key}", {**keyed, "slowMs": 0})
            row = await waiting(host, key, 1)
            assert row["status"] == "running"
            status, text = await host.command("forget-once", key)
            assert (status != 0, "cancel the run" in text) == (True, True), text
            await host.command("cancel", row["runId"])
            name = (await result(host, f"next-{key}", WITHIN_S))[key]
            assert (len(name), await calls(host, key)) == (32, 2)
            await begin(host, language, f"later-{key}", keyed)
            assert await result(host, f"later-{key}", WITHIN_S) == {key: name}


async def test_a_kill_of_the_host_passes_the_key_on(tmp_path: Path) -> None:
    """Behaviour 19: a hundred runs over kill -9."""
    project = make_durable(tmp_path)
    runs = [(language, f"killed-{language}-{i}") for i in range(25) for language in LANGUAGES]
    async with Running(project) as host:
        await begin(host, "ts", "holder", once("k", slowMs=120_000, slowTimes=1))
        await reaches(host, "holder", "k")
        await asyncio.gather(*(begin(host, language, name, once("k")) for language, name in runs))
        await waiting(host, "k", len(runs))
        await host.kill()
    async with Running(project) as host:
        for _, name in [("ts", "holder"), *runs]:
            assert await result(host, name, WITHIN_S) == {"k": VALUE}
        assert await calls(host, "k") == 2  # the one that was cut short, and one more
        await host.kill()
    async with Running(project) as host:
        await begin(host, "py", "after", once("k"))
        assert await result(host, "after", WITHIN_S) == {"k": VALUE}
        assert await calls(host, "k") == 2


async def test_a_key_is_forgotten_after_its_time_or_by_hand(tmp_path: Path) -> None:
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            await begin(host, language, f"short-{language}", once(f"short-{language}", 1, ttl="1s"))
            assert await result(host, f"short-{language}", WITHIN_S) == {f"short-{language}": 1}
            await begin(host, language, f"long-{language}", once(f"long-{language}", 1))
            assert await result(host, f"long-{language}", WITHIN_S) == {f"long-{language}": 1}
        await forgotten(host, "short-")
        for language in LANGUAGES:
            status, text = await host.command("forget-once", f"long-{language}")
            assert status == 0, text
            for key in (f"short-{language}", f"long-{language}"):
                await begin(host, language, f"again-{key}", once(key, 2))
                assert await result(host, f"again-{key}", WITHIN_S) == {key: 2}
                # The run that had the first result has it still.
                assert (await counts(host, key))[key] == 1
        status, text = await host.command("once-keys", "--prefix", "long-")
        assert (status, all(f"long-{language}" in text for language in LANGUAGES)) == (0, True), text


async def test_what_cannot_be_the_projects_is_refused(tmp_path: Path) -> None:
    async with Running(make_durable(tmp_path)) as host:
        cases = {
            "scope": {"scope": "everyone", "ttl": "1d"},
            "none": {"scope": "project"},
            "long": {"scope": "project", "ttl": "401d"},
            "soon": {"scope": "project", "ttl": "soon"},
            "run": {"ttl": "1d"},
        }
        for language in LANGUAGES:
            ops = [{**once(key), "options": options, "caught": True} for key, options in cases.items()]
            await begin(host, language, f"refused-{language}", *ops)
        for language in LANGUAGES:
            got = await result(host, f"refused-{language}", WITHIN_S)
            assert {key: text.partition(":")[0] for key, text in got.items()} == dict.fromkeys(cases, "invalid_params")
            assert "needs a `ttl`" in got["none"]
            assert "at most 400 days" in got["long"]
            assert await counts(host, f"refused-{language}") == {"leg": 1}


async def test_the_trace_shows_who_called_and_who_was_given_the_result(tmp_path: Path) -> None:
    async with Running(make_durable(tmp_path)) as host:
        seen = []
        for language in ("ts", "py"):
            trace = await begin(host, language, f"seen-{language}", once("seen", slowMs=100))
            await result(host, f"seen-{language}", WITHIN_S)
            shown = await host.api(f"traces/{trace}")
            seen += [
                op for run in shown["runs"] for op in run["operations"] if op["type"] == "once" and op["key"] == "seen"
            ]
        assert [op["operation"] for op in seen] == ["run", "hit"]
        assert [op["value"] for op in seen] == [VALUE, VALUE]
        assert seen[1]["ageMs"] >= 0
        assert json.dumps(seen)
