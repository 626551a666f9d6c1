"""Origins of settings: which one counts, and what is told of one that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.project import SettingSources, read_settings
from polystep.project.setting_sources import variable_of

FILE = """
[http]
docs = false
body_bytes_max = 5
[runners.my-perl]
pattern = "_step.pl"
command = ["perl", "runner.pl"]
"""


def refusal(project: Path, environment: Mapping[str, str], flags: Sequence[str] = ()) -> str:
    with pytest.raises(LoadFailed) as refused:
        read_settings(project, environment, flags)
    return refused.value.message


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "polystep.toml").write_text(FILE)
    return tmp_path


def test_flags_override_variables_which_override_the_file(project: Path) -> None:
    environment = {"POLYSTEP_HTTP_BODY_BYTES_MAX": "6", "POLYSTEP_HTTP_UPLOAD_BYTES_MAX": "7", "PATH": "/bin"}
    flags = ["http.body_bytes_max=8"]
    http = read_settings(project, environment, flags).http
    assert (http.docs, http.body_bytes_max, http.upload_bytes_max) == (False, 8, 7)
    found = {each.name: (each.value, each.origin) for each in SettingSources(project, environment, flags).listed()}
    assert found["http.docs"] == (False, "polystep.toml")
    assert found["http.body_bytes_max"] == (8, "--set")
    assert found["http.upload_bytes_max"] == (7, "POLYSTEP_HTTP_UPLOAD_BYTES_MAX")
    assert found["http.case_sensitive_paths"] == (False, "default")
    assert found["runners.my-perl.command"] == (["perl", "runner.pl"], "polystep.toml")


def test_a_file_is_not_needed(tmp_path: Path) -> None:
    assert read_settings(tmp_path, {"POLYSTEP_CRON_TIMEZONE": "UTC"}).cron.timezone == "UTC"


@pytest.mark.parametrize("text", ["a.example,b.example", " a.example , b.example,", '["a.example", "b.example"]'])
def test_lists_are_written_with_commas_or_as_in_the_file(tmp_path: Path, text: str) -> None:
    hosts = read_settings(tmp_path, {"POLYSTEP_HTTP_ALLOWED_HOSTS": text}).http.allowed_hosts
    assert hosts == ("a.example", "b.example")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("no", False), ("off", False)])
def test_a_choice_is_written_in_words(tmp_path: Path, text: str, value: bool) -> None:
    assert read_settings(tmp_path, {"POLYSTEP_STREAMS_PUBLIC": text}).streams.public is value


def test_an_empty_variable_is_not_set(project: Path) -> None:
    assert read_settings(project, {"POLYSTEP_HTTP_DOCS": ""}).http.docs is False


def test_runners_of_others_are_set_too(project: Path) -> None:
    settings = read_settings(project, {"POLYSTEP_RUNNERS_MY_PERL_PROCESSES": "3"}, ["runners.node.processes=2"])
    assert (settings.runners.foreign["my-perl"].processes, settings.runners.node.processes) == (3, 2)


def test_variables_of_other_meanings_are_left_alone(tmp_path: Path) -> None:
    others = {"POLYSTEP_TOKEN": "x" * 40, "POLYSTEP_EDITOR": "code", "POLYSTEP_OWN": "1"}
    assert read_settings(tmp_path, others) == read_settings(tmp_path)


def test_a_variable_that_is_no_setting_stops_the_start(tmp_path: Path) -> None:
    near = "Did you mean POLYSTEP_RUNNERS_RUBY_PROCESSES?"
    message = refusal(tmp_path, {"POLYSTEP_HTTP_DOC": "1", "POLYSTEP_RUNNERS_PERL_PROCESSES": "1"})
    assert message.splitlines() == [
        "The environment has variables that are no settings:",
        "  POLYSTEP_HTTP_DOC: there is no such setting. Did you mean POLYSTEP_HTTP_DOCS? `polystep config` lists them.",
        f"  POLYSTEP_RUNNERS_PERL_PROCESSES: there is no such setting. {near} `polystep config` lists them.",
    ]


def test_wrong_values_are_told_with_where_they_come_from(project: Path) -> None:
    (project / "polystep.toml").write_text(FILE + "[cron]\ntimezone = 5\n")
    no_origin = (
        '"a.example" is no origin: write a scheme and a name, such as "https://a.example", without a path, wildcard or '
        "user"
    )
    message = refusal(
        project, {"POLYSTEP_HTTP_DOCS": "maybe", "POLYSTEP_HTTP_ALLOWED_ORIGINS": "a.example"}, ["trace.bytes_max=1"]
    )
    assert sorted(message.splitlines()) == [
        '  --set: trace.bytes_max must be at least 1048576; it is "1"',
        f"  POLYSTEP_HTTP_ALLOWED_ORIGINS: http.allowed_origins.0: {no_origin}",
        '  POLYSTEP_HTTP_DOCS: http.docs must be true or false; it is "maybe"',
        "  polystep.toml: cron.timezone must be a text; it is 5",
        "The settings are not usable:",
    ]


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("http.docs", "--set takes SECTION.SETTING=VALUE, such as --set http.docs=false; this is 'http.docs'."),
        ("http.dcos=1", "--set http.dcos: there is no such setting. Did you mean http.docs? `polystep config`"),
        ("=", "--set : there is no such setting. `polystep config`"),
    ],
)
def test_a_wrong_flag_is_told(tmp_path: Path, flag: str, said: str) -> None:
    assert refusal(tmp_path, {}, [flag]).startswith(said)


def test_a_file_with_another_thing_in_the_place_of_a_section_is_told(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text("http = 5\n")
    assert "http must be a section; it is 5" in refusal(tmp_path, {"POLYSTEP_HTTP_DOCS": "false"})


def test_a_list_that_is_no_toml_is_told(tmp_path: Path) -> None:
    message = refusal(tmp_path, {"POLYSTEP_HTTP_ALLOWED_HOSTS": "[a"})
    assert 'POLYSTEP_HTTP_ALLOWED_HOSTS: http.allowed_hosts must be a list; it is "[a"' in message


def test_passwords_in_addresses_are_not_shown(tmp_path: Path) -> None:
    sources = SettingSources(tmp_path, {}, ["asks.public_url=https://me:secret@example.org/"])
    (url,) = [each for each in sources.listed() if each.name == "asks.public_url"]
    assert url.value == "https://me:…@example.org/"


def test_every_setting_has_a_variable_of_its_own(project: Path) -> None:
    found = SettingSources(project).listed()
    assert len({each.variable for each in found}) == len(found) > 30
    assert variable_of(("runners", "my-perl", "memory_mb")) == "POLYSTEP_RUNNERS_MY_PERL_MEMORY_MB"
