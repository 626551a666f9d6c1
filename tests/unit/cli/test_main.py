"""The verbs, their help, and their errors."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from polystep import __version__
from polystep.app import ProjectFolder
from polystep.cli.main import app
from polystep.operations import TABLE
from tests.unit.cli.commands import polystep

VERBS = {
    "stop": "Stop the host that runs a project",
    "dev": "Run a project for development",
    "start": "Run a project for production",
    "check": "Load a project without serving it, and report what is wrong",
    "build": "Check a project and write one bundle",
    "create": "",
    "backup": "Copy what a project has stored",
    "restore": "Put a backup in the place of what",
    "config": "Print every setting with its value",
    "init": "Add polystep to an existing folder",
    "install": "Install what the runners need",
    "version": "Print the version",
    "generate-types": "Write types.d.ts and polystep_types.py",
    "openapi": "Print the OpenAPI 3.1 document",
    "asyncapi": "Print the AsyncAPI 3 document",
    "steps": "List steps and streams",
    "traces": "List the last traces",
    "trace": "Print one whole trace as JSON",
    "logs": "List the last log lines",
    "state": "Print a state group",
    "stream": "Print the items of a stream's group",
    "queues": "List how many events wait",
    "dead-letters": "List events that could not be delivered",
    "replay": "Try a dead letter again",
    "purge": "Remove all events that wait for a step",
    "purge-dead-letters": "Remove dead letters for good",
    "cron": "List cron steps",
    "fire": "Run a cron step now",
}
VERBS |= {each.name.replace("_", "-"): each.help[:30] for each in TABLE if each.name.replace("_", "-") not in VERBS}


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers everything with what a test has set."""

    status, body = 200, b"{}"
    seen: list[tuple[str, str | None]] = []  # noqa: RUF012 - the handler is made anew for every request

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[type[Answers]]:
    """A host that is announced in `tmp_path` and answers as it is told."""
    answers = type("Told", (Answers,), {"seen": []})
    with http.server.HTTPServer(("127.0.0.1", 0), answers) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        folder = ProjectFolder(tmp_path)
        folder.take()
        folder.new_token("mine")
        folder.announce(f"http://127.0.0.1:{listening.server_port}")
        try:
            yield answers
        finally:
            folder.release()
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize(("verb", "text"), VERBS.items())
def test_every_verb_has_a_help_text(verb: str, text: str) -> None:
    result = polystep(verb, "--help")
    assert (result.exit_code, text in result.output, "Usage: polystep" in result.output) == (0, True, True)


def test_the_help_lists_every_verb() -> None:
    shown = [command for command in app.registered_commands if not command.hidden]
    listed = {command.name or (command.callback and command.callback.__name__) for command in shown}
    assert listed == set(VERBS)
    shown_help = polystep("--help").output
    assert [verb for verb in VERBS if verb not in shown_help] == []


def test_the_version_is_told() -> None:
    assert polystep("--version").output == f"polystep {__version__}\n"


@pytest.mark.parametrize("verb", ["dev", "start"])
def test_a_folder_that_is_missing_is_named_with_the_way_out(tmp_path: Path, verb: str) -> None:
    result = polystep(verb, "--project", str(tmp_path / "none"))
    assert (result.exit_code, result.stderr) == (
        1,
        f"✖ {tmp_path}/none is not a folder. Name the project with --project, or make one: polystep create NAME\n",
    )


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    result = polystep("dev", "--project", str(tmp_path), "--port", port)
    assert (result.exit_code, "Invalid value for '--port'" in result.stderr) == (2, True)


def test_a_wrong_setting_stops_the_start_by_name(tmp_path: Path) -> None:
    (tmp_path / "polystep.toml").write_text("[http]\nport = 1\n")
    result = polystep("dev", "--project", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr == (
        f"✖ {tmp_path}/polystep.toml is not usable:\n"
        "  http.port: there is no such setting. Here may be: body_bytes_max, upload_bytes_max, "
        "bytes_in_flight_max, allowed_hosts, "
        "allowed_origins, admin_origin, case_sensitive_paths, docs\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["steps"],
        ["traces"],
        ["trace", "x"],
        ["logs"],
        ["state", "g"],
        ["stream", "s", "g"],
        ["queues"],
        ["dead-letters"],
        ["replay", "1"],
        ["cron"],
        ["fire", "x"],
    ],
)
def test_without_a_running_host_every_verb_says_how_to_start_one(tmp_path: Path, arguments: list[str]) -> None:
    result = polystep(*arguments, "--project", str(tmp_path))
    assert (result.exit_code, result.stderr) == (
        3,
        f"✖ No polystep runs {tmp_path}. Start it: polystep dev --project {tmp_path}\n",
    )


def test_a_host_that_was_killed_is_said_not_to_answer(tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path)
    folder.take()
    folder.new_token()
    folder.announce("http://127.0.0.1:1")
    result = polystep("steps", "--project", str(tmp_path))
    folder.release()
    assert result.exit_code == 3
    assert result.stderr.startswith("✖ http://127.0.0.1:1 does not answer: ")
    assert result.stderr.endswith(f"Start it: polystep dev --project {tmp_path}\n")


