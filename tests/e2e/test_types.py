"""Generated types in front of the real tsc and pyright: the tutorial passes unchanged, wrong uses fail, saves count."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.running import COMMAND, ROOT, Running, make_project, make_tutorial

pytestmark = pytest.mark.e2e

BIN = ROOT / "node_modules" / ".bin"
STRICT = {
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "target": "ES2022",
    "lib": ["ES2023"],
    "types": ["node"],
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "allowJs": True,
    "checkJs": True,
}

WRONG_TS = """
import type { EventConfig, FlowContext, Handlers } from 'motia'

export const submit: Handlers['SubmitTicket'] = async (req, { emit, state, streams }) => {
  const sent: string = req.body.email
  // @ts-expect-error there is no such field
  req.body.mail
  // @ts-expect-error no step has this topic
  await emit({ topic: 'ticket.submited', data: {} })
  // @ts-expect-error the config does not declare this topic
  await emit({ topic: 'ticket.triaged', data: {} })
  // @ts-expect-error a field is missing
  await emit({ topic: 'ticket.submitted', data: { ticketId: '1', subject: '', body: '' } })
  // @ts-expect-error a field has another type
  await emit({ topic: 'ticket.submitted', data: { ticketId: 1, subject: '', body: '', email: sent } })
  // @ts-expect-error an item lacks fields
  await streams.ticketStatus.set('1', 'status', { ticketId: '1' })
  // @ts-expect-error there is no such stream
  await streams.ticketState.get('1', 'status')
  const status = await streams.ticketStatus.get('1', 'status')
  const [id, priority]: [string | undefined, string | null | undefined] = [status?.id, status?.priority]
  await streams.ticketStatus.send({ groupId: '1' }, { type: 'ping', data: { id, priority } })
  const ticket = await state.get<{ keywords: string[] }>('tickets', '1')
  const words: string[] = ticket?.keywords ?? []
  const { items, cursor } = await state.getGroup<{ priority: string }>('tickets', { limit: 10 })
  const first: string | undefined = items[0]?.value.priority
  const keys: string[] = (await state.getGroup('tickets', { cursor, keysOnly: true })).items
  const whole: { priority: string }[] = await state.getGroup('tickets')
  const stages: string[] = (await streams.ticketStatus.getGroup('1', { limit: 1 })).items.map((item) => item.stage)
  const counted = await state.update<{ n: number }>('tickets', '1', [
    { type: 'increment', path: ['n'] }, { type: 'append', path: 'log.0', value: 1 }, { type: 'remove' },
  ])
  words.push(String(counted?.n))
  // @ts-expect-error there is no such change
  await state.update('tickets', '1', [{ type: 'rename', path: 'n' }])
  // @ts-expect-error a number is added
  await state.update('tickets', '1', [{ type: 'increment', by: '1' }])
  // @ts-expect-error a limit is a number
  await state.getGroup('tickets', { limit: 'ten' })
  words.push(...keys, ...stages, first ?? String(whole.length))
  return { status: 200, body: { ticketId: words.join(), status: 'received' } }
}
// @ts-expect-error the body has another type
export const wrongBody: Handlers['SubmitTicket'] = async () => ({ status: 200, body: { ticketId: 1, status: '' } })
// @ts-expect-error the status is not declared
export const wrongStatus: Handlers['SubmitTicket'] = async () => ({ status: 404, body: { ticketId: '', status: '' } })
// @ts-expect-error no step has this name
export type Wrong = Handlers['SubmitTickets']
// @ts-expect-error an event step needs topics
export const config: EventConfig = { type: 'event', name: 'X' }
// A topic that nobody subscribes to takes anything, and a step without emits may emit every topic.
export const digest: Handlers['DailyDigest'] = async ({ emit }) => emit({ topic: 'digest.ready', data: { any: 1 } })
export const keywords: Handlers['ExtractKeywords'] = async (_, { emit }) => {
  await emit({ topic: 'ticket.triaged', data: 'whatever' })
  // @ts-expect-error no step has this topic
  await emit({ topic: 'nothing', data: 1 })
}
export const helper = async (context: FlowContext): Promise<string> => context.traceId
"""

RIGHT_PY = """
from polystep_types import Context, SubmitTicketBody, TicketStatusItem, TicketSubmitted

