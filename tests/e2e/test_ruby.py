"""Ruby steps beside TypeScript and Python: the same events, state, streams, logs, failures and reload."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.model import serve_model
from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import dead_letters, nothing_waits
from tests.e2e.test_reload import becomes
from tests.e2e.tools import need

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def ruby() -> None:
    need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")


async def test_an_event_goes_from_typescript_through_ruby_to_python(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/order.step.ts": ORDER,
            "steps/pack_step.rb": PACK,
            "steps/parcels_stream.rb": PARCELS,
            "steps/ship_step.py": SHIP,
        },
    )
    async with Running(project) as host:
        listed = {each["name"]: each["language"] for each in (await host.api("steps"))["steps"]}
        assert listed == {"Order": "typescript", "Pack": "ruby", "Ship": "python"}
        assert [each["name"] for each in (await host.api("steps"))["streams"]] == ["parcels"]
        status, printed = await host.command("steps")
        assert (status, "steps/pack_step.rb" in printed) == (0, True)

        async with host.socket() as socket:
            await socket.send_json(
                {"type": "join", "data": {"streamName": "parcels", "groupId": "eu", "subscriptionId": "s"}}
            )
            assert await host.post("/orders", {"item": "väse", "count": 2}) == {"ok": True}
            await host.line("[INFO] Ship shipped", '"item":"väse"', '"count":2')
            frame = await socket.receive_json(timeout=10)
            while frame["event"]["type"] != "create":
                frame = await socket.receive_json(timeout=10)
            assert {**frame["event"]["data"], **PARCEL} == frame["event"]["data"]
        assert (await host.api("state/orders"))["items"] == {"last": {"item": "väse", "count": 2}}
        await host.line("[INFO] Pack packed", '"attempt":1')
        # What it prints is a line of its run.
        await host.line("[INFO] Pack printed by ruby")
        logs = (await host.api("logs"))["logs"]
        (printed_by,) = [log for log in logs if log["message"] == "printed by ruby"]
        assert (printed_by["step"], printed_by["source"], len(printed_by["traceId"])) == ("Pack", "output", 32)
        await nothing_waits(host)
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_a_ruby_step_that_raises_is_tried_again_and_ends_in_the_dead_letters_with_its_stack(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path, {"steps/order.step.ts": ORDER, "steps/doomed_step.rb": DOOMED})
    async with Running(project) as host:
        await host.post("/orders", {"item": "vase"})
        (letter,) = await dead_letters(host, 1)
        error = letter["error"]
        assert (letter["step"], letter["attempts"], error["name"]) == ("Doomed", 2, "KeyError")
        assert "key not found" in error["message"]
        assert error["place"] == {"file": "steps/doomed_step.rb", "line": 6, "column": error["place"]["column"]}
        assert "steps/doomed_step.rb:6" in error["stack"]
        assert "runner.rb" not in error["stack"]
        assert "library frame" not in error["stack"]


async def test_prints_errors_and_ends_of_ruby_say_no_more_than_they_must(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/talks_step.rb": TALKS})
    for _ in range(3):
        # Its process ends while the thread that answers `drain` still waits.
        status, output = await Running(project).command("check")
        assert (status, "Error" in output, "terminated" in output) == (0, False, False), output
    async with Running(project) as host:
        since = len(host.lines)
        answer = await host.get("/talks", 500)
        await host.line("[INFO] Talks part and end", since=since)
        await host.line("[ERROR] Talks to standard error", since=since)
        await host.line("[INFO] Talks of a thread", since=since)
        await host.line("[INFO] Talks without an end", since=since)
        trace = await host.api(f"traces/{answer['traceId']}")
        error = trace["runs"][0]["error"]
        assert (error["name"], error["message"]) == ("RuntimeError", "outer")
        assert "Caused by: ArgumentError: inner" in error["stack"]
        assert "runner.rb" not in error["stack"]
        assert len(trace["logs"]) >= 4
        # A reload ends the process of the generation before.
        (project / "steps" / "talks_step.rb").write_text(TALKS.replace("outer", "again"))
        await host.line("[UPDATED]", since=since)
        await host.get("/talks", 500)
        await host.line("Talks: RuntimeError: again", since=since)
    assert not [line for line in host.lines if "ClosedQueueError" in line or "terminated with exception" in line]


async def test_outgoing_calls_of_ruby_are_in_its_trace_a_model_with_its_tokens(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/ask_step.rb": ASK})
    async with serve_model() as model, Running(project, environment=model.environment) as host:
        model.open.clear()
        asking = asyncio.create_task(host.post("/asks", {}))
        # The call of the model is seen while it lasts.
        where = model.base_url.removeprefix("http://")
        assert await _under_way(host) == f"POST {where}/chat/completions"
        model.open.set()
        assert await asking == {"said": 1}
        (row,) = (await host.api("traces"))["traces"]
        (run,) = (await host.api(f"traces/{row['traceId']}"))["runs"]
        gone, refused, asked = [each for each in run["operations"] if each["type"] == "http"]
        kept = {name: asked["attributes"][name] for name in ("status", "model", "tokensIn", "tokensOut", "streamed")}
        assert kept == {"status": 200, "model": "gpt-4o-mini", "tokensIn": 1, "tokensOut": 1, "streamed": False}
        assert [(each["role"], each["text"]) for each in asked["messages"]] == [("user", "Is it urgent?")]
        assert asked["durationMs"] > 1000
        # No query and no body of another call is told.
        assert refused["attributes"] == {"method": "POST", "url": f"http://{where}/chats", "status": 404}
        assert "secret" not in str(refused)
        assert "Errno::ECONNREFUSED" in str(gone["error"])


async def test_a_ruby_file_that_does_not_load_is_named_the_rest_runs_and_saving_mends_it(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/good_step.rb": api_step("Good", "/good", '"good"'),
            "steps/typo_step.rb": "\nconfigg = undefined_name\n",
            "steps/gem_step.rb": 'require "no_such_gem"\n',
            "steps/guarded_step.rb": api_step("Guarded", "/guarded", '"secret"', "middleware: [->(*) { raise }]"),
            "steps/helped_step.rb": 'require_relative "../lib/word"\n' + api_step("Helped", "/helped", "WORD"),
            "lib/word.rb": 'WORD = "before"\n',
        },
    )
    async with Running(project) as host:
        assert await host.get("/good") == {"said": "good"}
        assert await host.get("/helped") == {"said": "before"}
        errors = {each["file"]: each["error"] for each in (await host.api("steps"))["steps"]}
        assert errors["steps/typo_step.rb"].startswith("steps/typo_step.rb:2:1 failed to load: NameError: undefined")
        assert errors["steps/gem_step.rb"] == (
            'steps/gem_step.rb requires "no_such_gem", which Ruby cannot find. '
            'Run "gem install no_such_gem", then save.\n'
            'steps/gem_step.rb:1:1\n> 1 | require "no_such_gem"\n    | ^'
        )
        assert errors["steps/guarded_step.rb"] == (
            "steps/guarded_step.rb has middleware, which the ruby runner does not call, so the step is not run. "
            "Do in its handler what the middleware does."
        )
        await host.get("/guarded", status=404)
        (tmp_path / "lib/word.rb").write_text('WORD = "after"\n')
        await becomes(host, "/helped", {"said": "after"})
        (tmp_path / "steps/typo_step.rb").write_text(api_step("Typo", "/typo", '"mended"'))
        await host.line("[CREATED] Step (API) steps/typo_step.rb")
        assert await host.get("/typo") == {"said": "mended"}


async def _under_way(host: Running) -> str:
    """Wait for a call that is under way in the only trace, and return its name."""
    async with asyncio.timeout(60):
        while True:
            for row in (await host.api("traces"))["traces"]:
                for call in (await host.api(f"traces/{row['traceId']}/skeleton"))["underWay"]:
                    return str(call["name"])
            await asyncio.sleep(0.1)


def api_step(name: str, path: str, said: str, more: str = "emits: []") -> str:
    return (
        f'def config = {{ type: "api", name: "{name}", path: "{path}", method: "GET", {more} }}\n'
        f"def handler(_request, _context) = {{ status: 200, body: {{ said: {said} }} }}\n"
    )


ORDER = """
export const config = { type: 'api', name: 'Order', path: '/orders', method: 'POST', emits: ['order.placed'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: 'order.placed', data: req.body })
  return { status: 200, body: { ok: true } }
}
"""
PACK = """
def config
  { type: "event", name: "Pack", subscribes: ["order.placed"], emits: ["order.packed"] }
