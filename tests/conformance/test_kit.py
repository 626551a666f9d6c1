"""What the kit says to people who write a runner: about its options, `kit.json`, and what comes on the channel."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from polystep_kit.fuzz_report import begins
from polystep_kit.main import main
from polystep_kit.manifest import NoSteps, read_manifest

ROOT = Path(__file__).resolve().parents[2]
WRONG = str(Path(__file__).with_name("wrong_runner.py"))
REFERENCE = ["--steps", str(ROOT / "protocol/kit/steps/reference")]
UNKNOWN = f"PS-2.{70}"
REFERENCE_RUNNER = [sys.executable, "-m", "polystep_kit.reference"]


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The smallest folder of conformance steps."""
    (tmp_path / "kit.json").write_text('{"language": "wrong"}')
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> str:
    assert main(arguments) == status
    printed = capsys.readouterr()
    assert (printed.out == "") == (status == 2)
    return printed.out + printed.err


# --- --only -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "levels", "told"),
    [
        (
            "strems",
            [],
            "No check begins with 'strems'. Did you mean 'streams'? The prefixes are: access, calls, cancel, ",
        ),
        ("streams", ["--level", "core"], "No check at level core begins with 'streams'; 11 at context do: add --level"),
        ("PS-2.7", ["--level", "context"], "No check at level core or context belongs to PS-2.7; 1 at isolation do"),
        (UNKNOWN, [], f"No check belongs to the clause {UNKNOWN}. Clauses are named like PS-3.1, sections like PS-3."),
        ("schema", [], "Checks of schemas judge the messages that other checks make the runner send"),
    ],
)
def test_what_chooses_nothing_says_what_would(
    only: str, levels: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in said(capsys, 2, "--only", only, *levels, *REFERENCE, "--", *REFERENCE_RUNNER)


def test_several_are_played_and_a_clause_is_not_the_beginning_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--only", "PS-3.1", "--only", "hello.pid", "--only", "PS-6"]
    report = json.loads(said(capsys, 0, *wanted, "--json", *REFERENCE, "--", *REFERENCE_RUNNER))
    assert list(report["clauses"]) == [
        "PS-3.1", "PS-5.1", "PS-6.1", "PS-6.2", "PS-6.3", "PS-6.5", "PS-6.6",
    ]  # fmt: skip
    assert report["passed"] == report["total"] > 15


def test_a_malformed_message_fails_also_where_its_check_was_not_chosen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSTEP_KIT_FAULT", "schema.notification.log")
    told = said(capsys, 1, "--only", "run.unknown_notification", *REFERENCE, "--", *REFERENCE_RUNNER)
    assert "FAILED: 1 of 2 checks" in told
    assert "schema.notification.log (core): every message fits notification:log" in told


# --- kit.json ---------------------------------------------------------------------------------------------------------


def test_the_language_alone_is_enough_for_hello(minimal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, 0, "--steps", str(minimal), "--only", "hello", "--", *REFERENCE_RUNNER)
    assert "passed: 18 of 18 checks" in told
    assert "note       in hello the language" not in told
    told = said(capsys, 2, "--steps", str(minimal), "--only", "load", "--", *REFERENCE_RUNNER)
    assert f"Files are missing in {minimal}" in told
    assert '  script: kit.json names no file for it in "files"\n' in told


def test_files_that_are_named_must_be_there(minimal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (minimal / "kit.json").write_text('{"language": "wrong", "files": {"script": "script.x"}}')
    told = said(capsys, 2, "--steps", str(minimal), "--only", "run.value", "--", *REFERENCE_RUNNER)
    assert "  script: script.x does not exist\n" in told
    assert "broken" not in told
    told = said(capsys, 2, "--steps", str(minimal), "--fuzz", "10", "--", *REFERENCE_RUNNER)
    assert "  script: script.x does not exist\n" in told


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[]", "it must be an object"),
        ("{}", 'language must be what the runner says in hello, such as "perl"; it is missing'),
        ('{"language": 7}', "it is 7"),
        ('{"language": "x", "nativs": []}', "there is no member 'nativs'. Did you mean 'natives'?"),
        ('{"language": "x", "levels": ["cor"]}', "levels: there is no 'cor'. Did you mean 'core'?"),
        ('{"language": "x", "levels": []}', "levels must have one of core, context, isolation"),
        ('{"language": "x", "levels": "core"}', "levels must be a list of texts; it is 'core'"),
        ('{"language": "x", "natives": ["nann"]}', "natives: there is no 'nann'. Did you mean 'nan'?"),
        ('{"language": "x", "features": ["contract"]}', "features: there is no 'contract'. Did you mean 'contracts'?"),
        ('{"language": "x", "files": []}', "files must be an object of paths by role; it is []"),
        ('{"language": "x", "files": {"scrpt": "a"}}', "files: there is no role 'scrpt'. Did you mean 'script'?"),
        ('{"language": "x", "files": {"script": "../a"}}', "files.script must be a path below the folder"),
        ('{"language": "x", "files": {"script": 1}}', "files.script must be a path below the folder"),
        ('{"language": "x", "command": "perl"}', "command must be a list of texts"),
        ("{", "cannot be read as JSON"),
    ],
)
def test_a_wrong_manifest_is_named_by_its_member(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "kit.json").write_text(written)
    with pytest.raises(NoSteps) as refused:
        read_manifest(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}/kit.json ")
    assert told in str(refused.value)


