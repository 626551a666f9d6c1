"""Schemas, names and texts that nobody thought of: what is generated always parses, in both languages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from polystep.codegen.flow_types import flow_types
from polystep.codegen.python_file import PYTHON_FILE, python_file
from polystep.codegen.typescript_file import typescript_file
from polystep.contracts.steps import Flow
from tests.unit.codegen.corpus import CASES, ODD_KEYS
from tests.unit.codegen.flows import api, cron, event, flow, pyright, stream, tsc

DEFINED = ["A", "B", "a b", "Node"]
# Text as JSON can carry it: lone surrogates are in, as a broken client may send them.
TEXT = st.text(max_size=8) | st.sampled_from([*ODD_KEYS, "", "*/", "'''", '"""', "\\", "\ud800", "\r\n", "`${1}`"])
NAMES = st.text(min_size=1, max_size=8) | st.sampled_from([each for each in ODD_KEYS if each])
LITERALS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
REFERENCES = st.sampled_from([*(f"#/$defs/{name}" for name in DEFINED), "#", "#/$defs/Gone", "#/$defs/A/properties/x"])


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    members = st.dictionaries(NAMES, inner, max_size=4)
    parts: dict[str, st.SearchStrategy[Any]] = {
        "type": st.sampled_from(["object", "array", "string", "null", ["object", "null"], ["array", "string"]]),
        "properties": members,
        "required": st.lists(NAMES, max_size=3),
        "additionalProperties": inner,
        "patternProperties": members,
        "items": inner | several,
        "prefixItems": several,
        "minItems": st.integers(0, 3),
        "anyOf": several,
        "oneOf": several,
        "allOf": several,
        "$ref": REFERENCES,
        "description": TEXT,
        "nullable": st.booleans(),
        "const": st.recursive(
            LITERALS, lambda each: st.lists(each, max_size=2) | st.dictionaries(TEXT, each, max_size=2)
        ),
        "enum": st.lists(LITERALS, max_size=4),
    }
    # Few words at a time: all at once contradict each other, and contradictions are all alike.
    return st.lists(st.sampled_from(sorted(parts)), max_size=4, unique=True).flatmap(
        lambda words: st.fixed_dictionaries({word: parts[word] for word in words})
    )


PLAIN = st.sampled_from(
    [True, False, {}, {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}]
)
SCHEMA = st.recursive(PLAIN, _schemas, max_leaves=6)
WHOLE = st.builds(
    lambda schema, definitions: {**schema, "$defs": definitions},
    SCHEMA.filter(lambda each: isinstance(each, dict)),
    st.fixed_dictionaries(dict.fromkeys(DEFINED, SCHEMA)),
)
FLOWS = st.builds(
    lambda schemas, names, path: flow(
        *(event(f"E{name}", f"{name}", f"both {at % 7}", input=schemas[at], fifo=at % 2 == 0, description=name,
                language="python" if at % 3 == 0 else "typescript") for at, name in enumerate(names)),
        *(api(f"A{name}", path, body=schemas[at], responses={"200": schemas[-at], "default": schemas[at]}, query=name,
              emits=name.replace(" ", "_"), language="python") for at, name in enumerate(names)),
        *(stream(name, schemas[-1 - at]) for at, name in enumerate(names)),
    ),
    st.lists(WHOLE, min_size=8, max_size=8),
    st.lists(NAMES, min_size=1, max_size=8, unique=True),
    st.sampled_from(["/", "/a/:id", "/a/:id?/*", "/:a-:b/v:n(\\d+)"]),
)  # fmt: skip
FLOWS_TRIED = 25
RARE: dict[str, Any] = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.timeout(300)
def test_what_is_generated_always_parses_and_nothing_depends_on_chance(tmp_path: Path) -> None:
    made: list[Flow] = []

    @settings(max_examples=FLOWS_TRIED, phases=[Phase.generate], **RARE)
    @given(FLOWS)
    def compiles(each: Flow) -> None:
        made.append(each)
        text = python_file(flow_types(each))
        module: dict[str, Any] = {"__name__": "polystep_types"}
        exec(compile(text, PYTHON_FILE, "exec"), module)
        backwards = Flow(dict(reversed([*each.steps.items()])), dict(reversed([*each.streams.items()])))
        assert python_file(flow_types(backwards)) == text
        for augments in (False, True):
            types = typescript_file(flow_types(each), augments=augments)
            assert typescript_file(flow_types(backwards), augments=augments) == types

    compiles()
    assert len(made) >= FLOWS_TRIED
    for at, each in enumerate(made):
        declared = flow_types(each)
        # A module of its own for each, so that they do not meet.
        types = typescript_file(declared, augments=False).replace("module 'polystep'", f"module 'again{at}'")
        (tmp_path / f"types{at}.d.ts").write_text(types.replace("'motia'", f"'motia{at}'"), "utf-8")
        (tmp_path / f"types_{at}.py").write_text(python_file(declared), "utf-8")
    assert tsc(tmp_path) == ""
    assert pyright(tmp_path) == []


@pytest.mark.no_cover  # the measurement costs more than the work
def test_two_hundred_steps_take_well_under_a_tenth_of_a_second() -> None:
    specs = [
        each
        for at in range(40)
        for each in (
            event(f"Event {at}", f"topic.{at}", input=CASES[at % len(CASES)].schema, emits=f"topic.{at + 1}"),
            event(f"Python {at}", f"topic.{at}", language="python"),
            api(
                f"Api {at}",
                f"/a/{at}/:id",
                body=CASES[-at].schema,
                responses={"200": CASES[at].schema},
                emits=f"topic.{at}",
            ),
            api(f"Python api {at}", f"/b/{at}", body=CASES[at].schema, language="python"),
            cron(f"Cron {at}", f"topic.{at}"),
        )
    ]
    made = flow(*specs, *(stream(f"s{at}", CASES[at].schema) for at in range(40)))
    assert len(made.steps) == 200
    took_s = []
    for _ in range(5):
        began_s = time.process_time()
        declared = flow_types(made)
        texts = typescript_file(declared, augments=False), python_file(declared)
        took_s.append(time.process_time() - began_s)
    assert all(texts)
    assert min(took_s) < 0.1  # 13 ms where nothing else runs
