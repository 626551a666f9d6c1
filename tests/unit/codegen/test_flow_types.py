"""What a flow promises: topics, inputs, endpoints."""

from __future__ import annotations

import pytest

from polystep.codegen.flow_types import flow_types, path_params
from polystep.codegen.forms import ANYTHING, NOTHING, TEXT, Object, Property
from tests.unit.codegen.corpus import S, obj
from tests.unit.codegen.flows import api, cron, event, flow

A, B = obj("a", a=S), obj("b", b=S)


def test_a_topic_takes_what_all_its_subscribers_take() -> None:
    declared = flow_types(
        flow(
            event("A", "t", "only a", input=A),
            event("B", "t", input=B, fifo=True),
            event("C", "t", "free"),
            cron("D", "lost t"),
        )
    )
    topics = {topic.name: topic for topic in declared.topics}
    a, b = Property("a", TEXT, True), Property("b", TEXT, True)
    assert {name: topic.payload for name, topic in topics.items()} == {
        "t": Object((a, b)),
        "only a": Object((a,)),
        "free": ANYTHING,
        "lost": ANYTHING,
    }
    assert [name for name, topic in topics.items() if topic.fifo] == ["t"]
    inputs = {step.spec.name: step.input for step in declared.steps}
    assert inputs["A"] == Object((a,))
    # C says nothing itself; one of its topics is free.
    assert inputs["C"] == ANYTHING
    assert [step.emits for step in declared.steps] == [None, None, None, ("lost", "t")]


def test_a_subscriber_that_says_nothing_is_sent_what_the_others_require() -> None:
    declared = flow_types(flow(event("A", "t", input=A), event("C", "t")))
    assert declared.steps[1].input == declared.steps[0].input == declared.topics[0].payload


def test_subscribers_that_contradict_each_other_leave_nothing_to_emit() -> None:
    declared = flow_types(flow(event("A", "t", input=A), event("B", "t", input=obj("a", a={"type": "integer"}))))
    assert declared.topics[0].payload == NOTHING


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", {}),
        ("/users/:id", {"id": True}),
        ("/users/:id?", {"id": False}),
        ("/:from-:to/*", {"from": True, "to": True, "0": True}),
        ("/v:major(\\d+)/*/*", {"major": True, "0": True, "1": True}),
        ("/a/:n(\\d+)?", {"n": False}),
    ],
)
def test_path_params(path: str, names: dict[str, bool]) -> None:
    assert {each.name: each.required for each in path_params(path).properties} == names


def test_an_endpoint_has_a_status_where_it_is_one() -> None:
    made = api("A", "/x/:id", responses={"200": A, "404": B, "default": S, "2XX": S}, query="q q r")
    endpoint = flow_types(flow(made)).steps[0].endpoint
    assert endpoint is not None
    assert [status for status, _ in endpoint.responses] == [200, None, 404, None]
    assert endpoint.query_names == ("q", "r")