def test_the_token_goes_to_the_host_and_to_no_proxy(tmp_path: Path, server: type[Answers]) -> None:
    server.body = b'{"steps": [], "streams": []}'
    nowhere = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": ""}
    result = polystep("steps", "--project", str(tmp_path), environment=nowhere)
    assert (result.exit_code, server.seen) == (0, [("/__polystep/api/steps?limit=1000", "Bearer mine")])


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b'{"error": "Not found", "hint": "Look again."}', "✖ Not found. Look again.\n"),
        (404, b'{"error": "Not found"}', "✖ Not found.\n"),
        (502, b"<html>", "✖ The host answered 502 Bad Gateway.\n"),
        (500, b'["?"]', "✖ The host answered 500 Internal Server Error.\n"),
    ],
)
def test_a_refusal_is_told_in_the_hosts_words_or_by_its_status(
    tmp_path: Path, server: type[Answers], status: int, body: bytes, message: str
) -> None:
    server.status, server.body = status, body
    result = polystep("trace", "x/y", "--project", str(tmp_path))
    assert (result.exit_code, result.stderr) == (1, message)
    assert server.seen == [("/__polystep/api/traces/x%2Fy", "Bearer mine")]


def test_an_answer_that_is_no_json_is_no_traceback(tmp_path: Path, server: type[Answers]) -> None:
    server.body = b"hello"
    result = polystep("steps", "--project", str(tmp_path))
    assert (result.exit_code, "does not answer" in result.stderr, type(result.exception)) == (3, True, SystemExit)


def test_generate_types_says_what_it_cannot_do(tmp_path: Path) -> None:
    gone = polystep("generate-types", "--project", str(tmp_path / "gone"))
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert gone.stderr == f"✖ {tmp_path}/gone is not a folder. Name the project with --project.\n"
    (tmp_path / "polystep.toml").write_text("[nonsense]\n")
    wrong = polystep("generate-types", "--project", str(tmp_path))
    assert wrong.exit_code == 1
    assert "nonsense" in wrong.stderr
    (tmp_path / "polystep.toml").unlink()
    empty = polystep("generate-types", "--project", str(tmp_path), "--check")
    assert (empty.exit_code, empty.stdout) == (
        0,
        f"No steps were found in {tmp_path}, so there are no types to write.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "body", "said"),
    [
        (["steps"], b'{"steps": [], "streams": []}', "No steps are loaded."),
        (["traces"], b'{"traces": []}', "No traces yet."),
        (["logs"], b'{"logs": []}', "No log lines yet."),
        (["logs", "--level", "error"], b'{"logs": []}', "No log lines fit."),
        (["queues"], b'{"queues": []}', "No events wait or run."),
        (["dead-letters"], b'{"deadLetters": []}', "No dead letters."),
        (["cron"], b'{"cron": []}', "No cron steps are loaded."),
        (["state", "g"], b'{"items": {}}', "The state group g is empty."),
        (["stream", "s", "g"], b'{"items": []}', "The group g of the stream s is empty."),
    ],
)
def test_an_empty_list_says_so_beside_the_output(
    tmp_path: Path, server: type[Answers], arguments: list[str], body: bytes, said: str
) -> None:
    server.body = body
    result = polystep(*arguments, "--project", str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, f"{said}\n")
    assert result.stdout == ("" if "items" not in json.loads(body) else json.dumps(json.loads(body), indent=2) + "\n")


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["state", "g"], b'{"items": {"a": 1}, "cursor": "ka b"}'),
        (["stream", "s", "g"], b'{"items": [1], "cursor": "1.2"}'),
    ],
)
def test_a_list_that_was_cut_says_how_to_go_on(
    tmp_path: Path, server: type[Answers], arguments: list[str], body: bytes
) -> None:
    server.body = body
    result = polystep(*arguments, "--limit", "1", "--cursor", "x", "--project", str(tmp_path))
    quoted = "'ka b'" if arguments[0] == "state" else "1.2"
    assert (result.exit_code, result.stderr) == (0, f"There is more. The next part: --cursor {quoted}\n")


def test_a_part_of_an_id_that_several_traces_have_lists_them(tmp_path: Path, server: type[Answers]) -> None:
    server.status = 409
    server.body = json.dumps(
        {
            "error": "Ambiguous trace id",
            "hint": "Give more.",
            "traces": [
                {"traceId": f"0{n}", "startedAt": 0, "durationMs": None, "status": "running", "name": "Hi"}
                for n in (1, 2)
            ],
        }
    ).encode()
    result = polystep("trace", "0000", "--project", str(tmp_path))
    first, *choices = result.stderr.splitlines()
    assert (result.exit_code, first) == (1, "✖ Ambiguous trace id. Give more.")
    assert [line.split()[0] for line in choices] == ["01", "02"]


@pytest.mark.parametrize("arguments", [["-h"], ["dev", "-h"], ["protocol", "check", "-h"]])
def test_help_has_a_short_form(arguments: list[str]) -> None:
    assert polystep(*arguments).output == polystep(*arguments[:-1], "--help").output


def test_the_port_may_come_from_the_environment_and_the_option_goes_first(tmp_path: Path) -> None:
    wrong = polystep("dev", "--project", str(tmp_path), environment={"PORT": "http"})
    assert (wrong.exit_code, "PORT" in wrong.stderr) == (2, True)
    refused = polystep("dev", "--project", str(tmp_path / "none"), "-p", "1", environment={"PORT": "http"})
    assert (refused.exit_code, "is not a folder" in refused.stderr) == (1, True)
