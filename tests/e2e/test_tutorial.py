"""The tutorial's five files, byte for byte, through the whole pipeline."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.model import ANSWER, serve_model
from tests.e2e.running import Running, make_tutorial
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

TICKET = {
    "subject": "Cannot log in after password reset",
    "body": "I reset my password but the login page keeps rejecting it. This is blocking my work.",
    "email": "user@example.com",
}


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    return make_tutorial(tmp_path)


async def submit(host: Running) -> str:
    answer = await host.post("/tickets", TICKET)
    assert answer == {"ticketId": answer["ticketId"], "status": "received"}
    ticket_id = answer["ticketId"]
    assert isinstance(ticket_id, str)
    return ticket_id


async def test_a_ticket_is_received_triaged_and_given_its_keywords(tutorial: Path) -> None:
    async with serve_model() as model, Running(tutorial, environment=model.environment) as host:
        for line in (
            "[CREATED] Step (API) steps/submit-ticket.step.ts",
            "[CREATED] Step (Event) steps/triage-ticket.step.ts",
            "[CREATED] Step (Event) steps/extract_keywords_step.py",
            "[CREATED] Step (Cron) steps/daily-digest.step.ts",
            "[CREATED] Stream steps/ticket-status.stream.ts",
        ):
            await host.line(line)
        ticket_id = await submit(host)
        await host.line("ExtractKeywords", "Keywords extracted", ticket_id)
        await host.line("TriageTicket", "Ticket triaged", '"priority":"high"')
        await completed_trace(host)
        stored = (await host.api(f"state/tickets/{ticket_id}"))["value"]
        assert stored == {
            "ticketId": ticket_id,
            **TICKET,
            **ANSWER,
            "triagedAt": stored["triagedAt"],
            "keywords": stored["keywords"],
        }
        assert len(stored["keywords"]) == 5
        assert {"reset", "password"} <= set(stored["keywords"])
        assert [request["model"] for request in model.requests] == ["gpt-4o-mini"]


async def test_the_client_sees_each_stage_of_its_ticket_once_over_the_websocket(tutorial: Path) -> None:
    async with serve_model() as model, Running(tutorial, environment=model.environment) as host:
        model.open.clear()
        ticket_id = await submit(host)
        async with asyncio.timeout(HANG_S), host.socket() as socket:
            await model.asked.wait()
            join = {"streamName": "ticketStatus", "groupId": ticket_id, "id": "status", "subscriptionId": "one"}
            await socket.send_json({"type": "join", "data": join})
            sync = await socket.receive_json()
            model.open.set()
            update = await socket.receive_json()
        item = {"ticketId": ticket_id, "id": "status", "_createdAt": sync["event"]["data"]["_createdAt"]}
        where = {"streamName": "ticketStatus", "groupId": ticket_id, "id": "status"}
        analyzing = {**item, "stage": "analyzing", "priority": None, "draftReply": None}
        triaged = {**item, "stage": "triaged", "priority": "high", "draftReply": ANSWER["draftReply"]}
        assert sync == {"timestamp": sync["timestamp"], **where, "event": {"type": "sync", "data": analyzing}}
        assert update == {"timestamp": update["timestamp"], **where, "event": {"type": "update", "data": triaged}}
        assert update["timestamp"] > sync["timestamp"]


async def test_the_whole_story_is_in_one_trace(tutorial: Path) -> None:
    async with serve_model() as model, Running(tutorial, environment=model.environment) as host:
        ticket_id = await submit(host)
        await host.line("Keywords extracted")
        trace = await completed_trace(host)
        runs = {run["step"]: run for run in trace["runs"]}
        assert {name: run["status"] for name, run in runs.items()} == {
            "SubmitTicket": "completed",
            "TriageTicket": "completed",
            "ExtractKeywords": "completed",
        }
        assert runs["TriageTicket"]["parentRunId"] == runs["SubmitTicket"]["runId"]
        assert runs["ExtractKeywords"]["parentRunId"] == runs["TriageTicket"]["runId"]
        assert runs["SubmitTicket"]["trigger"]["body"] == TICKET
        assert runs["TriageTicket"]["trigger"]["topic"] == "ticket.submitted"
        kinds = {name: [each["type"] for each in run["operations"]] for name, run in runs.items()}
        assert kinds == {
            "SubmitTicket": ["stream", "emit"],
            "TriageTicket": ["stream", "http", "state", "stream", "emit"],
            "ExtractKeywords": ["state", "state"],
        }
        call = next(each for each in runs["TriageTicket"]["operations"] if each["type"] == "http")
        assert call["attributes"]["url"] == f"{model.base_url}/chat/completions"
        assert call["attributes"]["status"] == 200
        assert call["duration_ms"] > 0
        assert [attempt["attempt"] for attempt in runs["TriageTicket"]["attempts"]] == [1]
        logs = (await host.api(f"logs?traceId={trace['traceId']}"))["logs"]
        assert [(log["step"], log["message"], log["level"]) for log in reversed(logs)] == [
            ("SubmitTicket", "Ticket received", "info"),
            ("TriageTicket", "Ticket triaged", "info"),
            ("ExtractKeywords", "Keywords extracted", "info"),
        ]
        assert logs[-1]["fields"] == {"ticketId": ticket_id, "email": TICKET["email"]}


async def test_a_malformed_ticket_is_refused_before_the_handler(tutorial: Path) -> None:
    async with serve_model() as model, Running(tutorial, environment=model.environment) as host:
        answer = await host.post("/tickets", {"subject": "", "email": "nobody"}, status=400)
        assert answer == {
            "error": "Validation failed",
            "issues": answer["issues"],
            "traceId": answer["traceId"],
        }
        assert {(tuple(issue["path"]), issue["code"]) for issue in answer["issues"]} == {
            (("subject",), "too_small"),
            (("body",), "invalid_type"),
            (("email",), "invalid_format"),
        }
        assert not any("Ticket received" in line for line in host.lines)
        summary = (await host.api("traces"))["traces"][0]
        assert (summary["name"], summary["status"], summary["traceId"]) == (
            "SubmitTicket",
            "rejected",
            answer["traceId"],
        )


async def test_the_digest_counts_what_both_languages_wrote(tutorial: Path) -> None:
    async with serve_model() as model, Running(tutorial, environment=model.environment) as host:
        await submit(host)
        await submit(host)
        await host.line("Keywords extracted", count=2)
        crons = (await host.api("cron"))["cron"]
        assert [(each["step"], each["expression"], each["error"]) for each in crons] == [
            ("DailyDigest", "0 9 * * *", None)
        ]
        fired = await host.post("/__polystep/api/cron/DailyDigest/run")
        await host.line("Daily digest generated", '"total":2', '"high":2')
        trace = await completed_trace(host, fired["traceId"])
        assert [(run["step"], run["type"], run["status"]) for run in trace["runs"]] == [
            ("DailyDigest", "cron", "completed")
        ]


async def completed_trace(host: Running, trace_id: str | None = None) -> Any:
    """The newest trace, or this one, once nothing of it is open; each look happens after a flush."""
    async with asyncio.timeout(HANG_S):
        while True:
            chosen = trace_id or (await host.api("traces"))["traces"][0]["traceId"]
            trace = await host.api(f"traces/{chosen}")
            if trace["status"] != "running":
                return trace
