"""Examples of the pages under `docs/`, for the tests that run them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from tests.e2e.running import ROOT, Running
from tests.e2e.tools import need

_STEP = re.compile(r"(?://|#) (steps/\S+)")


def page(name: str) -> str:
    """The text of a page, such as `events.md`."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language in the text of a page, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def step_files(text: str) -> dict[str, str]:
    """The steps in the text of a page, by the path in their first line."""
    found = [block for language in ("ts", "js", "py", "rb") for block in blocks(text, language)]
    files = {match[1]: block for block in found if (match := _STEP.match(block))}
    if any(path.endswith(".rb") for path in files):
        need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")
    return files


async def run_block(host: Running, block: str) -> None:
    """Run a block of the shell, at the address of a host; it must succeed."""
    process = await asyncio.create_subprocess_shell(_at(host, block), stdout=-3, stderr=-3)
    assert await process.wait() == 0


async def run_lines(host: Running, block: str, folder: Path) -> list[tuple[str, str]]:
    """Run each line of a block of the shell by itself, at the address of a host.

    Comments say what the line before them prints: returns what it has printed, and what the comment says.
    """
    compared, output = [], ""
    for line in _at(host, block).splitlines():
        if line.startswith("# "):
            compared.append((output, line.removeprefix("# ")))
            continue
        process = await asyncio.create_subprocess_shell(line, cwd=folder, stdout=asyncio.subprocess.PIPE)
        output = (await process.communicate())[0].decode()
    return compared


def _at(host: Running, block: str) -> str:
    return block.replace("localhost:3000", host.url.removeprefix("http://"))
