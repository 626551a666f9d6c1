"""`polystep.toml`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.project import Settings, read_settings
from polystep.project.settings import DurableSection


def refusal(project: Path, text: str) -> str:
    (project / "polystep.toml").write_text(text)
    with pytest.raises(LoadFailed) as refused:
        read_settings(project)
    return refused.value.message


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


HTTP = {
    "body_bytes_max": 5,
    "upload_bytes_max": 7,
    "bytes_in_flight_max": 9,
    "allowed_hosts": ("a.example",),
    "allowed_origins": ("https://b.example",),
    "admin_origin": "https://admin.example",
    "case_sensitive_paths": True,
    "docs": False,
}

WORKBENCH = {"enabled": True, "session_h": 1.0, "editor": "my-editor {file}"}
ASKS = {"links": False, "public_url": "https://example.org"}
DURABLE = {"hold_s": 1.0, "stop_grace_s": 2.0, "value_bytes_max": 4096, "run_bytes_max": 8192, "entries_max": 3}
DURABLE |= {"keep_h": 2.5}


EVERYTHING = """
[http]
body_bytes_max = 5
upload_bytes_max = 7
bytes_in_flight_max = 9
allowed_hosts = ["a.example"]
allowed_origins = ["https://b.example"]
admin_origin = "https://Admin.example"
case_sensitive_paths = true
docs = false
[contracts]
responses = "error"
[storage]
durability = "process"
[runners.node]
processes = 2
memory_mb = 500
[runners.python]
processes = 3
requirements = "reqs.txt"
[runners.ruby]
processes = 4
[runners.perl]
pattern = "_step.pl"
stream_pattern = ["_stream.pl", ".stream.pl"]
command = ["perl", "runner.pl"]
channel = "private"
processes = 5
[cron]
timezone = "Europe/Berlin"
[queues]
events_max = 8
bytes_max = 9
[trace]
bytes_max = 2000000
redact = ["customerNumber"]
reveal = ["signature"]
[log]
format = "json"
[streams]
public = true
[durable]
hold_s = 1
stop_grace_s = 2
value_bytes_max = 4096
run_bytes_max = 8192
entries_max = 3
keep_h = 2.5
[workbench]
enabled = true
session_h = 1
editor = "my-editor {file}"
[asks]
links = false
public_url = "https://example.org"
"""


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text(EVERYTHING)
    assert read_settings(tmp_path).model_dump() == {
        **{
            "streams": {"public": True},
            "durable": DURABLE,
            "workbench": WORKBENCH,
            "asks": ASKS,
            "log": {"format": "json"},
        },
        "http": HTTP,
        "contracts": {"responses": "error"},
        "storage": {"durability": "process"},
        "runners": {
            "node": {"processes": 2, "memory_mb": 500},
            "python": {"processes": 3, "memory_mb": None, "requirements": "reqs.txt"},
            "ruby": {"processes": 4, "memory_mb": None},
            "perl": {
                "processes": 5,
                "memory_mb": None,
                "pattern": ("_step.pl",),
                "stream_pattern": ("_stream.pl", ".stream.pl"),
                "command": ("perl", "runner.pl"),
                "channel": "private",
            },
        },
        "cron": {"timezone": "Europe/Berlin"},
        "queues": {"events_max": 8, "bytes_max": 9},
        "trace": {"bytes_max": 2_000_000, "redact": ("customerNumber",), "reveal": ("signature",)},
    }


@pytest.mark.parametrize(
    ("text", "in_dev", "in_start"),
    [("", True, False), ("enabled = true", True, True), ("enabled = false", False, False)],
)
def test_the_workbench_is_on_in_development_unless_the_file_says_otherwise(
    tmp_path: Path, text: str, in_dev: bool, in_start: bool
) -> None:
    (tmp_path / "polystep.toml").write_text(f"[workbench]\nsession_h = 0.5\n{text}\n")
    section = read_settings(tmp_path).workbench
    assert section.session_h == 0.5
    assert (section.is_on(dev=True), section.is_on(dev=False)) == (in_dev, in_start)


def test_every_wrong_entry_is_named_by_its_path(tmp_path: Path) -> None:
    message = refusal(
        tmp_path, '[http]\nport = 1\nbody_bytes_max = 0\n[runners.node]\nprocesses = 65\n[storage]\ndurability = "no"'
    )
    assert message == (
        f"{tmp_path}/polystep.toml is not usable:\n"
        "  http.body_bytes_max must be greater than 0; it is 0\n"
        "  http.port: there is no such setting. Here may be: body_bytes_max, upload_bytes_max, "
        "bytes_in_flight_max, allowed_hosts, "
        "allowed_origins, admin_origin, case_sensitive_paths, docs\n"
        '  storage.durability must be "full" or "process"; it is "no"\n'
        "  runners.node.processes must be at most 64; it is 65"
    )


def test_what_is_no_toml_is_named_with_its_place(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[http") == (
        f"{tmp_path}/polystep.toml: Expected ']' at the end of a table declaration (at end of document)"
    )


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_bytes(b"\xff")
    with pytest.raises(LoadFailed, match=r"polystep\.toml is no text in UTF-8"):
        read_settings(tmp_path)


PERL = '[runners.perl]\npattern = "_step.pl"\ncommand = ["perl", "runner.pl"]\n'


def test_a_runner_of_others_needs_a_pattern_and_a_command_alone(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text(PERL)
    perl = read_settings(tmp_path).runners.foreign["perl"]
    assert (perl.stream_pattern, perl.channel, perl.processes) == ((), "stdio", 1)


@pytest.mark.parametrize(
    "pattern", ['"step.pl"', '".pl"', '"_step"', '"*_step.pl"', '"_a/b.pl"', '""', "[]", "3", "[3]"]
)
def test_a_pattern_is_how_names_end(tmp_path: Path, pattern: str) -> None:
    message = refusal(tmp_path, PERL.replace('"_step.pl"', pattern))
    assert message == (
        f"{tmp_path}/polystep.toml is not usable:\n"
        '  runners.perl.pattern: A pattern, or a list of them, is how file names end: "_" or ".", a word, an '
        'extension: "_step.pl"'
    )


@pytest.mark.parametrize("command", ['"perl runner.pl"', "[]", '[""]', "[3]"])
def test_a_command_is_a_list(tmp_path: Path, command: str) -> None:
    message = refusal(tmp_path, PERL.replace('["perl", "runner.pl"]', command))
    assert message.endswith(
        '  runners.perl.command: A command is a list: the program, then its arguments: ["perl", "runner.pl"]'
    )


@pytest.mark.parametrize("name", ["typescript", "host", "Perl", "per_l", '"5"', '"a.b"'])
def test_a_runner_has_a_name_that_means_nothing_else(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path, PERL.replace("runners.perl", f"runners.{name}"))
    shown = name.strip('"')
    assert f"  runners: {shown}: call it something else; a runner's name is a lower-case word" in message


@pytest.mark.parametrize("name", ["node", "python", "ruby"])
def test_the_names_of_our_runners_are_taken(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path, PERL.replace("runners.perl", f"runners.{name}"))
    assert message.endswith(f"  runners: {name} is a runner of polystep's own; call yours something else")


@pytest.mark.parametrize(
    ("more", "ending", "other", "owner"),
    [
        ('stream_pattern = "_step.pl"', "_step.pl", "_step.pl", "perl"),
        ('stream_pattern = "_my_step.py"', "_my_step.py", "_step.py", "python"),
        ('stream_pattern = ".step.rb"', ".step.rb", ".step.rb", "ruby"),
        ('[runners.raku]\npattern = "_p_step.pl"\ncommand = ["raku"]', "_p_step.pl", "_step.pl", "perl"),
    ],
)
def test_a_pattern_of_another_runner_is_taken(tmp_path: Path, more: str, ending: str, other: str, owner: str) -> None:
    message = refusal(tmp_path, PERL + more)
    name = "raku" if "raku" in more else "perl"
    assert message.endswith(
        f'  runners: {name}: the pattern "{ending}" is taken: files that end in "{other}" belong to {owner}'
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[htp]\n",
            "htp: there is no such setting. Did you mean http? Here may be: http, contracts, storage, ",
        ),
        (
            "[storage]\ndurabilty = 1\n",
            "storage.durabilty: there is no such setting. Did you mean durability?",
        ),
        ("[runners.node]\nprocess = 2\n", "runners.node.process: there is no such setting. Did you mean processes?"),
        (
            PERL + 'patern = "_step.pl"\n',
            "runners.perl.patern: there is no such setting. Did you mean pattern?",
        ),
        ('[runners.perl]\ncommand = ["perl"]\n', "runners.perl.pattern is missing"),
    ],
)
def test_an_unknown_or_missing_entry_says_what_may_be_there(tmp_path: Path, text: str, problem: str) -> None:
    assert f"\n  {problem}" in refusal(tmp_path, text)


@pytest.mark.parametrize("value", ["admin.example.com", "https://admin.example.com/path", "ftp://x", "https://"])
def test_an_admin_origin_is_a_scheme_and_a_name(tmp_path: Path, value: str) -> None:
    message = refusal(tmp_path, f'[http]\nadmin_origin = "{value}"')
    assert 'http.admin_origin: An origin is a scheme and a name: "https://admin.example.com"' in message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[http]\nbody_bytes_max = 1.5\n", "http.body_bytes_max must be a whole number; it is 1.5"),
        ('[http]\nbody_bytes_max = "1 MB"\n', 'http.body_bytes_max must be a whole number; it is "1 MB"'),
        ('[http]\ndocs = "maybe"\n', 'http.docs must be true or false; it is "maybe"'),
        ('[http]\nallowed_hosts = "a"\n', 'http.allowed_hosts must be a list; it is "a"'),
        ("[http]\nallowed_hosts = [1]\n", "http.allowed_hosts.0 must be a text; it is 1"),
        ("http = 1\n", "http must be a section; it is 1"),
        ("[cron]\ntimezone = 2020-01-01\n", 'cron.timezone must be a text; it is "2020-01-01"'),
        ("[trace]\nbytes_max = 1\n", "trace.bytes_max must be at least 1048576; it is 1"),
        (
            f'[contracts]\nresponses = "{"x" * 200}"\n',
            'contracts.responses must be "warn", "error" or "off"; it is "xxx',
        ),
    ],
)
def test_a_wrong_value_is_told_in_words_of_the_file(tmp_path: Path, text: str, problem: str) -> None:
    message = refusal(tmp_path, text)
    assert f"\n  {problem}" in message
    assert len(message) < 400
    assert not re.search("[Ii]nput should|valid (integer|string|boolean|tuple)", message)


@pytest.mark.parametrize(
    ("origin", "example"),
    [
        ("app.example.com", "https://app.example.com"),
        ("https://app.example.com/path", "https://app.example.com"),
        ("https://app.example.com?x=1", "https://app.example.com"),
        ("https://*.example.com", "https://example.com"),
        ("https://user@app.example.com", "https://app.example.com"),
        ("https:app.example.com", "https://app.example.com"),
        ("", "https://app.example.com"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(tmp_path: Path, origin: str, example: str) -> None:
    message = refusal(tmp_path, f'[http]\nallowed_origins = ["https://ok.example", "{origin}"]')
    assert f'http.allowed_origins.1: "{origin}" is no origin: write a scheme and a name, such as "{example}"' in message


def test_origins_as_browsers_send_them_are_taken(tmp_path: Path) -> None:
    origins = ["*", "http://localhost:5173", "https://A.example/", "http://[::1]:80", "capacitor://localhost"]
    (tmp_path / "polystep.toml").write_text(f"[http]\nallowed_origins = {origins}".replace("'", '"'))
    assert read_settings(tmp_path).http.allowed_origins == tuple(origins)


@pytest.mark.parametrize("name", ["https://a.example", "a.example/path", ""])
def test_a_host_name_is_no_address_of_a_page(tmp_path: Path, name: str) -> None:
    assert f'"{name}" is no host name' in refusal(tmp_path, f'[http]\nallowed_hosts = ["{name}"]')


def test_journals_of_completed_runs_are_kept_longer_in_development() -> None:
    hour_ms = 3_600_000
    assert [DurableSection().keep_ms(dev=dev) for dev in (True, False)] == [24 * hour_ms, hour_ms]
    assert [DurableSection(keep_h=0.5).keep_ms(dev=dev) for dev in (True, False)] == [hour_ms // 2] * 2
    assert DurableSection(keep_h=0).keep_ms(dev=True) == 0
