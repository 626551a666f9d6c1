"""Numbers beyond 2^53: in requests, between languages, and where they are shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

FILES = {
    "steps/hook.step.ts": """
import { z } from 'zod'
const [queryParams, pathParams] = [z.object({ after: z.number() }), z.object({ id: z.number() })]
export const config = {
  type: 'api', method: 'POST', name: 'HookTs', path: '/ts/hook/:id', emits: [], queryParams, pathParams,
}
export const handler = async ({ body, rawBody, queryParams, pathParams }: any, { state }: any) => {
  const exact = /"id":(\\d+)/.exec(rawBody)?.[1]
  await state.set('hooks', 'ts', { id: exact, amount: body.amount, kept: 2 ** 53 })
  const refused = await state.set('hooks', 'big', 1n).catch((error: any) => error.message)
  const numbers = { id: String(body.items[0].id), after: String(queryParams.after), path: String(pathParams.id) }
  return { status: 200, body: { ...numbers, refused, read: await state.get('hooks', 'py') } }
}
""",
    "steps/strict.step.ts": """
import { z } from 'zod'
const bodySchema = z.object({ items: z.array(z.object({ id: z.number().int().max(Number.MAX_SAFE_INTEGER) })) })
export const config = { type: 'api', method: 'POST', name: 'StrictTs', path: '/ts/strict', emits: [], bodySchema }
export const handler = async () => ({ status: 200, body: {} })
""",
    "steps/hook_step.py": """
config = {
    "type": "api", "method": "POST", "name": "HookPy", "path": "/py/hook/:id", "emits": ["hooked"],
    "queryParams": [{"name": "after", "schema": {"type": "integer"}}],
    "pathParams": [{"name": "id", "schema": {"type": "integer"}}],
}

async def handler(req, context):
    given = req["body"]["items"][0]["id"]
    refused = []
    for call in (
        lambda: context.state.set("hooks", "big", {"n": given}),
        lambda: context.emit({"topic": "hooked", "data": req["body"]}),
    ):
        try:
            await call()
        except Exception as error:
            refused.append(str(error))
    await context.state.set("hooks", "py", {"id": str(given), "amount": req["body"]["amount"]})
    numbers = {"id": str(given), "after": str(req["queryParams"]["after"]), "path": str(req["pathParams"]["id"])}
    return {"status": 200, "body": {**numbers, "refused": refused, "read": await context.state.get("hooks", "ts")}}
""",
}
BODY = b'{"items":[{"id":9007199254740993}],"amount":1e20}'
HEADERS = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder: Path = tmp_path_factory.mktemp("numbers")
    async with Running(make_project(folder, FILES)) as running:
        yield running


async def hook(host: Running, language: str) -> dict[str, Any]:
    path = f"/{language}/hook/9007199254740995?after=18446744073709551615"
    async with host.http.post(path, data=BODY, headers=HEADERS) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def test_a_webhook_with_a_64_bit_id_is_exact_in_python_and_a_double_in_javascript(host: Running) -> None:
    first = await hook(host, "ts")
    assert [first[name] for name in ("id", "after", "path")] == [
        "9007199254740992", "18446744073709552000", "9007199254740996",
    ]  # fmt: skip
    assert "BigInt" in first["refused"]
    answer = await hook(host, "py")
    assert [answer[name] for name in ("id", "after", "path")] == [
        "9007199254740993", "18446744073709551615", "9007199254740995",
    ]  # fmt: skip
    in_state, in_event = answer["refused"]
    assert "value.n can't be sent: this int is beyond" in in_state
    assert "data.items[0].id can't be sent: this int is beyond" in in_event
    # Doubles that the other language stored come back as they were, and so does an id as text.
    assert answer["read"] == {"id": "9007199254740993", "amount": 1e20, "kept": 2.0**53}
    assert (await hook(host, "ts"))["read"] == {"id": "9007199254740993", "amount": 1e20}


async def test_such_numbers_are_shown_as_they_are(host: Running) -> None:
    await hook(host, "ts")
    await hook(host, "py")
    assert (await host.api("state/hooks/ts"))["value"] == {"id": "9007199254740993", "amount": 1e20, "kept": 2.0**53}
    status, printed = await host.command("state", "hooks", "py")
    assert (status, json.loads(printed)["value"]) == (0, {"id": "9007199254740993", "amount": 1e20})
    trace_id = (await host.api("traces?limit=1"))["traces"][0]["traceId"]
    async with host.http.get(f"/__polystep/api/traces/{trace_id}") as response:
        text = await response.text()
    assert '"id":9007199254740993' in text.replace(" ", "")


async def test_a_contract_that_wants_an_integer_in_range_refuses_it_by_path(host: Running) -> None:
    async with host.http.post("/ts/strict", data=BODY, headers=HEADERS) as response:
        answer = await response.json()
        assert (response.status, answer["error"]) == (400, "Validation failed")
        assert answer["issues"][0]["path"] == ["items", 0, "id"]
