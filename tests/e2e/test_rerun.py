"""Runs that are over and begin again from a key, in every language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.durable_project import LANGUAGES, begin, counts, make_durable, reaches, result
from tests.e2e.running import Running
from tests.e2e.test_cancel import ends, run_of
from tests.e2e.test_crash import dead_letters
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


async def rerun(host: Running, run_id: str, key: str, **more: Any) -> tuple[int, dict[str, Any]]:
    async with host.http.post(f"/__polystep/api/runs/{run_id}/rerun", json={"key": key, **more}) as answer:
        return answer.status, await answer.json()


async def test_a_run_begins_again_from_a_key_with_what_came_before(tmp_path: Path) -> None:
    """Behaviour 27, also of a dead letter and with another input; the refusals."""
    a, b, c = ({"do": "once", "key": key} for key in "abc")
    nap = {"do": "sleep", "key": "nap", "for": "1ms"}
    final = {"do": "fail", "times": 1, "more": {"retryable": False}}
    async with Running(make_durable(tmp_path)) as host:
        for language in LANGUAGES:
            name, step = f"again-{language}", f"Do-{language}"
            dead = await begin(host, language, f"dead-{language}", a, {**b, "fails": 1, "caught": True}, final, c)
            plain = await begin(host, language, f"plain-{language}", {"do": "emit", "what": "x"})
            waits = await begin(host, language, f"waits-{language}", a, {**nap, "for": "1h"})
            trace_id = await begin(host, language, name, a, nap, b, c)
            first = await result(host, name)
            assert await ends(host, trace_id, step) == "completed"
            run_id = (await run_of(host, trace_id, step))["runId"]
            status, began = await rerun(host, run_id, "b")
            assert (status, began["found"], began["edited"], began["ofRunId"]) == (200, ["a", "nap"], False, run_id)
            assert await ends(host, began["traceId"], step) == "completed"
            again = await result(host, name)
            # Keys of the new run give other texts; what came before is that of the old one.
            assert [again[key] == first[key] for key in "abc"] == [True, False, False]
            n = await counts(host, name)
            assert (n["a"], n["b"], n["c"]) == (1, 2, 2)
            replays = await host.api(f"traces/{trace_id}/replays")
            assert [each["traceId"] for each in replays["replays"]] == [began["traceId"]]

            status, refused = await rerun(host, run_id, "z")
            assert (status, refused["error"]) == (409, "Unknown key")
            assert await ends(host, plain, step) == "completed"
            status, refused = await rerun(host, (await run_of(host, plain, step))["runId"], "a")
            assert (status, refused["error"]) == (409, "Nothing kept")
            await reaches(host, f"waits-{language}", "a")
            status, refused = await rerun(host, (await run_of(host, waits, step))["runId"], "a")
            assert (status, refused["error"]) == (409, "Run not over")
            # The dead letter stays.
            assert await ends(host, dead, step) == "failed"
            status, began = await rerun(host, (await run_of(host, dead, step))["runId"], "b")
            assert (status, began["found"]) == (200, ["a"])
            await result(host, f"dead-{language}")
            n = await counts(host, f"dead-{language}")
            assert (n["a"], n["b"], n["c"]) == (1, 2, 1)
        assert len(await dead_letters(host, 4)) == 4
        assert (await rerun(host, "0" * 16, "a"))[0] == 404

        path = tmp_path / "input.json"
        path.write_text(json.dumps({"id": "other", "ops": [a, b, {**c, "value": "edited"}]}))
        status, text = await host.command("rerun", run_id, "--from", "c", "--input", str(path))
        assert (status, "with what was kept before (a, nap, b) and another input" in text) == (0, True), text
        assert await result(host, "other") == {"a": first["a"], "b": first["b"], "c": "edited"}
