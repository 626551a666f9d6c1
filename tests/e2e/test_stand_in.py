"""The stand-in model: without a key the real `openai` packages of both languages get canned, well-formed replies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.model import ANSWER, serve_model
from tests.e2e.running import Running, make_project
from tests.e2e.test_tutorial import completed_trace
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

NOTICE = "OPENAI_API_KEY is not set, so a stand-in answers"
LANGUAGES = ("ts", "py")
SCHEMA = {
    "type": "object",
    "properties": {
        "priority": {"type": "string", "enum": ["low", "high"]},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "customer": {
            "type": "object",
            "properties": {"email": {"type": "string", "format": "email"}, "vip": {"type": "boolean"}},
            "required": ["email", "vip"],
            "additionalProperties": False,
        },
    },
    "required": ["priority", "score", "tags", "customer"],
    "additionalProperties": False,
}
SHAPED = (
    'Reply with ONLY JSON:\n{"priority":"low|medium|high|urgent","category":"string","draftReply":"a polite reply"}'
)


def shop(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    return make_project(
        folder,
        {
            "requirements.txt": "openai\n",
            "steps/ask.step.ts": ASK_NODE,
            "steps/ask_step.py": ASK_PYTHON,
            **(files or {}),
        },
    )


async def ask(host: Running, language: str, content: str, format: object = None, **more: object) -> Any:
    """Let a step ask the model; gives `{text, deltas, model, usage}`."""
    body = {"content": content, "format": format, **more}
    return await host.post(f"/{language}/ask", {key: value for key, value in body.items() if value is not None})


async def http_call(host: Running, trace_id: str) -> Any:
    """The outgoing call of a trace, once it is there: its end may be told after that of the run."""
    async with asyncio.timeout(HANG_S):
        while True:
            for each in (await host.api(f"traces/{trace_id}"))["runs"][0]["operations"]:
                if each["type"] == "http":
                    return each


async def test_without_a_key_the_clients_of_both_languages_get_canned_replies(tmp_path: Path) -> None:
    async with Running(shop(tmp_path, {".env": "OPENAI_API_KEY=\n"})) as host:
        # Not before a step asks the model.
        assert not any(NOTICE in line for line in host.lines)
        answers: dict[str, list[object]] = {language: [] for language in LANGUAGES}
        for language in LANGUAGES:
            text = await ask(host, language, "What is a step?")
            assert "canned" in text["text"] and "What is a step?" in text["text"]
            assert (text["model"], text["finish"]) == ("gpt-4o-mini", "stop")
            assert text["usage"]["total"] == text["usage"]["prompt"] + text["usage"]["completion"] > 0

            streamed = await ask(host, language, "What is a step?", stream=True)
            assert len(streamed["deltas"]) > 3
            assert streamed["text"] == text["text"]

            named = {"type": "json_schema", "json_schema": {"name": "triage", "strict": True, "schema": SCHEMA}}
            by_schema = json.loads((await ask(host, language, "Triage this: I cannot log in", named))["text"])
            assert by_schema == {
                "priority": by_schema["priority"],
                "score": by_schema["score"],
                "tags": by_schema["tags"],
                "customer": by_schema["customer"],
            }
            assert by_schema["priority"] in ("low", "high")
            assert 1 <= by_schema["score"] <= 5
            assert len(by_schema["tags"]) >= 2 and all(isinstance(tag, str) for tag in by_schema["tags"])
            assert "@" in by_schema["customer"]["email"] and isinstance(by_schema["customer"]["vip"], bool)

            shaped = json.loads((await ask(host, language, SHAPED, {"type": "json_object"}))["text"])
            assert list(shaped) == ["priority", "category", "draftReply"]
            assert shaped["priority"] in ("low", "medium", "high", "urgent")
            assert shaped["category"] and shaped["draftReply"]
            answers[language] = [text["text"], by_schema, shaped]

            # The same question, the same answer.
            again = await ask(host, language, "Triage this: I cannot log in", named)
            assert json.loads(again["text"]) == by_schema
            assert (await ask(host, language, "What is a step?"))["text"] == text["text"]
        assert answers["ts"] == answers["py"]
        assert "canned" in await host.line(NOTICE)
        assert len([line for line in host.lines if NOTICE in line]) == 1

        refused = await host.post("/ts/ask", {"content": "x", "format": {"type": "json_schema"}}, status=500)
        trace = await completed_trace(host, refused["traceId"])
        error = trace["runs"][0]["attempts"][0]["error"]
        assert (error["name"], "json_schema needs a name and a schema" in error["message"]) == ("BadRequestError", True)
        # It is a call like any other: seen in the trace, on loopback.
        call = await http_call(host, refused["traceId"])
        assert call["attributes"]["url"].startswith("http://127.0.0.1:")
        assert call["attributes"]["status"] == 400


async def test_no_stand_in_means_none(tmp_path: Path) -> None:
    files = {"steps/ask.step.ts": ASK_NODE.replace("// AT IMPORT", "new OpenAI()")}
    async with Running(shop(tmp_path, files), "--no-stand-in") as host:
        # A client that is made at import breaks its own file, by name and reason; the other language goes on.
        await host.line("[ERROR] steps/ask.step.ts")
        assert not any(NOTICE in line for line in host.lines)
        steps = {step["file"]: step for step in (await host.api("steps"))["steps"]}
        assert "OPENAI_API_KEY" in steps["steps/ask.step.ts"]["error"]
        assert steps["steps/ask_step.py"]["error"] is None
        answer = await host.post("/py/ask", {"content": "hello"}, status=500)
        trace = await completed_trace(host, answer["traceId"])
        error = trace["runs"][0]["attempts"][0]["error"]
        assert error["name"] == "OpenAIError"
        assert "OPENAI_API_KEY" in error["message"]


async def test_with_a_key_the_calls_go_to_the_service(tmp_path: Path) -> None:
    async with serve_model() as model:
        settings = "".join(f"{name}={value}\n" for name, value in model.environment.items())
        async with Running(shop(tmp_path, {".env": settings})) as host:
            assert not any(NOTICE in line for line in host.lines)
            for language in LANGUAGES:
                answer = await ask(host, language, "hello", {"type": "json_object"})
                assert json.loads(answer["text"]) == ANSWER
        assert [request["messages"] for request in model.requests] == [[{"role": "user", "content": "hello"}]] * 2


async def test_a_local_model_without_a_key_is_asked(tmp_path: Path) -> None:
    async with serve_model() as model:
        settings = f"OPENAI_BASE_URL={model.environment['OPENAI_BASE_URL']}\n"
        async with Running(shop(tmp_path, {".env": settings})) as host:
            for language in LANGUAGES:
                answer = await ask(host, language, "hello", {"type": "json_object"})
                assert json.loads(answer["text"]) == ANSWER
            assert not any(NOTICE in line for line in host.lines)
        assert len(model.requests) == 2


async def test_embeddings_of_both_languages_are_vectors(tmp_path: Path) -> None:
    files = {"steps/embed.step.ts": EMBED_NODE, "steps/embed_step.py": EMBED_PYTHON, "requirements.txt": "openai\n"}
    async with Running(make_project(tmp_path, files)) as host:
        both = [await host.post(f"/{language}/embed", {"text": "hello"}) for language in LANGUAGES]
    assert [len(each["vector"]) for each in both] == [1536, 1536]
    assert both[0]["vector"] == pytest.approx(both[1]["vector"], abs=1e-6)
    assert both[0]["said"] == both[1]["said"]
    assert "You wrote: hello" in both[0]["said"]


async def test_start_never_serves_the_stand_in(tmp_path: Path) -> None:
    async with Running(make_project(tmp_path, {"steps/ask.step.ts": ASK_NODE}), verb="start") as host:
        assert not any(NOTICE in line for line in host.lines)
        answer = await host.post("/ts/ask", {"content": "hello"}, status=500)
        trace = await completed_trace(host, answer["traceId"])
        assert "OPENAI_API_KEY" in trace["runs"][0]["attempts"][0]["error"]["message"]


ASK_NODE = """
import OpenAI from 'openai'

