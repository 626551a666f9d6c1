"""`polystep create NAME`, `npm install`, `npm run dev`: what a newcomer types, for every template."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest

from tests.e2e.running import COMMAND, Running
from tests.e2e.test_asks import open_asks

pytestmark = pytest.mark.e2e

TICKET = {"subject": "Cannot log in", "body": "The login page rejects my password.", "email": "user@example.com"}
ADDED = """
export const config = { type: 'api', name: 'Added', path: '/added', method: 'GET', emits: [] }
export const handler = async () => ({ status: 200, body: { added: true } })
"""


class NpmRunning(Running):
    """A project that `npm run dev` started."""

    def __init__(self, project: Path) -> None:
        super().__init__(project)
        self._command = ["npm", "--prefix", str(project), "run", "--silent", "dev", "--", "--port", "0"]


async def done(*command: str, folder: Path) -> str:
    """Run a command to its end; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def created(folder: Path, template: str) -> NpmRunning:
    """Create a project, which installs its packages."""
    command = [str(COMMAND), "create", "my-app", "--template", template, "--yes"]
    printed = await done("env", "npm_config_prefer_offline=true", *command, folder=folder)
    after = [line.strip() for line in printed.split("Next:")[1].splitlines() if line.strip()]
    assert after[:2] == ["cd my-app", "npm run dev"]
    return NpmRunning(folder / "my-app")


def inside(folder: Path) -> list[str]:
    """The command lines of processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


async def stopped(host: Running) -> None:
    """SIGTERM to npm alone, as a process manager sends it, ends everything that it started."""
    host.process.send_signal(signal.SIGTERM)
    # The end of the output comes when the last process that has it has ended.
    await host.ended()
    assert inside(host.project) == []


async def stopped_cleanly(host: Running) -> None:
    await stopped(host)
    # What `dev` wrote is what tsc needs, and `npm run check` finds nothing to add.
    assert await done("npm", "run", "--silent", "check", folder=host.project) == (
        "types.d.ts up to date\npolystep_types.py up to date\n"
    )
    assert any("Stopped." in line for line in host.lines)
    assert not (host.project / ".polystep" / "host.json").exists()


async def test_the_hello_project_greets_in_two_languages(tmp_path: Path) -> None:
    host = await created(tmp_path, "hello")
    await host.launch()
    await host.ready()
    answer = await host.get("/hello?name=Ada")
    assert answer == {"message": "Hello, Ada!", "greetingId": answer["greetingId"]}
    await host.line("[INFO] Hello Someone said hello", '"name":"Ada"')
    await host.line("[INFO] Greet Greeting kept", "Good to see you, Ada!")
    kept = (await host.api(f"state/greetings/{answer['greetingId']}"))["value"]
    assert kept == {"text": "Good to see you, Ada!", "at": kept["at"]}
    await stopped_cleanly(host)


async def test_the_ticket_project_triages_without_a_key(tmp_path: Path) -> None:
    host = await created(tmp_path, "ticket-triage")
    await host.launch()
    await host.ready()
    answer = await host.post("/tickets", TICKET)
    await host.line("OPENAI_API_KEY is not set, so a stand-in answers")
    assert answer == {"ticketId": answer["ticketId"], "status": "received"}
    await host.line("[INFO] ExtractKeywords")
    ticket = (await host.api(f"state/tickets/{answer['ticketId']}"))["value"]
    assert ticket["keywords"] and ticket["draftReply"]
    assert ticket["priority"] in ("low", "medium", "high", "urgent")
    fired = await host.post("/__polystep/api/cron/DailyDigest/run")
    assert fired["skipped"] is None
    await host.line("[INFO] AnnounceDigest")
    assert not any("[ERROR]" in line or "[WARNING]" in line for line in host.lines if "stand-in" not in line)
    await stopped_cleanly(host)


async def test_the_approval_waits_for_a_person(tmp_path: Path) -> None:
    host = await created(tmp_path, "approval")
    await host.launch()
    await host.ready()
    refused = await host.post("/expenses", {"purpose": "A chair", "amount": 0}, status=400)
    assert refused["issues"][0]["path"] == ["amount"]
    answer = await host.post("/expenses", {"purpose": "A chair", "amount": 180}, status=202)
    asked = (await open_asks(host, 1))["ApproveExpense"]
    assert asked["title"] == "Spend 180 on A chair?"
    await host.post(f"/__polystep/api/asks/{asked['id']}", {"value": {"approve": True}})
    await host.line("Expense decided", "approved")
    kept = (await host.api(f"state/expenses/{answer['expenseId']}"))["value"]
    assert kept == {"purpose": "A chair", "amount": 180, "status": "approved"}
    await stopped_cleanly(host)


async def test_the_empty_project_waits_for_its_first_step(tmp_path: Path) -> None:
    host = await created(tmp_path, "empty")
    await host.launch()
    await host.ready()
    answer = await host.get("/added", status=404)
    assert answer["hint"] == "No step has a route yet: add one with type 'api', a path and a method."
    (host.project / "steps" / "added.step.ts").write_text(ADDED)
    await host.line("[CREATED] Step (API) steps/added.step.ts")
    assert await host.get("/added") == {"added": True}
    await stopped_cleanly(host)