body: SubmitTicketBody = {"subject": "", "body": "", "email": ""}


async def handler(ticket: TicketSubmitted, context: Context) -> None:
    item: TicketStatusItem = {"ticketId": ticket["ticketId"], "stage": "x", "priority": None, "draftReply": None}
    stored = await context.streams.ticketStatus.set(ticket["ticketId"], "status", item)
    await context.streams["ticketStatus"].send({"groupId": stored["id"]}, {"type": "ping", "data": 1})
    await context.emit({"topic": "ticket.submitted", "data": ticket})
    await context.emit(topic="ticket.submitted", data=ticket, message_group_id="a")
    await context.emit(topic="digest.ready", data=[1])
    context.state.set("a", "b", context.traceId + context.trace_id)
    made = await context.state.update("a", "b", [{"type": "increment", "path": ["n", 0], "by": 2}, {"type": "remove"}])
    context.logger.info("made", {"value": made})
    page = await context.state.get_group("tickets", cursor=None, limit=10)
    keys: list[str] = (await context.state.getGroup("tickets", cursor=page["cursor"], keys_only=True))["items"]
    items = (await context.streams.ticketStatus.get_group("a", limit=1))["items"]
    stages: list[str] = [each["stage"] for each in items]
    keys += [page["items"][0]["key"], *stages, str(len(await context.state.get_group("tickets")))]
"""

WRONG_PY = """
from polystep_types import Context, TicketSubmited, TicketSubmitted  # wrong: no such topic


async def handler(ticket: TicketSubmitted, context: Context) -> None:
    ticket["mail"]  # wrong
    await context.emit({"topic": "ticket.submited", "data": ticket})  # wrong
    await context.emit({"topic": "ticket.submitted", "data": {"ticketId": "a"}})  # wrong
    await context.emit(topic="ticket.submitted", data={"ticketId": 1})  # wrong
    await context.streams.ticketStatus.set("a", "b", {"ticketId": "a"})  # wrong
    context.streams.ticketState  # wrong
    context.trace_ID  # wrong
    await context.state.get_group("tickets", limit="ten")  # wrong
"""


async def run(*command: object, folder: Path) -> tuple[int, str]:
    """Run a command to its end; returns status and output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "POLYSTEP_"))}
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def generate(project: Path, *options: str) -> tuple[int, str]:
    return await run(COMMAND, "generate-types", "--project", project, *options, folder=project)


def configure(project: Path, **options: object) -> None:
    """Write the configurations of both checkers, where they are not there yet: a host would reload for them."""
    sources = {"include": ["steps", "*.ts"], "exclude": ["node_modules"]}
    for name, config in (
        ("tsconfig.json", {"compilerOptions": {**STRICT, **options}, **sources}),
        ("pyrightconfig.json", {"extraPaths": ["."], "exclude": ["node_modules", ".polystep"]}),
    ):
        path, text = project / name, json.dumps(config)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


async def tsc(project: Path, **options: object) -> str:
    configure(project, **options)
    return (await run(BIN / "tsc", "-p", project, folder=project))[1]


async def pyright(project: Path) -> dict[str, list[int]]:
    """Lines with errors by file name."""
    configure(project)
    # This interpreter has pydantic; the first one on PATH may not.
    command = (BIN / "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", project)
    _, output = await run(*command, folder=project)
    found: dict[str, list[int]] = {}
    for each in json.loads(output)["generalDiagnostics"]:
        if each["severity"] == "error":
            found.setdefault(Path(each["file"]).name, []).append(each["range"]["start"]["line"] + 1)
    return {name: sorted(set(lines)) for name, lines in found.items()}


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    return make_tutorial(tmp_path)


