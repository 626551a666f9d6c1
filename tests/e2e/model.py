"""An OpenAI-compatible server for tests: real HTTP for the real `openai` packages, answers that the test decides."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

ANSWER = {"priority": "high", "category": "login", "draftReply": "We are on it. Thank you for writing."}


class Model:
    """What the server was asked, and how it answers."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        """Requests wait for this; set at first."""
        self.open.set()
        self.asked = asyncio.Event()
        """Set by every request when it arrives."""
        self.failures = 0
        """This many requests are answered 400 first (the client does not retry those by itself)."""
        self.base_url = ""

    @property
    def environment(self) -> dict[str, str]:
        """Points the clients of both languages here."""
        return {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": self.base_url}

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(await request.json())
        self.asked.set()
        await self.open.wait()
        if self.failures > 0:
            self.failures -= 1
            return web.json_response({"error": {"message": "the model is out to lunch", "type": "server"}}, status=400)
        return web.json_response(
            {
                "id": f"chatcmpl-{len(self.requests)}",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-4o-mini",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": json.dumps(ANSWER)},
                    }
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        )


@contextlib.asynccontextmanager
async def serve_model() -> AsyncIterator[Model]:
    """Serve on a free loopback port."""
    model = Model()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    model.base_url = f"http://127.0.0.1:{port}/v1"
    try:
        yield model
    finally:
        model.open.set()
        await runner.cleanup()
