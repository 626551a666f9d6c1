"""Features beyond the protocol's core: checks by the step's own types, streamed responses."""

from typing import Any

import pytest

FEATURES = ["contracts", "middleware", "response.stream"]
REQUEST = {"body": {}, "headers": {}, "pathParams": {}, "queryParams": {}, "rawBody": ""}
MODELS = """
import dataclasses, typing
from datetime import datetime
from pydantic import BaseModel, TypeAdapter, field_validator

class Ticket(BaseModel):
    subject: str
    urgent: bool = False
    when: datetime | None = None

    @field_validator("subject")
    @classmethod
    def trimmed(cls, value):
        if not value.strip():
            raise ValueError("must say something")
        return value.strip()

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

class Named(typing.TypedDict, total=False):
    name: str
"""


def api(fields: str, body: str) -> dict[str, str]:
    config = f'config = {{"type": "api", "name": "A", "path": "/a", "method": "POST", {fields}}}'
    return {"steps/a_step.py": f"{MODELS}\n{config}\nasync def handler(req, context):\n    {body}\n"}


def event(input: str, body: str) -> dict[str, str]:
    config = f'config = {{"type": "event", "name": "A", "subscribes": ["t"], "input": {input}}}'
    return {"steps/a_step.py": f"{MODELS}\n{config}\nasync def handler(input, context):\n    {body}\n"}


async def test_a_body_becomes_the_model_that_the_config_declares(start: Any) -> None:
    files = api(
        '"bodySchema": Ticket', "return {'status': 200, 'body': [req.body.subject, repr(req.body), req.rawBody]}"
    )
    host = await start(files, hello={"features": FEATURES})
    loaded = await host.load("steps/a_step.py")
    assert loaded["contracts"] == ["bodySchema"]
    assert loaded["config"]["bodySchema"]["required"] == ["subject"]
    request = {**REQUEST, "body": {"subject": " help ", "when": "2026-01-02T03:04:05Z"}, "rawBody": "raw"}
    answer = await host.run("steps/a_step.py", request, "api")
    assert answer["body"] == [
        "help",
        "Ticket(subject='help', urgent=False, when=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=TzInfo(0)))",
        "raw",
    ]


async def test_a_parameter_of_a_list_may_be_declared_by_a_type(start: Any) -> None:
    fields = '"queryParams": [{"name": "limit", "schema": int}, {"name": "all"}], "pathParams": Point'
    host = await start(api(fields, "return None"), hello={"features": FEATURES})
    loaded = await host.load("steps/a_step.py")
    assert loaded["config"]["queryParams"] == [{"name": "limit", "schema": {"type": "integer"}}, {"name": "all"}]
    assert loaded["contracts"] == ["pathParams"]


async def test_everything_that_breaks_a_contract_is_told_at_once_and_the_handler_is_not_called(
    start: Any, wire_error: Any
) -> None:
    files = api('"bodySchema": Ticket, "queryParams": Named, "pathParams": Point', "print('called')")
    host = await start(files, hello={"features": FEATURES})
    await host.load("steps/a_step.py")
    request = {**REQUEST, "body": {"subject": " "}, "queryParams": {"name": ["a", "b"]}, "pathParams": {"x": "seven"}}
    with pytest.raises(wire_error) as refused:
        await host.run("steps/a_step.py", request, "api")
    error = refused.value.error
    assert (error["code"], error["name"], error["retryable"]) == (25, "contract_broken", False)
    assert [(issue["path"], issue["code"]) for issue in error["data"]["issues"]] == [
        (["subject"], "value_error"),
        (["queryParams", "name"], "string_type"),
        (["pathParams", "x"], "int_parsing"),
    ]
    assert "must say something" in error["message"]
    assert host.logs() == []


@pytest.mark.parametrize(
    ("declared", "given", "made"),
    [
        ("Point", {"x": "5"}, "Point(x=5, y=0)"),
        ("Named", {"name": "n", "more": 1}, "{'name': 'n'}"),
        ("TypeAdapter(list[int])", [1, "2"], "[1, 2]"),
        ("list[Point]", [{"x": 1}], "[Point(x=1, y=0)]"),
        ("int | None", None, "None"),
        ("{'type': 'object'}", {"a": 1}, "{'a': 1}"),
    ],
)
async def test_an_event_becomes_what_its_input_declares(start: Any, declared: str, given: Any, made: str) -> None:
    host = await start(event(declared, "print(repr(input))"), hello={"features": FEATURES})
    assert await host.load_and_run("steps/a_step.py", given, "event") is None
    assert [line["message"] for line in host.logs()] == [made]


async def test_a_model_answers_by_name_as_a_map_does(start: Any) -> None:
    body = "return [input['subject'], input.get('subject'), input.get('no', 1), 'subject' in input, 'no' in input]"
    host = await start(event("Ticket", body), hello={"features": FEATURES})
    assert await host.load_and_run("steps/a_step.py", {"subject": "s"}) == ["s", "s", 1, True, False]