async def test_the_tutorial_passes_unchanged_and_wrong_uses_of_it_fail(tutorial: Path) -> None:
    status, output = await generate(tutorial, "--check")
    assert (status, "types.d.ts out of date" in output) == (1, True), output
    assert not (tutorial / "types.d.ts").exists()
    status, output = await generate(tutorial)
    assert (status, output.splitlines()[-2:]) == (0, ["types.d.ts written", "polystep_types.py written"]), output
    assert await tsc(tutorial) == ""

    (tutorial / "wrong.ts").write_text(WRONG_TS)
    readme = (ROOT / "README.md").read_text("utf-8").partition("```python\nfrom polystep_types import")[2]
    (tutorial / "readme.py").write_text("from polystep_types import" + readme.partition("```")[0])
    assert await tsc(tutorial, exactOptionalPropertyTypes=True, noUncheckedIndexedAccess=True) == ""
    (tutorial / "steps" / "right_step.py").write_text(RIGHT_PY)
    (tutorial / "steps" / "wrong_step.py").write_text(WRONG_PY)
    wrong = [at for at, line in enumerate(WRONG_PY.splitlines(), 1) if "# wrong" in line]
    # The tutorial's own Python step and what the README shows are right.
    assert await pyright(tutorial) == {"wrong_step.py": wrong}
    # The two are no steps yet: they have no config. The rest is written all the same, and unchanged.
    status, output = await generate(tutorial)
    assert (status, output.splitlines()[-2:]) == (1, ["types.d.ts up to date", "polystep_types.py up to date"])
    assert "✖ steps/wrong_step.py" in output


ORDER = """
import type { ApiRouteConfig, Handlers } from 'polystep'
export const config: ApiRouteConfig = {
  type: 'api', name: 'PlaceOrder', path: '/orders/:id', method: 'POST', emits: ['order.placed'],
}
export const handler: Handlers['PlaceOrder'] = async (req, { emit }) => {
  const id: string = req.pathParams.id
  await emit({ topic: 'order.placed', data: { id, totalCents: 1 } })
  return { status: 204 }
}
"""
BOOK = """
import { z } from 'zod'
export const config = {
  type: 'event', name: 'BookOrder', subscribes: ['order.placed'], emits: [],
  input: z.object({ id: z.string(), totalCents: z.number().int() }),
}
export const handler = async () => undefined
"""
THANK = """
from polystep_types import OrderPlaced, ThankContext

config = {"type": "event", "name": "Thank", "subscribes": ["order.placed"], "emits": ["order.placed"]}


async def handler(order: OrderPlaced, context: ThankContext) -> None:
    context.logger.info("Thanks", {"cents": order["totalCents"]})
"""


