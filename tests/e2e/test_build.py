"""A bundle, unpacked as docs/building.md says, serves."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.e2e.running import COMMAND, Running, make_project
from tests.e2e.test_create import done

pytestmark = pytest.mark.e2e

GREET = """
import { greeting } from './lib/greeting.ts'
enum Word { Hello = 'hello' }
export const config = { type: 'api', name: 'Greet', path: '/greet', method: 'GET', emits: ['greeted'] }
export const handler = async (_: unknown, { emit }: any) => {
  await emit({ topic: 'greeted', data: { word: Word.Hello } })
  return { status: 200, body: { said: greeting(Word.Hello) } }
}
"""
GREETED = """
from pathlib import Path

config = {"type": "event", "name": "Greeted", "subscribes": ["greeted"], "emits": []}


async def handler(input, context):
    text = (Path(__file__).parent / "lib" / "text.txt").read_text()
    context.logger.info(f"{text} {input['word']}")
"""


async def test_an_unpacked_bundle_serves_in_both_languages(tmp_path: Path) -> None:
    files = {
        "steps/greet.step.ts": GREET,
        "steps/greeted_step.py": GREETED,
        "steps/lib/greeting.ts": "export const greeting = (word: string): string => `${word}!`\n",
        "steps/lib/text.txt": "python heard",
        ".env": "KEY=secret-value\n",
    }
    project = make_project(tmp_path / "project", files)
    bundle = tmp_path / "shop.tar.gz"
    await done(str(COMMAND), "build", "--project", str(project), "--out", str(bundle), "--no-strict", folder=tmp_path)
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path / "server", filter="data")
    unpacked = tmp_path / "server" / "app"
    assert not (unpacked / ".env").exists()
    async with Running(unpacked, verb="start") as host:
        assert await host.get("/greet") == {"said": "hello!"}
        await host.line("[INFO] Greeted python heard hello")
