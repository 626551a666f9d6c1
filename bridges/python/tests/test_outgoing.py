import asyncio
import json
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from polystep_runner.adapters import underway
from polystep_runner.adapters.exchanges import BoundedText

CONFIG = 'config = {"type": "event", "name": "A"}\n'
COMPLETION = (
    b'{"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, '
    b'"finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]}'
)


GO_ON = threading.Event()
"""The slow answer waits for it."""


class Endpoint(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            GO_ON.wait(60)
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(COMPLETION)))
        self.end_headers()
        self.wfile.write(COMPLETION)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def spans(host: Any) -> list[dict[str, Any]]:
    return [params for method, params in host.notes if method == "span"]


CLIENTS = {
    "openai": (
        ("import openai\nasync def handler(url):\n"
        "    client = openai.AsyncOpenAI(api_key='k', base_url=url + '/v1')\n"
        "    answer = await client.chat.completions.create(\n"
        "        model='m', messages=[{'role': 'user', 'content': 'x'}])\n"
        "    await client.close()\n"
        "    return answer.choices[0].message.content"),
        "POST", "/v1/chat/completions", "hello",
    ),
    "openai in a thread": (
        ("import openai\ndef handler(url):\n"
        "    client = openai.OpenAI(api_key='k', base_url=url + '/v1')\n"
        "    return client.chat.completions.create(model='m', messages=[]).choices[0].message.content"),
        "POST", "/v1/chat/completions", "hello",
    ),
    "aiohttp": (
        ("import aiohttp\nasync def handler(url):\n"
        "    async with aiohttp.ClientSession(base_url=url) as session, session.get('/a?key=secret') as answer:\n"
        "        return answer.status"),
        "GET", "/a", 200,
    ),
    "urllib": (
        ("import urllib.request\ndef handler(url):\n"
        "    with urllib.request.urlopen(url + '/a?key=secret') as answer:\n        return answer.status"),
        "GET", "/a", 200,
    ),
    "httpx2": (
        ("import httpx2\nasync def handler(url):\n"
        "    async with httpx2.AsyncClient() as client:\n"
        "        url = url.replace('http://', 'http://me:secret@')\n"
        "        return (await client.put(url + '/a?key=secret#x', auth=None)).status_code"),
        "PUT", "/a", 501,
    ),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
async def test_an_outgoing_call_is_one_span_of_its_run(start: Any, port: int, client: str) -> None:
    code, method, path, result = CLIENTS[client]
    host = await start({"steps/a_step.py": CONFIG + code})
    assert await host.load_and_run("steps/a_step.py", f"http://127.0.0.1:{port}", run="r") == result
    (span,) = spans(host)
    span.pop("exchange", None)
    span.pop("open", None)  # of a call that lasted, on a busy machine
    assert 0 < span.pop("duration_ms") < 60_000
    assert span.pop("start_ms") > 1_700_000_000_000
    assert span == {
        "run": "r",
        "type": "http",
        "name": f"{method} 127.0.0.1:{port}{path}",
        "attributes": {
            "method": method,
            "url": f"http://127.0.0.1:{port}{path}",
            "status": result if isinstance(result, int) else 200,
        },
    }


ASKS = {
    "openai": CLIENTS["openai"][0],
    "openai in a thread": CLIENTS["openai in a thread"][0],
    "aiohttp": (
        "import aiohttp\nasync def handler(url):\n"
        "    async with aiohttp.ClientSession() as session:\n"
        "        async with session.post(url + '/v1/chat/completions', json={'model': 'm'}) as answer:\n"
        "            return (await answer.json())['choices'][0]['message']['content']"
    ),
    "httpx2 in parts": (
        "import json, httpx2\ndef handler(url):\n"
        "    with httpx2.stream('POST', url + '/v1/chat/completions', json={'model': 'm'}) as answer:\n"
        "        return json.loads(''.join(answer.iter_text()))['choices'][0]['message']['content']"
    ),
}


@pytest.mark.parametrize("client", ASKS)
async def test_a_call_of_a_model_keeps_what_was_asked_and_answered(start: Any, port: int, client: str) -> None:
    host = await start({"steps/a_step.py": CONFIG + ASKS[client]})
    assert await host.load_and_run("steps/a_step.py", f"http://127.0.0.1:{port}", run="r") == "hello"
    (span,) = spans(host)
    exchange = span["exchange"]
    assert json.loads(exchange["request"])["model"] == "m"
    assert (exchange["response"], exchange["cut"]) == (COMPLETION.decode(), False)
    assert exchange["content_type"] == "application/json"
    assert exchange["first_ms"] > 0


async def test_a_call_that_lasts_is_told_of_and_its_span_ends_it(start: Any, port: int) -> None:
    host = await start({"steps/a_step.py": CONFIG + CLIENTS["urllib"][0].replace("/a?", "/slow?")})
    GO_ON.clear()
    run = asyncio.ensure_future(host.load_and_run("steps/a_step.py", f"http://127.0.0.1:{port}", run="r"))
    await host.until(lambda: any(method == "span.open" for method, _ in host.notes))
    GO_ON.set()
    assert await run == 200
    (told,) = [params for method, params in host.notes if method == "span.open"]
    (span,) = spans(host)
    assert (told.pop("open"), "duration_ms" in told, "received" in told) == (span["open"], False, False)
    assert told == {key: span[key] for key in ("run", "type", "name", "start_ms")} | {
        "attributes": {"method": "GET", "url": f"http://127.0.0.1:{port}/slow"}
    }


class Answer:
    received = 0


async def test_a_call_is_told_of_again_as_its_answer_grows_and_a_short_one_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(underway, "_EVERY_S", 0.01)
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    ways, answer = underway.UnderWay(asyncio.get_running_loop()), Answer()
    assert ways.begin(lambda _, params: told.put_nowait(params), {"name": "short"}, None).end() == {}
    way = await asyncio.to_thread(ways.begin, lambda _, params: told.put_nowait(params), {"name": "n"}, answer)
    async with asyncio.timeout(60):
        assert await told.get() == {"name": "n", "open": 2, "received": 0}
        answer.received = 5
        assert await told.get() == {"name": "n", "open": 2, "received": 5}
    assert (way.end(), told.empty()) == ({"open": 2}, True)


def test_long_texts_keep_their_beginning_and_their_end() -> None:
    text = BoundedText()
    for part in ("begin", "x" * 300_000, "end"):
        text.add(part.encode())
    assert (text.is_cut, text.text[:6], text.text[-4:], len(text.text) < 270_000) == (True, "beginx", "xend", True)


REFUSED = {
    "aiohttp": (
        "import aiohttp\nasync def handler(url):\n"
        "    async with aiohttp.ClientSession() as session:\n        await session.get(url)"
    ),
    "urllib": "import urllib.request\ndef handler(url):\n    urllib.request.urlopen(url)",
    "httpx2": "import httpx2\ndef handler(url):\n    httpx2.get(url)",
}


@pytest.mark.parametrize("client", REFUSED)
async def test_a_call_that_fails_is_a_span_with_its_error(start: Any, wire_error: Any, client: str) -> None:
    host = await start({"steps/a_step.py": CONFIG + REFUSED[client]})
    with pytest.raises(wire_error):
        await host.load_and_run("steps/a_step.py", "http://127.0.0.1:9/a")
    (span,) = spans(host)
    assert span["attributes"] == {"method": "GET", "url": "http://127.0.0.1:9/a"}
    assert any(word in span["error"] for word in ("ConnectionRefusedError", "ConnectError", "ClientConnector"))


@pytest.mark.parametrize(
    "code",
    [
        REFUSED["aiohttp"],
        "import http.client\ndef handler(url):\n    http.client.HTTPConnection('127.0.0.1:9').request('GET', url)",
    ],
)
async def test_a_url_that_cannot_be_read_is_the_clients_business(start: Any, wire_error: Any, code: str) -> None:
    host = await start({"steps/a_step.py": CONFIG + code})
    with pytest.raises(wire_error) as caught:
        await host.load_and_run("steps/a_step.py", "http://[::1/a")
    assert caught.value.error["data"]["name"] in ("InvalidUrlClientError", "ValueError")
    assert [span["attributes"]["url"] for span in spans(host)] == ["://"]


async def test_a_request_may_be_sent_by_keyword(start: Any, port: int) -> None:
    code = """
import httpx2
def handler(url):
    with httpx2.Client() as client:
        return client.send(request=client.build_request("GET", url), stream=False).status_code
"""
    host = await start({"steps/a_step.py": CONFIG + code})
    assert await host.load_and_run("steps/a_step.py", f"http://127.0.0.1:{port}/a") == 200
    assert [span["attributes"]["status"] for span in spans(host)] == [200]


async def test_calls_of_overlapping_runs_belong_to_their_own(start: Any, port: int) -> None:
    host = await start({"steps/a_step.py": CONFIG + CLIENTS["urllib"][0]})
    await host.load("steps/a_step.py")
    runs = [host.run("steps/a_step.py", f"http://127.0.0.1:{port}/{n}", run=f"r{n}") for n in range(4)]
    await asyncio.gather(*runs)
    assert sorted((span["run"], span["attributes"]["url"][-4:]) for span in spans(host)) == [
        (f"r{n}", f"/{n}/a") for n in range(4)
    ]


async def test_calls_while_a_file_loads_are_no_spans(start: Any, port: int) -> None:
    text = f"import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/').close()\n"
    host = await start({"steps/a_step.py": CONFIG + text})
    await host.load("steps/a_step.py")
    assert spans(host) == []


async def test_the_query_of_a_call_is_in_no_log_line_either(start: Any, port: int) -> None:
    host = await start({"steps/a_step.py": CONFIG + CLIENTS["httpx2"][0]})
    await host.load_and_run("steps/a_step.py", f"http://127.0.0.1:{port}", run="r")
    assert [params for method, params in host.notes if method == "log"] == []