def test_every_manifest_of_the_kit_is_usable() -> None:
    for path in (ROOT / "protocol/kit/steps").glob("*/kit.json"):
        assert read_manifest(path.parent).language == path.parent.name


def test_a_folder_without_one_and_a_missing_program_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "nowhere/kit.json does not exist." in said(capsys, 2, "--steps", "nowhere", "--", *REFERENCE_RUNNER)
    (tmp_path / "runner").write_text("")
    for program, told in {
        "no-such-program": "The program no-such-program was not found on PATH.",
        "runner": "There is a file of this name here: to run it, write ./runner.",
        "./runner": "./runner is not executable. Run `chmod +x ./runner`",
        "bin/runner": f"The program bin/runner does not exist. It is looked for from {tmp_path}.",
    }.items():
        assert told in said(capsys, 2, *REFERENCE, "--", program)


# --- What comes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("prints", "They begin with the text 'hello from my runner\\n': did something print to descriptor 1"),
        ("no_file", "They begin with the text 'Could not open input file: runnr.php\\n'"),
        ("little_endian", "lengths are big-endian (PS-3.1)"),
        ("no_length", "They begin like a message without its length: four bytes go before it (PS-3.1)."),
        ("text_id", "It sent a response that answers nothing, its id is no integer but text (PS-4.1): [1, '1', None, "),
        ("no_array", "It sent what is no message (PS-4), it is no request, response or notification: {'id': 1}."),
        ("silent", "On stderr it wrote: warning: 3 is no object"),
    ],
)
def test_a_reason_says_what_came_and_says_it_once(
    mistake: str, told: str, minimal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    only = ["--only", "hello.answer", "--only", "hello.pid", "--only", "hello.runs_max"]
    options = ["--steps", str(minimal), "--patience", "1", *only]
    report = said(capsys, 1, *options, "--", sys.executable, WRONG, mistake)
    assert report.count(told) == 1
    assert "    hello.pid: the same as hello.answer\n" in report
    assert "    hello.runs_max: the same as hello.answer\n" in report


def test_an_error_of_the_wrong_name_is_told_with_its_text(minimal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", str(minimal), "--only", "hello.run_before"]
    report = said(capsys, 1, *options, "--", sys.executable, WRONG, "none")
    assert "the error.name is 'step_failed', not 'invalid_params'. It is step_failed: 'no such thing'" in report


def test_a_failure_in_a_used_process_says_what_was_played_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSTEP_KIT_FAULT", "run.attempt")
    only = ["--only", "run.trace_id", "--only", "run.attempt"]
    report = said(capsys, 1, *only, *REFERENCE, "--", *REFERENCE_RUNNER)
    assert "      (in a process that had played run.trace_id before)\n" in report


def test_a_language_of_two_names_is_noted(minimal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (minimal / "kit.json").write_text('{"language": "other", "files": {"script": "s.json"}}')
    (minimal / "s.json").write_text('{"config": {"type": "event"}, "handler": true}')
    report = said(capsys, 0, "--steps", str(minimal), "--only", "run.value", "--", *REFERENCE_RUNNER)
    assert "in hello the language is 'reference', in kit.json 'other': give them one name" in report


def test_what_no_manifest_lists_is_left_out_and_nothing_played_is_no_success(
    minimal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--steps", str(minimal), "--only", "natives"]
    report = said(capsys, 1, *options, "--", *REFERENCE_RUNNER)
    assert "for natives or features that kit.json does not list: nan, " in report
    assert "FAILED: no check was played" in report


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("940064a5647261696e80", "begins like a request with the id 100; read, it is [0, 100, 'drain', {}]"),
        ("940164", "begins like a response with the id 100; it cannot be read: it ends before its value does"),
        ("9302", "begins like a notification; it cannot be read"),
        ("83020103040506", "a map, not an array, which begins like no message: it breaks the channel; it cannot be"),
        ("90", "an array, which begins like no message: it breaks the channel; read, it is []"),
        ("", "nothing, which begins like no message"),
        ("c1", "no array but c1, which begins like no message"),
    ],
)
def test_a_fuzzed_frame_is_shown_with_what_it_begins_like(payload: str, told: str) -> None:
    assert begins(bytes.fromhex(payload)).startswith(told)