async def test_a_save_changes_what_the_other_languages_are_checked_with(tmp_path: Path) -> None:
    files = {"steps/order.step.ts": ORDER, "steps/book.step.ts": BOOK, "steps/thank_step.py": THANK}
    project = make_project(tmp_path, files)
    generated = [project / "types.d.ts", project / "polystep_types.py"]
    configure(project)
    async with Running(project) as host:
        # The Python step imports its types before there were any, and runs.
        await host.line("Types written: types.d.ts, polystep_types.py")
        assert not any("[ERROR]" in line for line in host.lines), host.lines
        assert (await tsc(project), await pyright(project)) == ("", {})
        async with host.http.post("/orders/1") as response:
            assert response.status == 204
        await host.line("[INFO] Thank Thanks", '"cents":1')

        since = len(host.lines)
        begun = (await host.get("/__polystep/health"))["generation"]
        (project / "steps/book.step.ts").write_text(BOOK.replace("totalCents", "cents"))
        await host.line("Types written: types.d.ts, polystep_types.py", since=since)
        assert "steps/order.step.ts(8," in await tsc(project)
        line = next(at for at, line in enumerate(THANK.splitlines(), 1) if 'order["totalCents"]' in line)
        assert await pyright(project) == {"thank_step.py": [line]}

        # Half-edited: what it declared stays. What comes of the other files counts.
        before = [path.read_text() for path in generated]
        (project / "steps/book.step.ts").write_text("export const config = {")
        await host.line("[ERROR]", "steps/book.step.ts", since=since)
        (project / "steps/order.step.ts").write_text(ORDER.replace("'PlaceOrder'", "'Order'"))
        await host.line("Types written: types.d.ts", since=since, count=2)
        assert "'BookOrder'" in generated[0].read_text()
        assert "'Order'" in generated[0].read_text()
        assert generated[1].read_text() == before[1]
        # Three saves, three reloads: what the host writes itself reloads nothing.
        assert (await host.get("/__polystep/health"))["generation"] == begun + 3

    # Also when it is broken from the start, and for the command.
    for path in generated:
        path.unlink()
    status, output = await generate(project)
    assert (status, "✖ steps/book.step.ts" in output) == (1, True)
    assert generated[1].read_text() == before[1]


ZOD = """
import { z } from 'zod'
const Node = z.object({ name: z.string(), get kids() { return z.array(Node) } })
type Json = string | Json[]
const Json: z.ZodType<Json> = z.lazy(() => z.union([z.string(), z.array(Json)]))
const input = z.object({
  tree: Node,
  json: Json.optional(),
  tuple: z.tuple([z.string(), z.number()]),
  rest: z.tuple([z.string()], z.number()).optional(),
  record: z.record(z.string(), z.number()),
  keyed: z.record(z.enum(['a', 'b']), z.number()),
  partial: z.partialRecord(z.enum(['a', 'b']), z.number()).optional(),
  kind: z.discriminatedUnion('type', [
    z.object({ type: z.literal('x'), x: z.number() }),
    z.object({ type: z.literal('y'), y: z.string() }),
  ]),
  both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })),
  level: z.enum(['low', 'high']).default('low'),
  maybe: z.string().nullish(),
  when: z.iso.datetime(),
  strict: z.strictObject({ a: z.int() }),
  loose: z.looseObject({ a: z.string() }),
  catchall: z.object({ a: z.string() }).catchall(z.number()),
  coerced: z.coerce.number(),
  transformed: z.string().transform(Number),
  date: z.date().optional(),
  literal: z.literal(['p', 2, true, null]),
  never: z.never().optional(),
  described: z.email().describe('ends */ here'),
})
export const config = { type: 'event', name: 'Zoo', subscribes: ['zoo'], emits: [], input }
export const handler = async () => undefined
"""
ZOD_TYPES = """
    'zoo': {
      tree: Schemas.ZooInput
      json?: Schemas.ZooInput_2
      tuple: [string, number]
      rest?: [string, ...number[]]
      record: { [key: string]: number }
      keyed: { a: number; b: number }
      partial?: { a?: number; b?: number }
      kind: { type: 'x'; x: number } | { type: 'y'; y: string }
      both: { a: string; b: string }
      level?: 'low' | 'high'
      maybe?: string | null
      when: string
      strict: { a: number }
      loose: { a: string; [key: string]: unknown }
      catchall: { a: string; [key: string]: number | string }
      coerced: unknown
      transformed: string
      date?: string
      literal: 'p' | 2 | true | null
      never?: never
      /** ends *\\/ here */
      described: string
    }
"""
ZOD_NAMED = """
    type ZooInput = { name: string; kids: Schemas.ZooInput[] }
    type ZooInputMade = { name: string; kids: Schemas.ZooInputMade[] }
    type ZooInputMade_2 = string | Schemas.ZooInputMade_2[]
    type ZooInput_2 = string | Schemas.ZooInput_2[]
"""


