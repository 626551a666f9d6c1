"""Violations of schemas as errors with issues, and the description of any error in traces and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polystep.contracts.errors import ContractBroken, Issue, PolystepError, StepFailed
from polystep.contracts.limits import ISSUES_MAX
from polystep.contracts.values import JSONObject, JSONValue

_ISSUES_SHOWN_MAX: Final = 5
"""Issues of a response that its message names; `data.issues` lists all."""


class ResponseBroken(ContractBroken):
    """Error of a response that breaks the schema of its status; the client is not to blame."""

    http_status = 500


def input_broken(step: str, topic: str, issues: Sequence[Issue]) -> ContractBroken:
    """Make the error of an event that breaks the `input` of a subscriber."""
    return ContractBroken(
        f'The event "{topic}" does not fit the input of {step}: {where("data", issues[0])}.', _data(issues)
    )


def call_broken(key: str, step: str, issues: Sequence[Issue]) -> ContractBroken:
    """Make the error of a call whose input the step cannot take."""
    return ContractBroken(f'call("{key}"): the input does not fit {step}: {where("input", issues[0])}.', _data(issues))


def output_broken(step: str, issues: Sequence[Issue]) -> ContractBroken:
    """Make the error of a called step whose result breaks its `output`."""
    return ContractBroken(
        f"The result of {step} does not fit config.output: {where('value', issues[0])}.", _data(issues)
    )


def request_broken(issues: Sequence[Issue]) -> ContractBroken:
    """Make the error of a request that breaks the schemas of its step."""
    return ContractBroken("The request does not fit the step's contract.", _data(issues))


def item_broken(stream: str, issues: Sequence[Issue]) -> ContractBroken:
    """Make the error of an item that breaks the schema of its stream."""
    return ContractBroken(
        f"The item does not fit the schema of stream {stream}: {where('data', issues[0])}.", _data(issues)
    )


def response_broken(step: str, status: int, schema: str, issues: Sequence[Issue]) -> ResponseBroken:
    """Make the error of a response that breaks `config.responseSchema.<schema>`."""
    return ResponseBroken(
        f"The answer of {step} with status {status} does not fit config.responseSchema.{schema}: "
        f"{_listed('body', issues)}.",
        _data(issues),
    )


def issues_of(error: ContractBroken) -> list[Issue]:
    """Return the issues of a runner's own validation; never empty, and cut to `ISSUES_MAX`."""
    found = error.data.get("issues")
    issues = [_issue(each) for each in found[:ISSUES_MAX] if isinstance(each, dict)] if isinstance(found, list) else []
    return issues or [Issue((), error.message, "contract_broken")]


def where(root: str, issue: Issue) -> str:
    """Put an issue into one phrase: `data.email is required`."""
    return f"{'.'.join([root, *(str(part) for part in issue.path)])} {issue.message}"


def _listed(root: str, issues: Sequence[Issue]) -> str:
    """Put the first issues into one phrase, with the number of those beyond."""
    shown = "; ".join(where(root, issue) for issue in issues[:_ISSUES_SHOWN_MAX])
    more = len(issues) - _ISSUES_SHOWN_MAX
    return shown if more <= 0 else f"{shown}; and {more} more"


def describe(error: PolystepError) -> JSONObject:
    """Describe an error for traces and dead letters: a step's own error by its class, message and stack."""
    if isinstance(error, StepFailed):
        data = error.data
        return {
            "name": str(data.get("name") or "Error"),
            "message": str(data.get("message") or error.message),
            "stack": data.get("stack"),
            "code": error.name,
        }
    described: JSONObject = {"name": error.name, "message": error.message, "code": error.name}
    if error.data:
        described["data"] = error.data
    return described


def _data(issues: Sequence[Issue]) -> JSONObject:
    return {"issues": [issue.to_json() for issue in issues]}


def _issue(given: JSONObject) -> Issue:
    path, message, code = given.get("path"), given.get("message"), given.get("code")
    return Issue(
        tuple(_path_part(part) for part in path) if isinstance(path, list) else (),
        message if isinstance(message, str) else "does not fit",
        code if isinstance(code, str) else "contract_broken",
    )


def _path_part(part: JSONValue) -> str | int:
    return part if isinstance(part, (str, int)) and not isinstance(part, bool) else str(part)
