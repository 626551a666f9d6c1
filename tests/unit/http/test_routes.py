"""Paths to steps, without HTTP."""

import pytest

from polystep.http.refusals import RequestRefused
from polystep.http.routes import RouteTable
from tests.unit.http.fakes import api_step


def found(table: RouteTable, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match = table.match(method, path)
    return None if match is None else (match.step.name, match.params)


def table(*routes: str) -> RouteTable:
    """Each route is its own step, named after itself."""
    return RouteTable([api_step(route, *route.split(" ", 1)) for route in routes])


def test_a_literal_wins_over_a_parameter_and_a_parameter_over_a_wildcard() -> None:
    routes = table("GET /users/*", "GET /users/:id", "GET /users/me")
    assert found(routes, "GET", "/users/me") == ("GET /users/me", {})
    assert found(routes, "GET", "/users/7") == ("GET /users/:id", {"id": "7"})
    assert found(routes, "GET", "/users/7/photos/1") == ("GET /users/*", {"0": "7/photos/1"})


def test_a_literal_that_lacks_the_method_lets_the_parameter_answer() -> None:
    routes = table("GET /users/me", "DELETE /users/:id")
    assert found(routes, "DELETE", "/users/me") == ("DELETE /users/:id", {"id": "me"})


def test_the_first_registered_of_two_equal_routes_wins_whatever_its_parameter_is_called() -> None:
    routes = table("GET /a/:first", "GET /a/:second")
    assert found(routes, "GET", "/a/1") == ("GET /a/:first", {"first": "1"})


def test_two_methods_of_one_path_keep_their_own_parameter_names() -> None:
    routes = table("GET /a/:x", "PUT /a/:y")
    assert found(routes, "PUT", "/a/1") == ("PUT /a/:y", {"y": "1"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/posts", {}), ("/posts/", {}), ("/posts/5", {"id": "5"}), ("/posts/5/", {"id": "5"})],
)
def test_an_optional_parameter_may_be_left_out(path: str, expected: dict[str, str]) -> None:
    assert found(table("GET /posts/:id?"), "GET", path) == ("GET /posts/:id?", expected)


def test_an_optional_parameter_at_the_root_and_in_the_middle() -> None:
    assert found(table("GET /:page?"), "GET", "/") == ("GET /:page?", {})
    routes = table("GET /docs/:version?/intro")
    assert found(routes, "GET", "/docs/intro") == ("GET /docs/:version?/intro", {"version": ""})
    assert found(routes, "GET", "/docs/v2/intro") == ("GET /docs/:version?/intro", {"version": "v2"})


def test_parameters_inside_a_segment_and_expressions() -> None:
    routes = table("GET /flights/:from-:to", "GET /v:major(\\d+)/x", "GET /files/:name.json")
    assert found(routes, "GET", "/flights/TUN-PAR") == ("GET /flights/:from-:to", {"from": "TUN", "to": "PAR"})
    assert found(routes, "GET", "/v12/x") == ("GET /v:major(\\d+)/x", {"major": "12"})
    assert found(routes, "GET", "/vx/x") is None
    assert found(routes, "GET", "/files/a.json") == ("GET /files/:name.json", {"name": "a"})


def test_an_unreadable_path_is_skipped_with_a_hint_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    routes = table("GET /v:x([)/y", "GET /ok")
    assert found(routes, "GET", "/ok") == ("GET /ok", {})
    assert "is not reachable" in caplog.text


def test_percent_encoding_is_decoded_once_and_never_separates() -> None:
    routes = table("GET /k/:key", "GET /tick%C3%A9ts")
    assert found(routes, "GET", "/k/a%2Fb%2500%00..") == ("GET /k/:key", {"key": "a/b%00\x00.."})
    assert found(routes, "GET", "/%74ick%C3%A9ts") == ("GET /tick%C3%A9ts", {})
    assert found(routes, "GET", "/k/../secret") is None


@pytest.mark.parametrize("path", ["/k/%", "/k/%zz", "/k/%ff", "/k/%c3%28", "/k/\udcff"])
def test_broken_percent_encoding_is_refused(path: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        table("GET /k/:key").match("GET", path)
    assert refused.value.status == 400


def test_head_falls_back_to_get_and_is_listed_with_it() -> None:
    routes = table("GET /a", "POST /a")
    assert found(routes, "HEAD", "/a") == ("GET /a", {})
    assert routes.methods("/a") == ["GET", "HEAD", "POST"]
    assert routes.methods("/b") == []
    assert found(table("GET /a", "HEAD /a"), "HEAD", "/a") == ("HEAD /a", {})


def test_the_root_belongs_to_its_step_or_to_a_wildcard() -> None:
    assert found(table("GET /"), "GET", "/") == ("GET /", {})
    assert found(table("GET /*"), "GET", "/") == ("GET /*", {"0": ""})
    assert found(table("GET /:id"), "GET", "/") is None


def test_a_path_with_broken_encoding_is_named_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    routes = table("GET /100%", "GET /fine")
    assert found(routes, "GET", "/fine") == ("GET /fine", {})
    assert routes.shown == ["GET /fine"]
    assert "GET /100% is not reachable" in caplog.text


@pytest.mark.parametrize("path", ["/caf%C3%A9/v3", "/caf%c3%a9/v3", "/c%61f%C3%A9/v3"])
def test_a_pattern_fits_however_the_client_encodes_its_literals(path: str) -> None:
    for route in ("GET /café/v:major(\\d+)", "GET /caf%C3%A9/v:major(\\d+)"):
        assert found(table(route), "GET", path) == (route, {"major": "3"})


def test_an_encoded_slash_never_separates_in_a_pattern_either() -> None:
    assert found(table("GET /:from-:to"), "GET", "/a%2Fb-c%20d") == ("GET /:from-:to", {"from": "a/b", "to": "c d"})
    assert found(table("GET /:from-:to"), "GET", "/a/b-c") is None


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/Users/:id", "/users/Ada"),
        ("/users/:id", "/USERS/Ada"),
        ("/users/:id/", "/Users/Ada"),
        ("/Café", "/caf%C3%A9"),
        ("/v:major(\\d+)/Users", "/V2/users"),
        ("/files/*", "/Files/Ada"),
    ],
)
def test_the_case_of_a_path_does_not_matter_unless_it_is_said_to(path: str, asked: str) -> None:
    step = api_step("Found", "GET", path)
    found = RouteTable([step]).match("GET", asked)
    assert found is not None
    # Values keep the case that they came with.
    assert set(found.params.values()) <= {"Ada", "2"}
    assert RouteTable([step], case_sensitive=True).match("GET", asked) is None


def test_a_path_in_the_very_case_of_the_request_wins() -> None:
    table = RouteTable([api_step("Upper", "GET", "/Users/:id"), api_step("Lower", "GET", "/users/:id")])
    found = [table.match("GET", path) for path in ("/Users/1", "/users/1", "/USERS/1")]
    assert [match.step.name for match in found if match] == ["Upper", "Lower", "Upper"]
