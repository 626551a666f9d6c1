"""From a step's path to OpenAPI's templates."""

from __future__ import annotations

import pytest

from polystep.documents.templates import templates_of


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/", ["/"]),
        ("/tickets", ["/tickets"]),
        ("/tickets/", ["/tickets/"]),
        ("/users/:id", ["/users/{id}"]),
        ("/users/:id/", ["/users/{id}"]),
        ("/users/:id?", ["/users", "/users/{id}"]),
        ("/:page?", ["/", "/{page}"]),
        ("/a/:x?/c/:y?", ["/a/c", "/a/c/{y}", "/a/{x}/c", "/a/{x}/c/{y}"]),
        ("/a/:x?/:y?", ["/a", "/a/{x}", "/a/{x}/{y}"]),
        ("/files/*", ["/files/{0}"]),
        ("/*/of/*", ["/{0}/of/{1}"]),
        ("/:from-:to", ["/{from}-{to}"]),
        ("/v:major(\\d+).:minor(\\d+)", ["/v{major}.{minor}"]),
        ("/:a/:a/:a_", ["/{a}/{a_}/{a__}"]),
        ("/caf%C3%A9/größe", ["/caf%C3%A9/gr%C3%B6%C3%9Fe"]),
        ("/{id}/a b?", ["/%7Bid%7D/a%20b%3F"]),
        ("/100%", []),
        ("/%FF", []),
        ("/:id([)", []),
    ],
)
def test_templates(path: str, texts: list[str]) -> None:
    assert [template.text for template in templates_of(path)] == texts


def test_a_path_of_many_optional_segments_has_a_bounded_number_of_templates() -> None:
    assert len(templates_of("".join(f"/{at}/:p{at}?" for at in range(30)))) == 32
