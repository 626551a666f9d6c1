"""`polystep build` with real runners and real uv: one project, one sequence of bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from polystep.bundle import TreeFile, pack
from polystep.cli.main import app

API = """
export const config = { type: 'api', name: 'Ask', path: '/ask', method: 'GET', emits: ['asked'] }
export const handler = async () => ({ status: 200, body: {} })
"""
EVENT = """
import polystep_test_parcel
config = {"type": "event", "name": "Asked", "subscribes": ["asked"], "emits": [], "input": {"type": "object"}}
async def handler(input, context): pass
"""
BROKEN = "export const config = { type: 'api', name: 'Broken' }\n"
NEVER = {
    ".env": "KEY=secret-value",
    ".env.local": "KEY=secret-value",
    ".git/config": "x",
    "node_modules/x/index.js": "x",
}


def build(project: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["build", "--project", str(project), *options], env={"CI": "", "NO_COLOR": "1"})


def add_wheel(folder: Path, name: str) -> None:
    """Write the wheel of a package with one empty module."""
    folder.mkdir()
    about = f"{name}-1.0.dist-info"
    texts = {
        f"{name}.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    hashes = [base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=") for text in texts.values()]
    lines = [f"{path},sha256={each.decode()},{len(texts[path])}" for path, each in zip(texts, hashes, strict=True)]
    texts[f"{about}/RECORD"] = "\n".join([*lines, f"{about}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in texts.items():
            wheel.writestr(zipfile.ZipInfo(path), text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with steps of two languages and a Python package that no index has to give."""
    folder = tmp_path / "shop"
    (folder / "steps").mkdir(parents=True)
    (folder / "steps" / "ask.step.ts").write_text(API)
    (folder / "steps" / "asked_step.py").write_text(EVENT)
    (folder / "package.json").write_text('{"name": "shop", "version": "1.2.3"}')
    (folder / "requirements.txt").write_text("--find-links ./wheels\npolystep-test-parcel\n")
    (folder / ".gitignore").write_text("*.tmp\n")
    (folder / ".env.example").write_text("KEY=\n")
    add_wheel(folder / "wheels", "polystep_test_parcel")
    return folder


def content(bundle: Path) -> dict[str, bytes]:
    with tarfile.open(bundle) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers()}  # type: ignore[union-attr]


def test_one_project_gives_the_same_bytes_in_another_folder_at_another_time(project: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar.gz", tmp_path / "elsewhere" / "second.tar.gz"
    result = build(project, "--out", str(first), "--json")
    assert result.exit_code == 0, result.output
    told: Any = json.loads(result.stdout)
    assert (told["ok"], told["steps"], told["bundle"]["packages"]) == (True, 2, 1)
    assert told["bundle"]["bytes"] == first.stat().st_size
    assert told["bundle"]["digest"] == f"sha256:{hashlib.sha256(pack(files(content(first)))).hexdigest()}"

    other = tmp_path / "another name"
    shutil.copytree(project, other, ignore=shutil.ignore_patterns(".polystep"))
    for path, text in {**NEVER, "notes.tmp": "x", "steps/deep.tmp": "x"}.items():
        (other / path).parent.mkdir(parents=True, exist_ok=True)
        (other / path).write_text(text)
    for place in other.rglob("*"):
        os.utime(place, (1, 1))
        place.chmod(0o700 if place.is_dir() else 0o600)
    again = build(other, "--out", str(second))
    assert again.exit_code == 0, again.output
    assert "✔ 2 steps and 0 streams loaded, nothing is wrong." in again.stdout
    assert f"{second}  " in again.stdout
    assert second.read_bytes() == first.read_bytes()
    assert b"secret-value" not in b"".join(content(second).values())

    (other / "steps" / "ask.step.ts").write_text(API.replace("200", "201"))
    assert build(other, "--out", str(second)).exit_code == 0
    assert second.read_bytes() != first.read_bytes()


def files(found: dict[str, bytes]) -> dict[str, TreeFile]:
    return {path: TreeFile(text) for path, text in found.items()}


def test_a_bundle_holds_the_project_its_lock_its_types_a_manifest_and_its_parts(project: Path) -> None:
    assert build(project).exit_code == 0
    found = content(project / "dist" / "bundle.tar.gz")
    assert sorted(found) == [
        "app/.env.example",
        "app/.gitignore",
        "app/package.json",
        "app/polystep_types.py",
        "app/requirements.lock",
        "app/requirements.txt",
        "app/steps/ask.step.ts",
        "app/steps/asked_step.py",
        "app/types.d.ts",
        "app/wheels/polystep_test_parcel-1.0-py3-none-any.whl",
        "manifest.json",
        "sbom.cdx.json",
    ]
    wheel = hashlib.sha256(found["app/wheels/polystep_test_parcel-1.0-py3-none-any.whl"]).hexdigest()
    lock = found["app/requirements.lock"].decode()
    assert lock.startswith("# Written by polystep build from requirements.txt (")
    assert f"polystep-test-parcel==1.0 \\\n    --hash=sha256:{wheel}" in lock
    assert b"'Ask'" in found["app/types.d.ts"]
    manifest: Any = json.loads(found["manifest.json"])
    assert (manifest["name"], manifest["version"], manifest["environment"]) == ("shop", "1.2.3", ["KEY"])
    assert [step["name"] for step in manifest["steps"]] == ["Ask", "Asked"]
    assert manifest["packages"] == {"npm": {}, "pypi": {"polystep-test-parcel": "1.0"}}
    for path, listed in manifest["files"].items():
        assert listed["sha256"] == hashlib.sha256(found[f"app/{path}"]).hexdigest()
    (part,) = json.loads(found["sbom.cdx.json"])["components"]
    assert (part["purl"], part["hashes"]) == (
        "pkg:pypi/polystep-test-parcel@1.0",
        [{"alg": "SHA-256", "content": wheel}],
    )
    # A lock that fits its list is taken as it is.
    kept = project / "requirements.lock"
    kept.write_text(lock + "# mine\n")
    assert build(project).exit_code == 0
    assert kept.read_text() == lock + "# mine\n"


def test_a_project_with_an_error_gets_no_bundle(project: Path) -> None:
    (project / "steps" / "broken.step.ts").write_text(BROKEN)
    out = project / "out.tar"
    result = build(project, "--out", str(out))
    assert (result.exit_code, out.exists()) == (1, False)
    assert "steps/broken.step.ts" in result.stdout
    assert result.stdout.endswith("No bundle was written. Correct what is listed above, then build again.\n")
    listed: Any = json.loads(build(project, "--out", str(out), "--json").stdout)
    assert (listed["ok"], listed["bundle"], listed["errors"]) == (False, None, 1)


def test_packages_that_cannot_be_locked_stop_the_build(project: Path) -> None:
    assert build(project).exit_code == 0
    before = (project / "requirements.lock").read_text()
    (project / "requirements.txt").write_text(
        "--find-links ./wheels\npolystep-test-parcel\npolystep-test-missing-parcel\n"
    )
    (project / "steps" / "asked_step.py").write_text(EVENT.replace("import polystep_test_parcel", ""))
    result = build(project)
    assert result.exit_code == 1
    assert "polystep-test-missing-parcel" in result.output
    assert (project / "requirements.lock").read_text() == before
