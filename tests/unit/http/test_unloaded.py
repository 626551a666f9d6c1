"""Routes of steps that do not run: 503 with the reason for their author, without it for clients of a server."""

from __future__ import annotations

from typing import Any

import pytest

from polystep.contracts.steps import Flow, LoadFailure, SourceFile
from polystep.http import HttpSettings
from tests.unit.http.fakes import TOKEN, HttpHarness, api_step, running

BROKEN, WIDER = api_step("Broken", "POST", "/orders/new"), api_step("Wider", "POST", "/orders/:id")
DEV, SERVER = HttpSettings(port=0, token=TOKEN, dev=True), HttpSettings(port=0, token=TOKEN)
REASON = "steps/Broken.step.ts:3 failed to load: SyntaxError: no"


async def refused(harness: HttpHarness, method: str, path: str, status: int) -> tuple[dict[str, Any], str | None]:
    answer = await harness.client.request(method, path)
    assert answer.status == status
    body = await answer.json()
    del body["traceId"]
    return body, answer.headers.get("Retry-After")


async def test_in_development_the_answer_says_what_to_mend() -> None:
    async with running(WIDER, settings=DEV) as harness:
        harness.project.kept["Broken"] = (BROKEN, REASON)
        assert await refused(harness, "POST", "/orders/new", 503) == (
            {
                "error": "Step not loaded",
                "step": "Broken",
                "file": "steps/Broken.step.ts",
                "message": REASON,
                "hint": "Mend steps/Broken.step.ts and save it: the route answers again at once.",
            },
            "1",
        )
        # The wider path of another step does not get what the broken one would.
        assert harness.steps.calls == []
        await harness.client.post("/orders/7")
        assert [name for name, _, _ in harness.steps.calls] == ["Wider"]


async def test_on_a_server_the_answer_says_no_more_than_it_must() -> None:
    async with running(settings=SERVER) as harness:
        harness.project.kept["Broken"] = (BROKEN, REASON)
        assert await refused(harness, "POST", "/orders/new", 503) == ({"error": "Step not available"}, "30")


async def test_a_loaded_step_of_the_same_path_is_served() -> None:
    async with running(api_step("Loaded", "POST", "/orders/new"), settings=DEV) as harness:
        harness.project.kept["Broken"] = (BROKEN, REASON)
        assert (await harness.client.post("/orders/new")).status == 200


async def test_a_step_whose_language_is_starting_is_asked_for_again_soon() -> None:
    async with running(WIDER, settings=SERVER) as harness:
        harness.project.kept["Broken"], harness.project.ready = (BROKEN, "Its language is still starting."), False
        assert await refused(harness, "POST", "/orders/new", 503) == (
            {"error": "Starting", "hint": "The steps are loading."},
            "1",
        )
        # Languages that are loaded answer meanwhile.
        assert (await harness.client.post("/orders/7")).status == 200


@pytest.mark.parametrize("dev", [True, False])
async def test_an_unknown_path_may_belong_to_a_runner_that_never_started(dev: bool) -> None:
    async with running(WIDER, settings=DEV if dev else SERVER) as harness:
        harness.project.missing["python"] = "it exited with status 3."
        expected = (
            {"error": "Step not loaded", "hint": "The python steps are not loaded: it exited with status 3."}
            if dev
            else {"error": "Step not available"}
        )
        assert (await refused(harness, "GET", "/unknown", 503))[0] == expected
        assert (await refused(harness, "GET", "/orders/7", 405))[0]["error"] == "Method not allowed"


async def test_a_404_names_files_that_do_not_load_in_development() -> None:
    failures = tuple(
        LoadFailure(SourceFile(f"steps/{number}.step.ts", "step", "typescript", "node"), "no") for number in range(7)
    )
    hint = (
        "The path may be claimed in a file that does not load: steps/0.step.ts, steps/1.step.ts, steps/2.step.ts, "
        "steps/3.step.ts, steps/4.step.ts and 2 more."
    )
    async with running(settings=DEV) as harness:
        harness.project.flow = Flow(failures=failures)
        assert (await refused(harness, "GET", "/x", 404))[0]["hint"] == hint
        harness.project.replace(WIDER)
        assert (await refused(harness, "GET", "/x", 404))[0]["hint"] == f"Routes: POST /orders/:id. {hint}"
