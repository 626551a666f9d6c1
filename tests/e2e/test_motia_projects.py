"""Small projects after the patterns of those that people published for Motia 0.17: they run without a change."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from tests.e2e.running import Running, make_project

pytestmark = pytest.mark.e2e

BEYOND = 2**53 + 1
"""The first integer that a double cannot hold; ids of webhooks are often larger."""
PAYMENT = 9_223_372_036_854_775_807
SECRET = "webhook-secret"


async def test_a_list_whose_records_differ_is_answered_though_its_response_schema_is_narrower(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"src/dead-letters.step.ts": DEAD_LETTERS})
    async with Running(project) as host:
        answers = [await host.get("/ops/dead-letters") for _ in range(2)]
        assert answers[0] == answers[1] == RECORDS
        await host.line("ListDeadLetters", "responseSchema")
        warnings = [line for line in host.lines if "ListDeadLetters" in line and "responseSchema" in line]
        assert len(warnings) == 1, "the same mismatch is named once, not at every request"


@pytest.mark.parametrize("language", ["ts", "py"])
async def test_a_signed_webhook_with_64_bit_ids_is_taken(tmp_path: Path, language: str) -> None:
    steps = {"ts": ("src/hook.step.ts", HOOK_TS), "py": ("src/hook_step.py", HOOK_PY)}
    name, source = steps[language]
    files = {name: source, "src/store.step.ts": STORE, "src/latest.step.ts": LATEST}
    project = make_project(tmp_path, {**files, ".env": f"HOOK_SECRET={SECRET}\n"})
    raw = f'{{"id": {PAYMENT}, "nested": [{BEYOND}], "amount": 1e20}}'
    signature = hmac.new(SECRET.encode(), raw.encode(), hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    async with Running(project) as host:
        async with host.http.post("/hooks/payments", data=raw, headers=headers) as response:
            assert (response.status, await response.json()) == (202, {"received": True})
        await host.line("payment stored")
        stored = await host.get("/payments/latest")
        if language == "py":
            assert stored == {"id": str(PAYMENT), "nested": str(BEYOND), "amount": 1e20}
        else:
            # What JSON.parse gives Express's handlers too.
            assert stored == {"id": "9223372036854776000", "nested": "9007199254740992", "amount": 1e20}
        headers["X-Signature"] = "0" * 64
        async with host.http.post("/hooks/payments", data=raw, headers=headers) as response:
            assert response.status == 401


async def test_an_untouched_default_project_runs_and_is_told_what_has_no_effect(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "package.json": json.dumps(PACKAGE, indent=2),
            "motia.config.ts": CONFIG,
            "motia-workbench.json": "[]",
            "src/hello/hello-api.step.ts": HELLO_API,
            "src/hello/process-greeting_step.py": PROCESS_GREETING,
            "src/hello/hello-api.step.tsx": "export const Node = () => null\n",
            "src/hello/hello-api.step-features.json": "[]",
        },
    )
    async with Running(project) as host:
        assert (await host.get("/hello"))["status"] == "processing"
        await host.line("Greeting processed", "Hello from Motia!")
        await host.line("motia.config.ts", "plugins")
        assert not [line for line in host.lines if "[ERROR]" in line]


RECORDS = [
    {"id": "a1", "topic": "order.created", "attempts": 4, "error": {"message": "timeout", "code": "ETIMEDOUT"}},
    {"id": "a2", "topic": "order.paid", "attempts": "unknown"},
    {"id": "a3", "payload": {"orderId": 7}, "error": "card declined"},
]

DEAD_LETTERS = f"""
import {{ ApiRouteConfig, Handlers }} from 'motia'
import {{ z }} from 'zod'

export const config: ApiRouteConfig = {{
  type: 'api',
  name: 'ListDeadLetters',
  path: '/ops/dead-letters',
  method: 'GET',
  emits: [],
  flows: ['operations'],
  responseSchema: {{
    200: z.array(z.object({{ id: z.string(), topic: z.string(), attempts: z.number(), error: z.string() }})),
  }},
}}

export const handler: Handlers['ListDeadLetters'] = async (_, {{ logger }}) => {{
  logger.info('Listing dead letters')
  return {{ status: 200, body: {json.dumps(RECORDS)} }}
}}
"""

HOOK_TS = """
import { createHmac, timingSafeEqual } from 'crypto'
import type { ApiRouteConfig } from 'motia'

export const config: ApiRouteConfig = {
  type: 'api', name: 'PaymentHook', path: '/hooks/payments', method: 'POST', emits: ['payment.received'],
  flows: ['payments'],
}

