"""Check of a request against its step's schemas, and the answers to requests that break them."""

from __future__ import annotations

from collections.abc import Sequence

from polystep.contracts.errors import ContractBroken, Issue
from polystep.contracts.ports.http import ProjectView
from polystep.contracts.steps import StepSpec
from polystep.contracts.values import JSONObject
from polystep.http.refusals import RequestRefused


def read_request(project: ProjectView, step: StepSpec, request: JSONObject) -> tuple[JSONObject, list[Issue]]:
    """Return the request with its parameters in their declared types, and everything in it that breaks a schema.

    Paths of issues in the body start at the body; those of parameters start with `queryParams` or `pathParams`.
    """
    issues: list[Issue] = []
    for member, reader in project.parameter_readers(step).items():
        given = request[member]
        if isinstance(given, dict):
            read, broken = reader.read(given)
            request = {**request, member: read}
            issues += [Issue((member, *issue.path), issue.message, issue.code) for issue in broken]
    validator = project.body_validator(step)
    # Where the step's own library checks the body, its verdict counts, in its own words (PS-7.11). It is not asked of
    # a request that is refused anyway.
    if validator is not None and (issues or "bodySchema" not in step.native_schemas):
        issues = [*validator.issues(request["body"]), *issues]
    return request, issues


def request_refused(issues: Sequence[Issue]) -> RequestRefused:
    """Return the answer to a request that breaks a schema."""
    return RequestRefused(400, {"error": "Validation failed", "issues": [issue.to_json() for issue in issues]})


def contract_refused(error: ContractBroken) -> RequestRefused:
    """Return the answer when the step's run found it out: 400 for the request, 500 for the step's own response."""
    error_text = "Validation failed" if error.http_status == 400 else "Response does not fit its contract"
    return RequestRefused(error.http_status, {"error": error_text, "issues": error.data.get("issues", [])})
