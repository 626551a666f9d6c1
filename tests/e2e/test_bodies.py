"""Bodies beyond JSON on one live host: uploads, binary, and answers that are streamed, from every language."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.running import Running, make_project

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LANGUAGES = ("ts", "js", "py")
MEBIBYTE = 1024 * 1024

UPLOAD_NODE = """
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
export const config = { type: 'api', name: 'UploadLANG', method: 'POST', path: '/LANG/upload', emits: [] }
export const handler = async (req: any) => {
  const sums: string[] = []
  for (const file of req.files) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(file.path), hash)
    sums.push(hash.digest('hex'))
  }
  const names = req.files.map((file: any) => file.name)
  return { status: 200, body: { body: req.body, names, sums, path: req.files[0].path } }
}
"""

UPLOAD_PYTHON = """
import hashlib

config = {"type": "api", "name": "UploadPy", "method": "POST", "path": "/py/upload"}


def handler(req, context):
    sums = []
    for file in req.files:
        with open(file["path"], "rb") as data:
            sums.append(hashlib.file_digest(data, "sha256").hexdigest())
    names = [file["name"] for file in req["files"]]
    return {"status": 200, "body": {"body": req.body, "names": names, "sums": sums, "path": req.files[0]["path"]}}
"""

STREAM_NODE = """
import { Readable } from 'node:stream'
export const config = { type: 'api', name: 'StreamLANG', method: 'GET', path: '/LANG/stream/:kind', emits: [] }
async function* events({ state, logger }: any) {
  try {
    yield 'one'
    yield { event: 'two', data: { n: 2 } }
    await state.set('LANG', 'seen', 2)
    yield '\\n\\n'
  } finally {
    logger.info('LANG events are closed')
  }
}
async function* endless({ logger }: any) {
  try {
    for (;;) yield 'x'.repeat(65536)
  } finally {
    logger.info('LANG endless is closed')
  }
}
async function* failing() {
  yield 'half'
  throw new Error('half way')
}
function* plain() { yield 'a'; yield new Uint8Array([66]); yield { c: 1 } }
export const handler = async (req: any, context: any) => {
  const sse = { 'content-type': 'text/event-stream' }
  switch (req.pathParams.kind) {
    case 'events': return { status: 200, headers: sse, body: events(context) }
    case 'endless': return { status: 200, body: endless(context) }
    case 'failing': return { status: 200, body: failing() }
    case 'plain': return { status: 201, headers: { 'x-kind': 'plain' }, body: plain() }
    case 'native':
      return { status: 200, headers: { 'content-type': 'text/csv' }, body: Readable.from(['a,b\\n', 'c,d\\n']) }
    default: return { status: 200, body: new Blob(['web']).stream() }
  }
}
"""

STREAM_PYTHON = """
import io

config = {"type": "api", "name": "StreamPy", "method": "GET", "path": "/py/stream/:kind"}


async def events(context):
    try:
        yield "one"
        yield {"event": "two", "data": {"n": 2}}
        await context.state.set("py", "seen", 2)
        yield "\\n\\n"
    finally:
        context.logger.info("py events are closed")


async def endless(context):
    try:
        while True:
            yield "x" * 65536
    finally:
        context.logger.info("py endless is closed")


async def failing():
    yield "half"
    raise ValueError("half way")


def plain():
    yield "a"
    yield b"B"
    yield {"c": 1}


async def handler(req, context):
    match req.path_params["kind"]:
        case "events":
            return {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": events(context)}
        case "endless":
            return {"status": 200, "body": endless(context)}
        case "failing":
            return {"status": 200, "body": failing()}
        case "plain":
            return {"status": 201, "headers": {"x-kind": "plain"}, "body": plain()}
        case "native":
            lines = (line for line in ["a,b\\n", "c,d\\n"])
            return {"status": 200, "headers": {"content-type": "text/csv"}, "body": lines}
        case _:
            return {"status": 200, "body": iter([b"web"])}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    files = {"steps/upload_step.py": UPLOAD_PYTHON, "steps/stream_step.py": STREAM_PYTHON}
    for language, untyped in (("ts", ""), ("js", ": any")):
        for name, text in (("upload", UPLOAD_NODE), ("stream", STREAM_NODE)):
            plain = text.replace("LANG", language)
            if untyped:
                plain = plain.replace(": any", "").replace(": string[]", "")
            files[f"steps/{name}_{language}.step.{language}"] = plain
    async with Running(make_project(tmp_path_factory.mktemp("bodies"), files)) as running:
        yield running


@pytest.mark.parametrize("language", LANGUAGES)
async def test_files_of_an_upload_lie_on_the_disk_while_the_handler_runs(host: Running, language: str) -> None:
    large = bytes(range(256)) * (5 * MEBIBYTE // 256)
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("title", "grüße")
    form.add_field("scan", BytesIO(large), filename="ü.pdf", content_type="application/pdf")
    form.add_field("note", BytesIO(b"note"), filename="note.txt")
    async with host.http.post(f"/{language}/upload", data=form) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    path = Path(answer.pop("path"))
    assert answer == {
        "body": {"title": "grüße"},
        "names": ["ü.pdf", "note.txt"],
        "sums": [hashlib.sha256(large).hexdigest(), hashlib.sha256(b"note").hexdigest()],
    }
    assert path.suffix == ".pdf"
    assert not path.exists()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_async_generator_becomes_an_event_stream(host: Running, language: str) -> None:
    async with host.http.get(f"/{language}/stream/events") as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream")
        assert await response.text() == 'data: one\n\nevent: two\ndata: {"n":2}\n\ndata: \ndata: \ndata: \n\n'
        trace_id = response.headers["X-Trace-Id"]
    await host.line(f"{language} events are closed")
    assert (await host.api(f"state/{language}/seen"))["value"] == 2
    (run,) = (await host.api(f"traces/{trace_id}"))["runs"]
    assert (run["status"], run["attempts"][0]["result"]["streamed"]["chunks"]) == ("completed", 3)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "status", "content_type", "body"),
    [
        ("plain", 201, "text/plain; charset=utf-8", b'aB{"c":1}\n'),
        ("native", 200, "text/csv", b"a,b\nc,d\n"),
        ("web", 200, "application/octet-stream", b"web"),
    ],
)
async def test_whatever_comes_item_by_item_is_streamed(
    host: Running, language: str, kind: str, status: int, content_type: str, body: bytes
) -> None:
    async with host.http.get(f"/{language}/stream/{kind}") as response:
        assert (response.status, response.headers["Content-Type"]) == (status, content_type)
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert await response.read() == body


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_client_that_leaves_closes_the_generator(host: Running, language: str) -> None:
    since = len(host.lines)
    response = await host.http.get(f"/{language}/stream/endless")
    assert len(await response.content.readexactly(200_000)) == 200_000
    response.close()
    await host.line(f"{language} endless is closed", since=since)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_stream_that_fails_half_way_is_cut_off_and_shown(host: Running, language: str) -> None:
    since = len(host.lines)
    async with host.http.get(f"/{language}/stream/failing") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    await host.line("half way", since=since)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_head_of_a_stream_has_its_headers_and_no_body(host: Running, language: str) -> None:
    async with host.http.head(f"/{language}/stream/endless") as response:
        assert (response.status, await response.read()) == (200, b"")
    async with host.http.get(f"/{language}/stream/plain") as response:
        assert response.status == 201