export const handler = async (req: any, { emit }: any) => {
  const wanted = createHmac('sha256', process.env.HOOK_SECRET!).update(req.rawBody).digest('hex')
  const given = String(req.headers['x-signature'])
  if (given.length !== wanted.length || !timingSafeEqual(Buffer.from(given), Buffer.from(wanted))) {
    return { status: 401, body: { error: 'Bad signature' } }
  }
  const { id, nested, amount } = req.body
  await emit({ topic: 'payment.received', data: { id: String(id), nested: String(nested[0]), amount } })
  return { status: 202, body: { received: true } }
}
"""

HOOK_PY = """
import hashlib
import hmac
import os

config = {
    "type": "api", "name": "PaymentHook", "path": "/hooks/payments", "method": "POST", "emits": ["payment.received"],
    "flows": ["payments"],
}


async def handler(req, context):
    raw = req["rawBody"]
    wanted = hmac.new(os.environ["HOOK_SECRET"].encode(), raw.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, req["headers"]["x-signature"]):
        return {"status": 401, "body": {"error": "Bad signature"}}
    body = req["body"]
    data = {"id": str(body["id"]), "nested": str(body["nested"][0]), "amount": body["amount"]}
    await context.emit({"topic": "payment.received", "data": data})
    return {"status": 202, "body": {"received": True}}
"""

STORE = """
import type { EventConfig } from 'motia'

export const config: EventConfig = {
  type: 'event', name: 'StorePayment', subscribes: ['payment.received'], emits: [], flows: ['payments'],
}

export const handler = async (payment: any, { state, logger }: any) => {
  await state.set('payments', 'latest', payment)
  logger.info('payment stored', { id: payment.id })
}
"""

LATEST = """
import type { ApiRouteConfig } from 'motia'

export const config: ApiRouteConfig = {
  type: 'api', name: 'LatestPayment', path: '/payments/latest', method: 'GET', emits: [],
}

export const handler = async (_: any, { state }: any) => ({ status: 200, body: await state.get('payments', 'latest') })
"""

PACKAGE = {
    "name": "my-motia-app",
    "type": "module",
    "scripts": {"dev": "motia dev", "start": "motia start", "postinstall": "motia install"},
    "dependencies": {"motia": "0.17.14-beta.196", "@motiadev/plugin-logs": "0.17.14-beta.196", "zod": "4.1.12"},
}

CONFIG = """
import { config } from 'motia'
import endpointPlugin from '@motiadev/plugin-endpoint/plugin'
import logsPlugin from '@motiadev/plugin-logs/plugin'
import observabilityPlugin from '@motiadev/plugin-observability/plugin'
import statesPlugin from '@motiadev/plugin-states/plugin'
import bullmqPlugin from '@motiadev/plugin-bullmq/plugin'

export default config({
  plugins: [observabilityPlugin, statesPlugin, endpointPlugin, logsPlugin, bullmqPlugin],
})
"""

HELLO_API = """
import type { ApiRouteConfig, Handlers } from 'motia'
import { z } from 'zod'

export const config: ApiRouteConfig = {
  name: 'HelloAPI',
  type: 'api',
  path: '/hello',
  method: 'GET',
  description: 'Receives hello request and emits event for processing',
  emits: ['process-greeting'],
  flows: ['hello-world-flow'],
  responseSchema: {
    200: z.object({ message: z.string(), status: z.string(), appName: z.string() }),
  },
}

export const handler: Handlers['HelloAPI'] = async (_, { emit, logger }) => {
  const appName = process.env.APP_NAME || 'III App'
  const requestId = Math.random().toString(36).substring(7)
  logger.info('Hello API endpoint called', { appName, requestId })
  await emit({
    topic: 'process-greeting',
    data: { timestamp: new Date().toISOString(), appName, greetingPrefix: 'Hello', requestId },
  })
  const message = 'Hello request received! Processing in background.'
  return { status: 200, body: { message, status: 'processing', appName } }
}
"""

PROCESS_GREETING = """
from datetime import datetime, timezone

config = {
    "name": "ProcessGreeting",
    "type": "event",
    "description": "Processes greeting in the background",
    "subscribes": ["process-greeting"],
    "emits": [],
    "flows": ["hello-world-flow"],
    "input": {
        "type": "object",
        "properties": {
            "timestamp": {"type": "string"},
            "appName": {"type": "string"},
            "greetingPrefix": {"type": "string"},
            "requestId": {"type": "string"},
        },
        "required": ["timestamp", "appName", "greetingPrefix", "requestId"],
    },
}


async def handler(input_data, context):
    greeting = f"{input_data['greetingPrefix']} from Motia!"
    await context.state.set("greetings", input_data["requestId"], {
        "greeting": greeting, "processedAt": datetime.now(timezone.utc).isoformat(),
    })
    context.logger.info(f"Greeting processed: {greeting}")
"""
