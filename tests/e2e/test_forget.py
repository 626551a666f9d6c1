"""`polystep dev --forget`: legs end after every `once` and at every wait, in every language."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e

OPS: tuple[dict[str, Any], ...] = (
    {"do": "once", "key": "a", "value": {"n": 1}},
    {"do": "once", "key": "caught", "fails": 9, "caught": True},
    {"do": "once", "key": "tried", "value": 2, "fails": 1, "options": {"retries": 1}},
    {"do": "emit", "what": "x"},
    {"do": "sleep", "key": "s", "for": "300ms"},
    {"do": "ask", "key": "q", "options": {"title": "Go on?", "timeout": "100ms"}},
    {"do": "fail", "times": 1, "more": {"retryAfter": "100ms"}},
    {"do": "emit", "what": "y"},
    {"do": "once", "key": "b", "value": "v"},
)
LEGS = 9
"""After three `once` and two waits of the first try, and after two `once` of the second, which forgets an error."""


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


async def outcomes(project: Path, *arguments: str) -> list[tuple[Any, dict[str, int]]]:
    """What each language has got and done."""
    async with Running(project, *arguments) as host:
        for language in LANGUAGES:
            await begin(host, language, language, *OPS)
        found = []
        for language in LANGUAGES:
            got = await result(host, language, 40)
            await reaches(host, language, "out:y")
            found.append((got, await counts(host, language)))
        assert (await host.api("dead-letters"))["deadLetters"] == []
        if arguments:
            await host.line("Forgetting")
        return found


async def test_a_run_that_forgets_gives_the_same_as_a_straight_one(tmp_path: Path) -> None:
    """Behaviour 57."""
    straight, forgotten = await asyncio.gather(
        outcomes(make_durable(tmp_path / "straight", hold_s=60)),
        outcomes(make_durable(tmp_path / "forgets", hold_s=60), "--forget"),
    )
    for language, (got, n), (again, m) in zip(LANGUAGES, straight, forgotten, strict=True):
        if language == "rb":  # the class of its error has no name, but an address
            del got["caught"], again["caught"]
        assert again == got
        # What is outside `once` happens in each leg.
        assert (n.pop("leg"), n.pop("fails")) == (2, 2)
        assert (m.pop("leg"), m.pop("fails")) == (LEGS, 3)
        assert m == n