end

def handler(order, context)
  puts "printed by ruby"
  context.state.set("orders", "last", order)
  context.streams.parcels.set("eu", "p1", { item: order["item"], weight: 1.5 })
  context.logger.info("packed", { attempt: context.attempt })
  context.emit(topic: "order.packed", data: order)
end
"""
PARCEL = {"id": "p1", "item": "väse", "weight": 1.5}
PARCELS = """
def config
  { name: "parcels", schema: { type: "object", properties: { item: { type: "string" } }, required: ["item"] } }
end
"""
SHIP = """
config = {"type": "event", "name": "Ship", "subscribes": ["order.packed"], "emits": []}

async def handler(data, context):
    context.logger.info("shipped", data)
"""
DOOMED = """
def config = { type: "event", name: "Doomed", subscribes: ["order.placed"], emits: [],
               infrastructure: { queue: { maxRetries: 1 } } }

def handler(order, _context)
  order.fetch("no such member")
end
"""
TALKS = """
def config = { type: "api", name: "Talks", method: "GET", path: "/talks", emits: [] }

def handler(request, context)
  print "part "
  puts "and end"
  warn "to standard error"
  Thread.new { puts "of a thread" }.join
  print "without an end"
  begin
    raise ArgumentError, "inner"
  rescue ArgumentError
    raise "outer"
  end
end
"""

ASK = """
require "json"
require "net/http"

def config = { type: "api", name: "Ask", method: "POST", path: "/asks", emits: [] }

def handler(_request, _context)
  base = URI(ENV.fetch("OPENAI_BASE_URL"))
  closed = TCPServer.new("127.0.0.1", 0).then { |server| server.addr[1].tap { server.close } }
  begin
    Net::HTTP.new("127.0.0.1", closed).request(Net::HTTP::Get.new("/gone"))
  rescue Errno::ECONNREFUSED
    nil
  end
  elsewhere = Net::HTTP::Post.new("#{base.path}/chats?key=secret")
  elsewhere.body = "secret"
  Net::HTTP.start(base.host, base.port) { |http| http.request(elsewhere) }
  asked = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Is it urgent?" }] }
  answer = Net::HTTP.post(URI("#{base}/chat/completions"), JSON.generate(asked), "Content-Type" => "application/json")
  { status: 200, body: { said: JSON.parse(answer.body)["choices"].size } }
end
"""
