"""Saving files while the host runs: broken files are named and mended, helpers count, no event is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.running import Running, make_project
from tests.e2e.test_crash import nothing_waits
from tests.patience import HANG_S

pytestmark = pytest.mark.e2e


async def test_a_file_that_fails_to_load_is_named_the_rest_runs_and_saving_mends_it(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/good.step.ts": api_step("Good", "/good", "'good'"),
            "steps/broken.step.ts": "export const config = {{{",
            "steps/missing.step.ts": f"import x from 'no-such-package'\n{api_step('Missing', '/missing', 'x')}",
            "steps/noconfig.step.js": "export const handler = () => {}",
            "steps/bad_step.py": "import no_such_module\n",
            "steps/exits_step.py": "import os\nos._exit(3)\n",
            "steps/works_step.py": PYTHON_API,
        },
    )
    async with Running(project) as host:
        assert await host.get("/good") == {"said": "good"}
        assert await host.get("/works") == {"said": "works"}
        listed = {each["file"]: each for each in (await host.api("steps"))["steps"]}
        errors = {file: each["error"] for file, each in listed.items()}
        assert errors["steps/good.step.ts"] is None
        assert errors["steps/works_step.py"] is None
        for file, reason in (
            ("steps/broken.step.ts", "broken.step.ts:1"),
            ("steps/missing.step.ts", "no-such-package"),
            ("steps/noconfig.step.js", "config"),
            ("steps/bad_step.py", "no_such_module"),
            ("steps/exits_step.py", "exited with status 3"),
        ):
            assert reason in errors[file]
            await host.line("[ERROR]", file)

        (tmp_path / "steps/broken.step.ts").write_text(api_step("Broken", "/broken", "'mended'"))
        await host.line("[CREATED] Step (API) steps/broken.step.ts")
        assert await host.get("/broken") == {"said": "mended"}
        (tmp_path / "steps/good.step.ts").write_text("export const config = 1 +")
        await host.line("[REMOVED] Step (API) steps/good.step.ts")
        refused = await host.get("/good", status=503)
        assert (refused["error"], refused["file"]) == ("Step not loaded", "steps/good.step.ts")
        assert "good.step.ts:1" in refused["message"]
        (tmp_path / "steps/good.step.ts").unlink()
        (tmp_path / "steps/fresh_step.py").write_text(PYTHON_API.replace("works", "fresh").replace("Works", "Fresh"))
        await host.line("[CREATED] Step (API) steps/fresh_step.py")
        assert await host.get("/fresh") == {"said": "fresh"}


async def test_a_helper_counts_as_part_of_the_steps_that_import_it(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/a.step.ts": f"import {{ word }} from './lib/word'\n{api_step('A', '/a', 'word')}",
            "steps/lib/word.ts": "export const word = 'before'\n",
            "steps/b_step.py": "from shared.word import word\n" + PYTHON_API.replace('"works"', "word", 1),
            "shared/word.py": "word = 'before'\n",
        },
    )
    async with Running(project) as host:
        assert await host.get("/a") == {"said": "before"}
        assert await host.get("/works") == {"said": "before"}
        (tmp_path / "steps/lib/word.ts").write_text("export const word = 'after'\n")
        (tmp_path / "shared/word.py").write_text("word = 'after'\n")
        await becomes(host, "/a", {"said": "after"})
        await becomes(host, "/works", {"said": "after"})


async def test_events_wait_for_a_broken_subscriber_and_runs_in_progress_end_in_the_old_code(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"steps/start.step.ts": START, "steps/work.step.ts": WORK.replace("VERSION", "one")},
    )
    async with Running(project) as host:
        await host.post("/start", {"ms": 1500})
        await host.line("one begins")
        (tmp_path / "steps/work.step.ts").write_text("throw new Error('half an edit')\n")
        await host.line("[ERROR]", "steps/work.step.ts")
        await host.post("/start", {"ms": 1})
        (tmp_path / "steps/work.step.ts").write_text(WORK.replace("VERSION", "two"))
        await host.line("two ends")
        await host.line("one ends")
        await nothing_waits(host)
        begun = [line for line in host.lines if "begins" in line]
        assert begun[0].endswith("one begins")
        assert (await host.api("dead-letters"))["deadLetters"] == []


async def test_a_broken_subscriber_keeps_its_events_over_a_restart(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"steps/start.step.ts": START, "steps/work.step.ts": WORK.replace("VERSION", "one")},
    )
    async with Running(project):
        (tmp_path / "steps/work.step.ts").write_text("throw new Error('half an edit')\n")
    async with Running(project) as host:
        await host.line("[ERROR]", "steps/work.step.ts")
        await host.post("/start", {"ms": 1})
        (tmp_path / "steps/work.step.ts").write_text(WORK.replace("VERSION", "two"))
        await host.line("two ends")


async def test_a_typo_in_the_requirements_leaves_python_running_and_is_told_until_it_is_mended(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/works_step.py": PYTHON_API})
    async with Running(project) as host:
        assert await host.get("/works") == {"said": "works"}
        (project / "requirements.txt").write_text("./no-such-package\n")
        await host.line("[ERROR] requirements.txt: The project's Python packages could not be installed")
        await host.line("Until then Python steps run with the packages that were installed before.")
        (project / "steps/works_step.py").write_text(PYTHON_API.replace('"works"', '"still works"', 1))
        await becomes(host, "/works", {"said": "still works"})
        for verb in ("steps", "check"):
            assert "could not be installed" in (await host.command(verb))[1]
        (project / "requirements.txt").write_text("# nothing\n")
        await host.line("Installing the packages of requirements.txt…", count=2)
        async with asyncio.timeout(HANG_S):
            while "could not be installed" in (await host.command("steps"))[1]:
                pass


async def test_a_saved_env_and_settings_file_say_what_came_of_them(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, ".env": "A=1\nnot a variable\n"})
    async with Running(project) as host:
        await host.line("[WARNING] .env: Line 2 sets no variable and is ignored. Write NAME=value.")
        (project / ".env").write_text("A=2\nnot a variable\n")
        await host.line("➜ .env: the steps were loaded again with the new A.")
        (project / "polystep.toml").write_text("[http]\ndocs = false\n")
        await host.line("polystep.toml: http.docs changed. Restart polystep to use it.")
        assert sum("Line 2 sets no variable" in line for line in host.lines) == 1
        assert ".env" in (await host.command("check"))[1]


async def test_a_step_with_nearly_the_right_name_is_named_at_start_and_at_a_save(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/start.step.ts": START, "work.step.ts": WORK})
    async with Running(project) as host:
        await host.line(
            "[WARNING] work.step.ts", "It looks like a step, but only files under steps/ and src/ are loaded."
        )
        (project / "steps" / "work-step.ts").write_text(WORK)
        await host.line("[WARNING] steps/work-step.ts", "It looks like a step", "Call it steps/work.step.ts.")
        assert "Call it steps/work.step.ts." in (await host.command("check"))[1]


async def test_a_broken_stream_file_fails_no_run_that_uses_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"steps/say.step.ts": SAY, "steps/said.stream.ts": SAID})
    async with Running(project) as host:
        waiting = asyncio.create_task(host.post("/say", {"ms": 1500}))
        await host.line("about to say")
        (tmp_path / "steps/said.stream.ts").write_text("export const config = {{{")
        await host.line("[ERROR]", "steps/said.stream.ts")
        assert await waiting == {"id": "1"}
        assert await host.post("/say", {"ms": 0}) == {"id": "1"}
        health = await host.get("/__polystep/health")
        assert (health["status"], [each["file"] for each in health["failing"]]) == (
            "degraded",
            ["steps/said.stream.ts"],
        )
        assert (await host.get("/__polystep/health?strict", status=503))["status"] == "degraded"
    async with Running(project, verb="start") as host:
        assert await host.post("/say", {"ms": 0}) == {"id": "1"}
        (tmp_path / "steps/say.step.ts").write_text("export const config = {{{")
    async with Running(project, verb="start") as host:
        refused = await host.post("/say", {"ms": 0}, status=503)
        assert (sorted(refused), refused["error"]) == (["error", "traceId"], "Step not available")
    refusing = Running(project, "--strict", verb="start")
    await refusing.launch()
    assert await refusing.ended() == 1
    printed = "\n".join(refusing.lines)
    assert "Not started, since --strict was given" in printed
    assert printed.endswith("Correct them, or start without --strict to serve the rest.")
    assert "  steps/said.stream.ts\n  steps/say.step.ts\n" in printed


async def test_a_language_that_hangs_while_it_loads_keeps_no_other_from_answering(tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {
            "steps/good.step.ts": api_step("Good", "/good", "'good'"),
            "steps/hangs_step.py": f"import time\ntime.sleep(3600)\n{PYTHON_API}",
        },
    )
    host = Running(project)
    await host.launch()
    try:
        await host.line("[CREATED] Step (API) steps/good.step.ts")
        await host.connect()
        assert await host.get("/good") == {"said": "good"}
        assert (await host.get("/works", status=503))["error"] == "Starting"
        assert (await host.get("/__polystep/health", status=503))["status"] == "starting"
        assert await host.get("/__polystep/alive") == {"status": "alive"}
        # A save of the other language is live meanwhile.
        (tmp_path / "steps/good.step.ts").write_text(api_step("Good", "/good", "'better'"))
        await host.line("[UPDATED] Step (API) steps/good.step.ts")
        assert await host.get("/good") == {"said": "better"}
    finally:
        await host.kill()


async def becomes(host: Running, path: str, answer: object) -> None:
    """Each save prints an update of nothing by name when only a helper changed: ask until the new code answers."""
    async with asyncio.timeout(HANG_S):
        while await host.get(path) != answer:
            pass


def api_step(name: str, path: str, said: str) -> str:
    return (
        f"export const config = {{ type: 'api', name: '{name}', path: '{path}', method: 'GET', emits: [] }}\n"
        f"export const handler = async () => ({{ status: 200, body: {{ said: {said} }} }})\n"
    )


SAY = """
export const config = { type: 'api', name: 'Say', path: '/say', method: 'POST', emits: [] }
export const handler = async (req: any, { logger, streams }: any) => {
  logger.info('about to say')
  await new Promise((resolve) => setTimeout(resolve, req.body.ms))
  const { id } = await streams.said.set('all', '1', { text: 'hello' })
  return { status: 200, body: { id } }
}
"""
SAID = """
import { z } from 'zod'
export const config = {
  name: 'said', schema: z.object({ text: z.string() }), baseConfig: { storageType: 'default' as const },
}
"""
PYTHON_API = """
said = "works"
config = {"type": "api", "name": "Works", "path": "/works", "method": "GET", "emits": []}

async def handler(req, context):
    return {"status": 200, "body": {"said": said}}
"""
START = """
export const config = { type: 'api', name: 'Start', path: '/start', method: 'POST', emits: ['work'] }
export const handler = async (req: any, { emit }: any) => {
  await emit({ topic: 'work', data: req.body })
  return { status: 200, body: {} }
}
"""
WORK = """
export const config = { type: 'event', name: 'Work', subscribes: ['work'], emits: [] }
export const handler = async ({ ms }: any, { logger }: any) => {
  logger.info('VERSION begins')
  await new Promise((resolve) => setTimeout(resolve, ms))
  logger.info('VERSION ends')
}
"""