async def test_what_zod_says_is_what_the_types_say(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/zoo.step.ts": ZOD})
    assert (await generate(project))[0] == 0
    text = (project / "types.d.ts").read_text()
    assert text.partition("interface Topics {")[2].startswith(ZOD_TYPES)
    assert text.partition("namespace Schemas {")[2].startswith(ZOD_NAMED)
    assert await tsc(project) == ""


MADE = """
import type { ApiRouteConfig, Handlers } from 'polystep'
import { z } from 'zod'

const bodySchema = z.object({
  n: z.coerce.number(), level: z.string().default('low'), cut: z.string().transform(Number), at: z.date(),
})
export const config: ApiRouteConfig = {
  type: 'api', name: 'Make', path: '/make/:id', method: 'POST', emits: ['made'], bodySchema,
  queryParams: z.object({ limit: z.coerce.number().optional(), since: z.coerce.date() }),
  pathParams: [{ name: 'id', schema: { type: 'integer' } }],
}
export const handler: Handlers['Make'] = async ({ body, queryParams, pathParams }, { emit }) => {
  const parts: [number, string, number, number] = [body.n, body.level, body.at.getTime(), pathParams.id]
  const query: [number | undefined, number] = [queryParams.limit, queryParams.since.getTime()]
  const { cut }: { cut: number } = body as z.output<typeof bodySchema>
  // What is sent is the input side: a text that becomes a date, and no level.
  await emit({ topic: 'made', data: { at: '2026-01-01T00:00:00Z', n: '1' } })
  // @ts-expect-error JSON has no dates
  await emit({ topic: 'made', data: { at: new Date(), n: '1' } })
  // @ts-expect-error a number by now
  body.n.trim()
  // @ts-expect-error nobody tells what comes of a transform
  body.cut.toFixed()
  // @ts-expect-error a date by now
  body.at.trim()
  // @ts-expect-error it may be missing
  queryParams.limit.toFixed()
  return { status: 200, body: { parts, query, cut } }
}
export const listen: Handlers['Listen'] = async (input) => {
  const [at, n, level]: [Date, number, string] = [input.at, input.n, input.level]
  // @ts-expect-error a date by now
  input.at.trim()
  // @ts-expect-error a text by now
  const none: undefined = input.level
  console.log(at, n, level, none)
}
export const top: Handlers['Top'] = async (input, { emit }) => {
  await emit({ topic: 'top', data: 'a text' })
  // @ts-expect-error nobody tells what comes of a transform
  input.length
}
"""
LISTEN = """
import { z } from 'zod/v3'
export const config = {
  type: 'event', name: 'Listen', subscribes: ['made'], emits: [],
  input: z.object({ at: z.date(), n: z.coerce.number(), level: z.string().default('low') }),
}
export const handler = async () => undefined
"""
TOP = """
import { z } from 'zod'
const input = z.string().transform(Number)
export const config = { type: 'event', name: 'Top', subscribes: ['top'], emits: ['top'], input }
export const handler = async () => undefined
"""
MODEL = """
from polystep_types import ModelledContext, ModelledRequest
from pydantic import BaseModel


class Order(BaseModel):
    id: int


class Page(BaseModel):
    limit: int = 10


config = {"type": "api", "name": "Modelled", "path": "/m/:id", "method": "POST", "emits": [], "bodySchema": Order}
config |= {"queryParams": Page}


async def handler(req: ModelledRequest, context: ModelledContext) -> None:
    order: Order = req.body
    page: Page = req.query_params
    context.logger.info("Order", {"id": order.id, "limit": page.limit, "path": req.path_params["id"]})
    req.path_params["no"]  # wrong
"""


async def test_a_handler_is_typed_by_what_its_schemas_make(tmp_path: Path) -> None:
    steps = {"make.step.ts": MADE, "listen.step.ts": LISTEN, "top.step.ts": TOP, "modelled_step.py": MODEL}
    files = {f"steps/{name}": text for name, text in steps.items()}
    project = make_project(tmp_path, {**files, "requirements.txt": "pydantic>=2\n"})
    status, output = await generate(project)
    assert status == 0, output
    assert await tsc(project) == ""
    assert await pyright(project) == {"modelled_step.py": [len(MODEL.splitlines())]}


async def test_a_file_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    own = "export type Mine = string\n"
    project = make_project(tmp_path, {"steps/book.step.ts": BOOK, "types.d.ts": own})
    async with Running(project) as host:
        await host.line("[WARNING]", f"{project}/types.d.ts was not generated, so it is left alone")
        since = len(host.lines)
        (project / "steps/book.step.ts").write_text(BOOK.replace("totalCents", "cents"))
        await host.line("[UPDATED]", since=since)
    assert sum("was not generated" in line for line in host.lines) == 1
    assert (project / "types.d.ts").read_text() == own
    status, output = await generate(project)
    assert (status, "Rename it, or delete it." in output) == (1, True)


MOTIA = """
export type Emitter<T> = (event: T) => Promise<void>
export interface FlowContextStateStreams {}
export interface Handlers {}
export interface FlowContext<T = never> {
  emit: Emitter<T>
  traceId: string
  state: {
    get<V>(group: string, key: string): Promise<V | null>
    set<V>(group: string, key: string, value: V): Promise<V>
    getGroup<V>(group: string): Promise<V[]>
  }
  logger: { info(message: string, fields?: unknown): void }
  streams: FlowContextStateStreams
}
export interface MotiaStream<T> { set(group: string, id: string, data: T): Promise<T & { id: string }> }
export type ApiResponse<S extends number = number, B = string | Record<string, unknown>> = { status: S; body: B }
export interface ApiRequest<B = unknown> { body: B; pathParams: Record<string, string> }
export type ApiRouteHandler<B = unknown, R = ApiResponse, E = never> =
  (req: ApiRequest<B>, ctx: FlowContext<E>) => Promise<R>
export type EventHandler<I, E> = (input: I, ctx: FlowContext<E>) => Promise<void>
export type CronHandler<E = never> = (ctx: FlowContext<E>) => Promise<void>
type Base = { name: string; description?: string; emits: string[]; flows?: string[] }
type Schemas = { bodySchema?: object; responseSchema?: object }
export type ApiRouteConfig = Base & Schemas & { type: 'api'; path: string; method: string }
export type EventConfig = Base & { type: 'event'; subscribes: string[]; input: object | null }
export type CronConfig = Base & { type: 'cron'; cron: string }
export interface StateStreamConfig { name: string; schema: object }
export declare const ofThePackage: 1
"""


async def test_an_installed_motia_package_is_added_to(tutorial: Path) -> None:
    (tutorial / "node_modules").unlink()
    (tutorial / "node_modules").mkdir()
    for each in (ROOT / "node_modules").iterdir():
        (tutorial / "node_modules" / each.name).symlink_to(each)
    add_package(
        tutorial,
        {"package.json": '{"name": "motia", "version": "0.17.14", "types": "index.d.ts"}', "index.d.ts": MOTIA},
    )
    assert (await generate(tutorial))[0] == 0
    assert await tsc(tutorial) == ""
    own = "import { ofThePackage } from 'motia'\nexport const x: 1 = ofThePackage\n"
    (tutorial / "wrong.ts").write_text(own + WRONG_TS.partition("const status = ")[0] + "}\n")
    # Other than that it gives no answer there, everything is as without the package.
    wrong = (await tsc(tutorial)).splitlines()
    assert [line.partition(": error")[0].partition("(")[0] for line in wrong if not line.startswith(" ")] == [
        "wrong.ts"
    ], wrong
    assert "SubmitTicket" not in wrong[0]


def add_package(project: Path, files: Mapping[str, str]) -> None:
    folder = project / "node_modules" / "motia"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
