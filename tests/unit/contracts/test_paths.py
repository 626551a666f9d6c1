"""The grammar of paths, in its one home."""

from __future__ import annotations

import pytest

from polystep.contracts.paths import parameters_of, path_shape, read_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", []),
        ("/users/:id/", [("id", True)]),
        ("/users/:id?", [("id", False)]),
        ("/:from-:to?", [("from", False), ("to", False)]),
        ("/v:major(\\d+)/*/*", [("major", True), ("0", True), ("1", True)]),
        ("/a:/:", []),
    ],
)
def test_parameters_are_named_in_order_and_those_of_an_optional_segment_may_be_missing(
    path: str, found: list[tuple[str, bool]]
) -> None:
    assert [(parameter.name, needed) for parameter, needed in parameters_of(path)] == found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/users/:id", "/users/:name/", True),
        ("/users/:id?", "/users/:name?", True),
        ("/users/:id?", "/users/:id", False),
        ("/v:x(\\d+)", "/v:major(\\d+)", True),
        ("/v:x(\\d+)", "/v:x", False),
        ("/:a-:b", "/:c-:d", True),
        ("/:a", "/*", False),
        ("/a:", "/a:x", False),
    ],
)
def test_paths_of_one_shape_take_the_same_requests(one: str, other: str, same: bool) -> None:
    assert (path_shape(one) == path_shape(other)) is same


@pytest.mark.parametrize(
    ("path", "whole", "is_literal"),
    [("/a", None, True), ("/a:", None, True), ("/:a", "a", False), ("/:a?", "a", False), ("/*", "0", False)]
    + [(path, None, False) for path in ("/:a(x)", "/:a-:b", "/x*", "/a:?")],
)
def test_a_segment_is_literal_one_whole_parameter_or_a_pattern(path: str, whole: str | None, is_literal: bool) -> None:
    (segment,) = read_path(path)
    assert (segment.whole.name if segment.whole else None, segment.is_literal) == (whole, is_literal)
