"""What Python steps find in `polystep_types`, and under which names."""

from __future__ import annotations

import re
from dataclasses import replace

from polystep.codegen.flow_types import flow_types
from polystep.codegen.python_file import python_file
from polystep.codegen.typescript_file import typescript_file
from polystep.contracts.steps import EventTrigger, Flow, WaitTopic
from tests.unit.codegen.corpus import CASES, INT, S, obj
from tests.unit.codegen.flows import api, cron, event, flow, stream

RECURSIVE = next(case.schema for case in CASES if case.name == "recursion")


def defined(made: Flow) -> set[str]:
    """Names that the file of this flow has more than that of an empty one."""
    found, always = (
        set(re.findall(r"^(?:class )?(\w+)(?=\(|: TypeAlias| = )", python_file(flow_types(each)), re.MULTILINE))
        for each in (made, Flow())
    )
    return found - always


def test_names_tell_what_they_are_of() -> None:
    made = flow(
        event("CountWords", "ticket.triaged", input=obj("text", text=S), emits="words.counted", language="python"),
        api(
            "submit-ticket", "/t/:id", body=obj("a", a=obj("b", b=S)), responses={"200": S, "404": S}, language="python"
        ),
        api("Plain", language="python"),
        api("Typed", body=obj("n", n=INT)),
        cron("Nightly"),
        stream("ticketStatus", obj("stage", stage=S)),
    )
    assert defined(made) == {
        *("TicketTriaged", "TicketTriagedEvent", "WordsCounted", "WordsCountedEvent"),
        *("CountWordsInput", "CountWordsContext", "_EmitOfCountWordsContext"),
        *("SubmitTicketBody", "SubmitTicketBodyA", "SubmitTicketPathParams", "SubmitTicketRequest"),
        *("SubmitTicketResponse", "SubmitTicketResponse200", "SubmitTicketResponse404", "SubmitTicketContext"),
        *("PlainRequest", "PlainResponse", "PlainResponseAny", "PlainContext", "TypedBody"),
        *("TicketStatusItem", "TicketStatusStored"),
    }


def test_names_that_meet_are_numbered_and_words_of_ours_are_not_taken() -> None:
    topics = [
        "a.b",
        "a-b",
        "AB",
        "store",
        "stream",
        "state",
        "context",
        "any",
        "list",
        "1st",
        "none",
        "größe",
        "日本",
        "😀",
    ]
    names = defined(flow(event("E", *topics, input=obj("a", a=S))))
    payloads = {name for name in names if not re.search(r"Event\d*$", name)}
    assert payloads == {
        *(
            "AB",
            "AB2",
            "AB3",
            "Store",
            "Stream2",
            "State2",
            "Context2",
            "Any2",
            "List",
            "T1st",
            "None2",
            "Größe",
            "日本",
            "T",
        ),
    }


def test_a_topic_in_order_needs_its_group() -> None:
    text = python_file(flow_types(flow(event("E", "t", fifo=True), event("F", "u"))))
    assert "    messageGroupId: str\n" in text
    assert "data: object = ..., message_group_id: str, **options: Unpack[_EventOptions]) -> Call[None]" in text
    assert "data: object = ..., message_group_id: str = ..., **options: Unpack[_EventOptions]) -> Call" in text


def test_waits_and_calls_have_the_types_of_their_topics_and_steps() -> None:
    waits = event("E", "t", emits="t", language="python", waits_for=(WaitTopic("said", "id"),))
    called = event("F", "said", input=obj("n", n=INT))
    assert isinstance(called.trigger, EventTrigger)
    called = replace(called, trigger=replace(called.trigger, output_schema=obj("m", m=INT)))
    made = flow_types(flow(waits, called))
    text = python_file(made)
    own = text[text.index("class EContext") :]
    assert "def wait_for(self, key: str, *, topic: Literal['said'], by: object = ..." in own
    assert "-> Call[Said | None]: ..." in own
    assert "def call(self, key: str, step: Literal['F'], input: " in own
    assert "-> Call[FOutput]: ..." in own
    types = typescript_file(made, augments=False)
    assert "'F': { input: { n: number }; output: { m: number } }" in types
    # A step that waits for nothing has no `wait_for`.
    assert "def wait_for" not in python_file(flow_types(flow(event("E", "t", emits="t", language="python"))))


def test_stored_items_have_their_id_whatever_they_say_of_it() -> None:
    text = python_file(
        flow_types(
            flow(
                stream("a", obj("id", id=INT)), stream("b", RECURSIVE), stream("c", S), stream("d"), stream("class", S)
            )
        )
    )
    assert "class AItem(TypedDict):\n    id: int\n" in text
    assert "class AStored(TypedDict):\n    id: str\n" in text
    assert "    def a(self) -> Stream[AItem, AStored]: ..." in text
    assert "    def b(self) -> Stream[BItem, BStored]: ..." in text
    assert "    def c(self) -> Stream[CItem, CItem]: ..." in text
    assert "    def d(self) -> Stream[dict[str, Any], dict[str, Any]]: ..." in text
    assert "def class(" not in text
    assert "name: Literal['class'], /) -> Stream[ClassItem, ClassItem]" in text
