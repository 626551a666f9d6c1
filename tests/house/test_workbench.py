"""The Workbench stays small: what a first visit loads, and what travels in the wheel."""

import gzip
import json
from pathlib import Path

SCRIPT_BYTES_MAX = 250_000  # compressed, of the first view
ASSETS_BYTES_MAX = 1_500_000


def test_the_first_view_loads_little(root: Path) -> None:
    dist = _dist(root)
    manifest = json.loads((dist / "manifest.json").read_text())
    entry = manifest["index.html"]
    names = {entry["file"], *(manifest[each]["file"] for each in entry.get("imports", []))}
    size = sum(len(gzip.compress((dist / name).read_bytes(), 9)) for name in names)
    assert 0 < size <= SCRIPT_BYTES_MAX


def test_all_assets_together_are_small(root: Path) -> None:
    size = sum(path.stat().st_size for path in _dist(root).rglob("*") if path.is_file())
    assert size <= ASSETS_BYTES_MAX


def test_the_page_holds_no_inline_script_or_style(root: Path) -> None:
    page = (_dist(root) / "index.html").read_text()
    assert "<style" not in page
    assert "style=" not in page
    assert page.count("<script") == page.count('src="/__polystep/app/')


def test_no_source_makes_markup_of_a_text(root: Path) -> None:
    words = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")
    sources = [*(root / "host/workbench/src").rglob("*.ts*"), *(root / "host/workbench/public").rglob("*.js")]
    found = [(path.name, word) for path in sources for word in words if word in path.read_text()]
    assert len(sources) > 100
    assert found == []


def test_every_shipped_package_brings_its_licence(root: Path) -> None:
    notices = (_dist(root) / "licenses.txt").read_text()
    for package in (
        "react",
        "react-dom",
        "@tanstack/react-router",
        "@tanstack/react-query",
        "lucide-react",
        "cronstrue",
        "@base-ui/react",
        "@nozbe/microfuzz",
        "uplot",
    ):
        assert f"\n{package} " in f"\n{notices}"
    assert "Permission is hereby granted" in notices


def _dist(root: Path) -> Path:
    dist = root / "host" / "workbench" / "dist"
    assert (dist / "index.html").is_file(), "the Workbench is not built: run `make setup`"
    return dist