// AT IMPORT
export const config = { type: 'api', name: 'AskTs', path: '/ts/ask', method: 'POST', emits: [] }
export const handler = async (req: any) => {
  const { content, format, stream } = req.body
  const openai = new OpenAI({ maxRetries: 0 })
  const request: any = { model: 'gpt-4o-mini', messages: [{ role: 'user', content }], response_format: format }
  if (stream) {
    const deltas: string[] = []
    for await (const chunk of (await openai.chat.completions.create({ ...request, stream: true })) as any) {
      deltas.push(chunk.choices[0]?.delta?.content ?? '')
    }
    return { status: 200, body: { text: deltas.join(''), deltas } }
  }
  const { choices, model, usage } = await openai.chat.completions.create(request)
  return {
    status: 200,
    body: {
      text: choices[0].message.content, model, finish: choices[0].finish_reason,
      usage: { prompt: usage?.prompt_tokens, completion: usage?.completion_tokens, total: usage?.total_tokens },
    },
  }
}
"""
ASK_PYTHON = """
from openai import AsyncOpenAI

config = {"type": "api", "name": "AskPy", "path": "/py/ask", "method": "POST", "emits": []}

async def handler(req, context):
    openai = AsyncOpenAI(max_retries=0)
    request = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": req.body["content"]}]}
    if "format" in req.body:
        request["response_format"] = req.body["format"]
    if req.body.get("stream"):
        deltas = []
        async for chunk in await openai.chat.completions.create(**request, stream=True):
            deltas.append(chunk.choices[0].delta.content or "")
        return {"status": 200, "body": {"text": "".join(deltas), "deltas": deltas}}
    done = await openai.chat.completions.create(**request)
    usage = done.usage
    return {
        "status": 200,
        "body": {
            "text": done.choices[0].message.content, "model": done.model, "finish": done.choices[0].finish_reason,
            "usage": {
                "prompt": usage.prompt_tokens, "completion": usage.completion_tokens, "total": usage.total_tokens,
            },
        },
    }
"""
EMBED_NODE = """
import OpenAI from 'openai'

export const config = { type: 'api', name: 'EmbedTs', path: '/ts/embed', method: 'POST', emits: [] }
export const handler = async (req: any) => {
  const openai = new OpenAI({ maxRetries: 0 })
  const { data } = await openai.embeddings.create({ model: 'text-embedding-3-small', input: req.body.text })
  const { output_text } = await openai.responses.create({ model: 'gpt-4o-mini', input: req.body.text })
  return { status: 200, body: { vector: data[0].embedding, said: output_text } }
}
"""
EMBED_PYTHON = """
from openai import AsyncOpenAI

config = {"type": "api", "name": "EmbedPy", "path": "/py/embed", "method": "POST", "emits": []}

async def handler(req, context):
    openai = AsyncOpenAI(max_retries=0)
    found = await openai.embeddings.create(model="text-embedding-3-small", input=req.body.text)
    said = await openai.responses.create(model="gpt-4o-mini", input=req.body.text)
    return {"status": 200, "body": {"vector": found.data[0].embedding, "said": said.output_text}}
"""