async def test_without_the_feature_the_host_alone_judges(start: Any) -> None:
    host = await start(event("Point", "return input['x']"))
    assert await host.load_and_run("steps/a_step.py", {"x": "as it came"}) == "as it came"


async def test_an_event_answers_as_a_map_and_by_attributes_however_deep(start: Any) -> None:
    body = """
    input.customer.name = 'changed'
    same = [input["id"] == input.id == input.get("id"), input["customer"] is input.customer, isinstance(input, dict)]
    return [same, input["customer"]["name"], input.customer.get("mail"), hasattr(input, "missing")]
"""
    host = await start(event("None", body))
    given = {"id": 7, "customer": {"name": "n", "mail": "m"}}
    assert await host.load_and_run("steps/a_step.py", given) == [[True, True, True], "changed", "m", False]


async def test_a_request_has_files_only_of_an_upload_and_aliases_as_keys(start: Any) -> None:
    body = "return {'status': 200, 'body': [req.files, req['path_params'], req.get('files'), 'files' in req]}"
    host = await start(api('"emits": []', body))
    answer = await host.load_and_run("steps/a_step.py", {**REQUEST, "pathParams": {"id": "1"}}, "api")
    assert answer["body"] == [[], {"id": "1"}, None, False]


async def test_maps_in_lists_and_the_files_of_an_upload_answer_by_attribute(start: Any) -> None:
    body = """
    rows = req.body.rows
    rows.append({"n": 3})
    again = req.body.rows is rows
    return {'status': 200, 'body': [req.files[0].name, [file.path for file in req.files], rows[0].n, rows[1][0].n,
                                    again, len(rows), type(rows) is list, req["files"][0]["type"]]}"""
    host = await start(api('"emits": []', body))
    files = [{"field": "f", "name": "a.txt", "type": "text/plain", "bytes": 3, "path": "/tmp/a"}]
    request = {**REQUEST, "files": files, "body": {"rows": [{"n": 1}, [{"n": 2}]]}}
    answer = await host.load_and_run("steps/a_step.py", request, "api")
    assert answer["body"] == ["a.txt", ["/tmp/a"], 1, 2, True, 3, True, "text/plain"]


async def test_lists_may_be_nested_as_deep_as_the_protocol_carries(start: Any) -> None:
    deep: Any = 1
    for _ in range(98):
        deep = [deep]
    host = await start(event("None", "return len(input.deep)"))
    assert await host.load_and_run("steps/a_step.py", {"deep": deep}) == 1
    body = """
    from polystep_runner.adapters.inputs import Record
    deep = 1
    for _ in range(100_000):
        deep = [deep]
    return len(Record(deep=deep).deep)
"""
    host = await start(event("None", body))
    assert await host.load_and_run("steps/a_step.py", {}) == 1


STREAMS = """
    async def later():
        try:
            yield "one"
            yield {"n": 2}
        finally:
            print("closed")
    def now():
        yield "a"
        yield b"b"
    return {"status": 201, "headers": {"x": "y"}, "body": BODY}
"""


@pytest.mark.parametrize(
    ("body", "items"),
    [("later()", ["one", {"n": 2}]), ("now()", ["a", b"b"]), ("iter([1])", [1]), ("(c for c in 'xy')", ["x", "y"])],
)
async def test_a_body_that_comes_item_by_item_is_streamed(start: Any, body: str, items: list[Any]) -> None:
    host = await start(api('"emits": []', STREAMS.replace("BODY", body)), hello={"features": FEATURES})
    assert await host.load_and_run("steps/a_step.py", REQUEST, "api") is None
    assert [(method, {**params, "run": ""}) for method, params in host.calls] == [
        ("response.start", {"run": "", "status": 201, "headers": {"x": "y"}}),
        *(("response.write", {"run": "", "data": item}) for item in items),
    ]


async def test_a_generator_is_closed_when_its_run_is_cancelled(start: Any) -> None:
    host = await start(api('"emits": []', STREAMS.replace("BODY", "later()")), hello={"features": FEATURES})
    await host.load("steps/a_step.py")

    def cancel(method: str, params: dict[str, Any]) -> None:
        if method == "response.write":
            host.notify("cancel", {"run": params["run"], "reason": "the client left"})

    host.answer = cancel
    with pytest.raises(Exception, match="the client left"):
        await host.run("steps/a_step.py", REQUEST, "api")
    assert await host.until(lambda: host.logs(message="closed"))


async def test_without_the_feature_a_generator_is_refused(start: Any, wire_error: Any) -> None:
    host = await start(api('"emits": []', STREAMS.replace("BODY", "later()")))
    with pytest.raises(wire_error) as refused:
        await host.load_and_run("steps/a_step.py", REQUEST, "api")
    assert (refused.value.error["name"], refused.value.error["data"]["path"]) == ("invalid_value", "result.body")
