"""Pictures of every page of the Workbench, in both themes, on a desk and on a phone: `make screenshots`."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.e2e.browser import Page, browse
from tests.e2e.running import ROOT, Running
from tests.e2e.workbench import PHONE, WIDE, Shown
from tests.e2e.workbench_pages import PAGES, fill_full, make_full

FOLDER = ROOT / "docs" / "screenshots"
SCHEMES = ("light", "dark")
SIZES = (WIDE, PHONE)
BYTES_MAX = 2_000_000
"""Of all pictures together: they travel with every clone."""

TICKETS = (
    ("Cannot log in after password reset", "I reset my password but the login page keeps rejecting it."),
    ("Invoice is wrong", "The invoice of November lists a seat that we gave back in October."),
    ("Export stops halfway", "The export of our report stops at the same row each time. This is blocking my work."),
)


def name_of(route: str, scheme: str, size: tuple[int, int]) -> str:
    """The file of one picture."""
    return f"{route.strip('/').replace('/$', '-') or 'home'}-{scheme}-{size[0]}.webp"


async def take(folder: Path, host: Running, page: Page, routes: Iterable[str]) -> list[str]:
    """Write the pictures of some routes; returns their names."""
    shown, names = Shown(host, page, host.project), []
    for route in routes:
        known = PAGES[route]
        address = await known.address(host)
        for scheme in SCHEMES:
            for size in SIZES:
                await page.shape(*size, scheme)
                await shown.go(address)
                await page.text(*known.texts, "Live")
                await page.until("!document.querySelector('main [aria-busy=true]')")
                names.append(name_of(route, scheme, size))
                await page.picture(folder / names[-1])
    return names


async def fill(host: Running) -> None:
    """Have the sample's steps and the others do what a first hour brings."""
    for at, (subject, body) in enumerate(TICKETS):
        await host.post("/tickets", {"subject": subject, "body": body, "email": f"user{at}@example.com"})
    await host.line("Keywords extracted", count=len(TICKETS))
    await fill_full(host)


async def main(folder: Path) -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as place:
        project = Path(place) / "shop"
        project.mkdir()
        shutil.copytree(ROOT / "steps", project / "steps")
        make_full(project, broken=False)
        async with Running(project) as host, browse(Path(place) / "profile") as page:
            await fill(host)
            await page.open("about:blank")
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.webp"):
                old.unlink()
            names = await take(folder, host, page, PAGES)
    size = sum((folder / name).stat().st_size for name in names)
    sys.stdout.write(f"{len(names)} pictures, {size / 1e6:.2f} MB, in {folder}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
