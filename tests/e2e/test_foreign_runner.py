"""A language that is not ours: one entry in `polystep.toml`, and Perl steps run beside TypeScript."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.running import ROOT, Running, make_project
from tests.e2e.test_crash import nothing_waits
from tests.e2e.tools import need
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e

RUNNER = ROOT / "protocol" / "examples" / "perl" / "runner.pl"


def perl_project(folder: Path, steps: Mapping[str, str]) -> Path:
    """A project with the example runner in its root, and step files by name."""
    need("install Perl 5.36 or newer", "perl", "-e", "use v5.36; use Time::HiRes; use JSON::PP")
    files = {f"steps/{name}": text for name, text in steps.items()}
    return make_project(folder, {"polystep.toml": ENTRY, "runner.pl": RUNNER.read_text("utf-8"), **files})


async def test_a_perl_step_handles_an_event_of_a_typescript_step_and_emits_on(tmp_path: Path) -> None:
    files = {"order.step.ts": ORDER, "pack_step.pl": PACK, "ship.step.ts": SHIP, "broken_step.pl": "die 'no luck';\n"}
    project = perl_project(tmp_path, files)
    async with Running(project) as host:
        steps = {each["file"]: each for each in (await host.api("steps"))["steps"]}
        assert (steps["steps/pack_step.pl"]["name"], steps["steps/pack_step.pl"]["language"]) == ("Pack", "perl")
        assert "steps/broken_step.pl" in steps["steps/broken_step.pl"]["error"]
        assert "no luck" in steps["steps/broken_step.pl"]["error"]
        await host.line("[ERROR]", "steps/broken_step.pl")
        status, printed = await host.command("steps")
        assert (status, "steps/pack_step.pl" in printed) == (0, True)

        assert await host.post("/orders", {"item": "väse", "count": 2}) == {"ok": True}
        await host.line("[INFO] Pack packed", "väse")
        await host.line("[INFO] Ship shipped", '"item":"väse"', '"count":2')
        assert (await host.api("state/orders"))["items"] == {"last": {"item": "väse", "count": 2}}
        await nothing_waits(host)
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_the_example_of_the_protocol_runs_as_it_is_shown(tmp_path: Path) -> None:
    readme = (ROOT / "protocol" / "README.md").read_text("utf-8").split("## Use it in a project")[1]
    shown = dict(re.findall(r"```(\w+)\n(.*?)```", readme, re.DOTALL)[:3])
    project = perl_project(tmp_path, {"greet_step.pl": shown["perl"]})
    (tmp_path / "polystep.toml").write_text(shown["toml"])
    asked, expected = re.findall(r"^curl localhost:3000(\S+)\n# (.*)$", shown["sh"], re.MULTILINE)[0]
    async with Running(project) as host:
        assert await host.get(asked) == json.loads(expected)
        assert not any("[WARNING]" in line and "greet" in line for line in host.lines)


async def test_saving_a_step_a_helper_or_the_runner_itself_reloads_it(tmp_path: Path) -> None:
    project = perl_project(tmp_path, {"who_step.pl": WHO})
    async with Running(project) as host:
        first = await host.get("/who")
        (tmp_path / "runner.pl").write_text("# A new version.\n" + RUNNER.read_text("utf-8"), encoding="utf-8")
        second = await another(host, first)
        (tmp_path / "helper.pl").write_text("1;\n")
        third = await another(host, second)
        (tmp_path / "steps" / "who_step.pl").write_text(WHO.replace("'me'", "'you'"))
        await host.line("[UPDATED] Step (API) steps/who_step.pl")
        assert [first["who"], third["who"], (await host.get("/who"))["who"]] == ["me", "me", "you"]


async def another(host: Running, before: dict[str, object]) -> dict[str, object]:
    """The answer of a new process: nothing is printed when only a helper changed."""
    async with asyncio.timeout(HANG_S):
        while (answer := await host.get("/who"))["pid"] == before["pid"]:
            pass
    return dict(answer)


async def test_a_program_that_is_missing_is_named_and_the_other_steps_run(tmp_path: Path) -> None:
    entry = ENTRY.replace('"perl", "runner.pl"', '"no-such-perl"')
    project = make_project(tmp_path, {"polystep.toml": entry, "steps/order.step.ts": ORDER, "steps/pack_step.pl": PACK})
    async with Running(project) as host:
        assert await host.post("/orders", {}) == {"ok": True}
        errors = {each["file"]: each["error"] for each in (await host.api("steps"))["steps"]}
        assert errors["steps/pack_step.pl"] == (
            'The perl runner\'s program "no-such-perl" was found neither on PATH nor in the project. Install it, or '
            "correct [runners.perl] command in polystep.toml, then start again."
        )


async def test_a_wrong_entry_ends_the_start_and_names_every_problem(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"polystep.toml": '[runners.perl]\npattern = "step.pl"\ncommand = "perl"\n'})
    host = Running(project)
    await host.launch()
    assert await host.ended() != 0
    printed = "\n".join(host.lines)
    assert "runners.perl.pattern: A pattern" in printed
    assert "runners.perl.command: A command is a list" in printed


ENTRY = """
[runners.perl]
pattern = "_step.pl"
command = ["perl", "runner.pl"]
"""
ORDER = """
export const config = { type: 'api', name: 'Order', path: '/orders', method: 'POST', emits: ['order.placed'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: 'order.placed', data: req.body })
  return { status: 200, body: { ok: true } }
}
"""
PACK = """
{
    config  => { type => 'event', name => 'Pack', subscribes => ['order.placed'], emits => ['order.packed'] },
    handler => sub {
        my ($order, $context) = @_;
        $context->state->set('orders', 'last', $order);
        $context->logger->info('packed', { item => $order->{item} });
        $context->emit({ topic => 'order.packed', data => $order });
    },
}
"""
SHIP = """
export const config = { type: 'event', name: 'Ship', subscribes: ['order.packed'], emits: [] }
export const handler = async (order: any, { logger }: any) => logger.info('shipped', order)
"""
WHO = """
{
    config  => { type => 'api', name => 'Who', path => '/who', method => 'GET', emits => [] },
    handler => sub { return { status => 200, body => { who => 'me', pid => $$ } } },
}
"""
