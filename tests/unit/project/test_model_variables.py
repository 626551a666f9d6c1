"""When the stand-in model is served."""

from __future__ import annotations

import pytest

from polystep.project.model_variables import local_model_variables, stand_in_variables, stand_in_wanted


@pytest.mark.parametrize(
    ("environment", "allowed", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"OPENAI_API_KEY": ""}, True, True),
        ({"OPENAI_API_KEY": "sk"}, True, False),
        ({"OPENAI_BASE_URL": "http://own"}, True, False),
        ({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}, True, True),
        ({"OPENAI_API_KEY": "sk", "OPENAI_BASE_URL": "http://own"}, True, False),
    ],
)
def test_it_is_served_only_when_allowed_and_nothing_else_is_configured(
    environment: dict[str, str], allowed: bool, wanted: bool
) -> None:
    assert stand_in_wanted(environment, allowed=allowed) is wanted


def test_its_variables_point_the_official_clients_at_it() -> None:
    assert stand_in_variables("http://127.0.0.1:9/v1") == {
        "OPENAI_API_KEY": "polystep-stand-in",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }


def test_a_local_model_needs_no_key_but_its_clients_do() -> None:
    assert local_model_variables({"OPENAI_BASE_URL": "http://own"}) == {"OPENAI_API_KEY": "no-key-needed"}
    assert local_model_variables({"OPENAI_BASE_URL": "http://own", "OPENAI_API_KEY": "sk"}) == {}
    assert local_model_variables({}) == {}
