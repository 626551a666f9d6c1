"""`polystep.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from polystep.app import Settings, read_settings
from polystep.contracts.errors import LoadFailed


def refusal(project: Path, text: str) -> str:
    (project / "polystep.toml").write_text(text)
    with pytest.raises(LoadFailed) as refused:
        read_settings(project)
    return refused.value.message


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text(
        """
        [http]
        body_bytes_max = 5
        upload_bytes_max = 7
        bytes_in_flight_max = 9
        allowed_hosts = ["a.example"]
        allowed_origins = ["https://b.example"]
        admin_origin = "https://Admin.example"
        docs = false
        [contracts]
        responses = "error"
        [storage]
        durability = "process"
        [runners.node]
        processes = 2
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
        [trace]
        bytes_max = 2000000
        redact = ["customerNumber"]
        reveal = ["signature"]
        """
    )
    assert read_settings(tmp_path).model_dump() == {
        "http": {
            "body_bytes_max": 5,
            "upload_bytes_max": 7,
            "bytes_in_flight_max": 9,
            "allowed_hosts": ("a.example",),
            "allowed_origins": ("https://b.example",),
            "admin_origin": "https://admin.example",
            "docs": False,
        },
        "contracts": {"responses": "error"},
        "storage": {"durability": "process"},
        "runners": {
            "node": {"processes": 2},
            "python": {"processes": 3, "requirements": "reqs.txt"},
            "ruby": {"processes": 4},
            "perl": {
                "processes": 5,
                "pattern": ("_step.pl",),
                "stream_pattern": ("_stream.pl", ".stream.pl"),
                "command": ("perl", "runner.pl"),
                "channel": "private",
            },
        },
        "cron": {"timezone": "Europe/Berlin"},
        "trace": {"bytes_max": 2_000_000, "redact": ("customerNumber",), "reveal": ("signature",)},
    }


def test_every_wrong_entry_is_named_by_its_path(tmp_path: Path) -> None:
    message = refusal(
        tmp_path, '[http]\nport = 1\nbody_bytes_max = 0\n[runners.node]\nprocesses = 65\n[storage]\ndurability = "no"'
    )
    assert message == (
        f"{tmp_path}/polystep.toml is not usable:\n"
        "  http.body_bytes_max: Input should be greater than 0\n"
        "  http.port: there is no such setting. Here may be: body_bytes_max, upload_bytes_max, "
        "bytes_in_flight_max, allowed_hosts, "
        "allowed_origins, admin_origin, docs\n"
        "  storage.durability: Input should be 'full' or 'process'\n"
        "  runners.node.processes: Input should be less than or equal to 64"
    )


def test_what_is_no_toml_is_named_with_its_place(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[http") == (
        f"{tmp_path}/polystep.toml: Expected ']' at the end of a table declaration (at end of document)"
    )


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_bytes(b"\xff")
    with pytest.raises(LoadFailed, match=r"polystep\.toml: 'utf-8' codec can't decode"):
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
