"""Whatever a project declares, its documents are made, and everything in them leads somewhere."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from polystep.contracts.steps import Emit
from polystep.documents import ProjectInformation, asyncapi_document, openapi_document
from polystep.documents.dialects import LISTS, MAPS, SINGLES
from tests.unit.documents.specs import api, event, flow, stream

NAMES = st.sampled_from(["a", "a/b", "~", "größe", "", "%", "$ref", "{x}", "items", "0"])
REFERENCES = st.sampled_from(
    [
        "#",
        "#/$defs/a",
        "#/$defs/a~1b",
        "#/definitions/~0",
        "#/properties/a/items/0",
        "#a",
        "x",
        "x#/a",
        "#/%",
        "://",
        "[/",
    ]
)
PATHS = st.lists(
    st.sampled_from(["a", ":a", ":b?", "*", ":a-:b", ":a(\\d+)", ":a([)", "%", "é", "{a}", "a?", "", ":", "*?"]),
    max_size=5,
).map(lambda parts: "/" + "/".join(parts))

JUNK = st.one_of(st.booleans(), st.none(), st.integers(), st.text(max_size=3))


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas whose keywords hold what they should, or what no schema can be."""
    lists, maps = st.lists(inner, max_size=2), st.dictionaries(NAMES, inner, max_size=2)
    optional = {
        **{keyword: st.one_of(maps, JUNK) for keyword in MAPS},
        **{keyword: st.one_of(lists, JUNK) for keyword in LISTS},
        **{keyword: st.one_of(inner, JUNK) for keyword in SINGLES},
        "items": st.one_of(inner, lists, JUNK),
        "$ref": st.one_of(REFERENCES, JUNK),
        "$dynamicRef": REFERENCES,
        "$id": st.one_of(REFERENCES, JUNK),
        "$anchor": st.one_of(st.just("a"), JUNK),
        "type": st.one_of(st.sampled_from(["object", "string"]), lists, JUNK),
        "enum": st.one_of(st.just([{"$ref": "#"}]), maps, JUNK),
        "required": st.one_of(st.just(["a"]), lists, JUNK),
    }
    return st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True).flatmap(
        lambda keys: st.fixed_dictionaries({key: optional[key] for key in keys})
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(st.one_of(JUNK, st.just({})), deeper, max_leaves=12)
ROOTS: st.SearchStrategy[Any] = SCHEMAS.filter(lambda schema: isinstance(schema, dict))
INFORMATION = ProjectInformation("any")


@settings(deadline=None, derandomize=True)
@given(path=PATHS, other=PATHS, body=ROOTS, answer=ROOTS, name=NAMES.filter(bool))
def test_openapi_of_any_step(path: str, other: str, body: Any, answer: Any, name: str) -> None:
    query: Any = ({"name": name, "schema": answer}, body)
    steps = [
        api(f"POST {path}", name, body=body, answers={"200": answer, "400": body}, query=query),
        api(f"GET {other}", "other", answers={"2XX": answer}, query=answer),
    ]
    before = copy.deepcopy(steps)
    check_references(openapi_document(flow(*steps), INFORMATION))
    assert steps == before


@settings(deadline=None, derandomize=True)
@given(topic=NAMES, wanted=ROOTS, item=ROOTS, name=NAMES)
def test_asyncapi_of_any_topic_and_stream(topic: str, wanted: Any, item: Any, name: str) -> None:
    described = flow(
        event("one", topic, schema=wanted),
        event("two", topic, "t", schema=item, emits=(Emit(topic),)),
        stream(name, item),
    )
    check_references(asyncapi_document(described, INFORMATION))


def check_references(document: Any) -> None:
    """Every reference leads to a part of the document; only what stands under `enum` may look like one and be none."""
    document = json.loads(json.dumps(document))
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            reference = each.get("$ref")
            if isinstance(reference, str):
                assert reference.startswith("#/"), reference
                found = document
                for token in reference[2:].split("/"):
                    key = unquote(token).replace("~1", "/").replace("~0", "~")
                    found = found[int(key)] if isinstance(found, list) else found[key]
            waiting.extend(value for key, value in each.items() if key not in ("enum", "type", "required"))
        elif isinstance(each, list):
            waiting.extend(each)
