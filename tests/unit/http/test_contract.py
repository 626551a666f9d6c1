"""Requests and answers that break a step's contract, over a real connection."""

from __future__ import annotations

import pytest

from polystep.contracts.errors import ContractBroken, Issue
from polystep.contracts.values import JSONObject
from tests.unit.http.fakes import RequiresSubject, api_step, running

STEP = api_step("Search", "POST", "/t/:id")
ISSUE = Issue(("limit",), "is too large", "maximum")


class Reads:
    """Reads every text as its length; finds what the test says."""

    def __init__(self, *issues: Issue) -> None:
        self.issues = list(issues)

    def read(self, given: JSONObject) -> tuple[JSONObject, list[Issue]]:
        return {name: len(str(value)) for name, value in given.items()}, self.issues


async def test_a_handler_gets_its_parameters_as_they_were_read() -> None:
    async with running(STEP) as harness:
        harness.project.readers["Search"] = {"queryParams": Reads(), "pathParams": Reads()}
        answer = await harness.client.post("/t/abc?q=xy&r=")
        assert answer.status == 200
        request = harness.steps.request
        assert (request["queryParams"], request["pathParams"]) == ({"q": 2, "r": 0}, {"id": 3})


async def test_all_that_is_wrong_is_in_one_answer_and_the_handler_is_not_run() -> None:
    async with running(STEP) as harness:
        harness.project.validators["Search"] = RequiresSubject()
        harness.project.readers["Search"] = {
            "queryParams": Reads(ISSUE, Issue((), "has an odd name", "propertyNames")),
            "pathParams": Reads(Issue(("id",), "is no uuid", "format")),
        }
        answer = await harness.client.post("/t/x?limit=500", json={"limit": 1})
        trace_id = answer.headers["X-Trace-Id"]
        issues = [
            {"path": ["subject"], "message": "is required", "code": "required"},
            {"path": ["queryParams", "limit"], "message": "is too large", "code": "maximum"},
            {"path": ["queryParams"], "message": "has an odd name", "code": "propertyNames"},
            {"path": ["pathParams", "id"], "message": "is no uuid", "code": "format"},
        ]
        assert (answer.status, await answer.json()) == (
            400,
            {"error": "Validation failed", "issues": issues, "traceId": trace_id},
        )
        assert harness.steps.calls == []
        ((step, _, rejected_trace, rejected),) = harness.steps.rejected
        assert (step, rejected_trace, [issue.to_json() for issue in rejected]) == ("Search", trace_id, issues)


class _Answer(ContractBroken):
    http_status = 500


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ContractBroken("secret", {"issues": [ISSUE.to_json()]}), 400, "Validation failed"),
        (_Answer("secret", {"issues": [ISSUE.to_json()]}), 500, "Response does not fit its contract"),
    ],
)
async def test_what_the_run_itself_found_is_told_with_its_issues(error: ContractBroken, status: int, told: str) -> None:
    async with running(STEP) as harness:
        harness.steps.result = error
        answer = await harness.client.post("/t/x")
        assert (answer.status, await answer.json()) == (
            status,
            {"error": told, "issues": [ISSUE.to_json()], "traceId": answer.headers["X-Trace-Id"]},
        )
