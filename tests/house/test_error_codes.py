"""The table of errors that runner authors read says what the host's classes say."""

import inspect
import json
import re
from pathlib import Path

import polystep.contracts.errors as errors_module
from polystep.contracts.errors import ALL_ERRORS, PolystepError, error_from_wire


def _row(kind: type[PolystepError]) -> dict[str, object]:
    return {
        "code": kind.code,
        "name": kind.name,
        "http_status": kind.http_status,
        "retryable": kind.retryable,
        "meaning": (inspect.getdoc(kind) or "").splitlines()[0],
    }


def test_the_table_is_the_classes_in_the_order_of_their_codes(root: Path) -> None:
    table = json.loads((root / "protocol" / "schema" / "errors.json").read_text("utf-8"))
    assert table == sorted(map(_row, ALL_ERRORS), key=lambda row: str(row["code"]).zfill(5))


def test_every_error_class_is_listed() -> None:
    defined = {
        kind for _, kind in inspect.getmembers(errors_module, inspect.isclass) if issubclass(kind, PolystepError)
    }
    assert defined == set(ALL_ERRORS)


def test_codes_and_names_are_unique() -> None:
    assert len({kind.code for kind in ALL_ERRORS}) == len({kind.name for kind in ALL_ERRORS}) == len(ALL_ERRORS)


def test_every_class_comes_back_from_the_wire_as_itself() -> None:
    for kind in ALL_ERRORS:
        back = error_from_wire(kind("what happened", {"where": ["data", 3]}).to_wire())
        assert (type(back), back.message, back.data) == (kind, "what happened", {"where": ["data", 3]})


def test_an_unknown_code_comes_back_as_a_plain_error_with_its_name() -> None:
    back = error_from_wire({"code": 99_999, "name": "from_the_future", "message": "new"})
    assert (type(back), back.code, back.name, back.message, back.data) == (
        PolystepError,
        99_999,
        "from_the_future",
        "new",
        {},
    )


def test_an_error_that_is_no_map_says_so() -> None:
    back = error_from_wire("no")
    assert (type(back), back.message) == (PolystepError, "The other side sent a malformed error: 'no'")


def test_the_bridges_send_the_numbers_of_the_table(root: Path) -> None:
    rows = json.loads((root / "protocol" / "schema" / "errors.json").read_text("utf-8"))
    table = {row["name"]: (row["code"], row["retryable"]) for row in rows}
    for file in ("node/src/errors.ts", "python/polystep_runner/errors.py"):
        source = (root / "bridges" / file).read_text("utf-8")
        entries = re.findall(r"\b(\w+)\"?: [\[(](\d+), (true|false)[\])]", source, re.IGNORECASE)
        found = {name: (int(code), flag.lower() == "true") for name, code, flag in entries}
        assert {"invalid_value", "step_failed", "load_failed"} <= set(found)
        assert found == {name: table[name] for name in found}


def test_the_small_runners_send_the_codes_of_the_table(root: Path) -> None:
    rows = json.loads((root / "protocol" / "schema" / "errors.json").read_text("utf-8"))
    table = {row["name"]: row["code"] for row in rows}
    for file in ("bridges/ruby/runner.rb", "protocol/examples/perl/runner.pl"):
        source = (root / file).read_text("utf-8")
        (codes,) = re.findall(r"CODES = [({](.*?)[)}]", source, re.DOTALL)
        found = {name: int(code) for name, code in re.findall(r"\b(\w+)\"?\s*=> (\d+)", codes)}
        assert {"invalid_value", "step_failed", "load_failed"} <= set(found)
        assert found == {name: table[name] for name in found}
