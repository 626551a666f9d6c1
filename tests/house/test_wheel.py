"""What is installed carries what it needs, and the licences of what it carries."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return zipfile.ZipFile(built)


def test_the_wheel_carries_the_page_of_documentation(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    page = {f"polystep/http/docs/{name}" for name in ("index.html", "docs.css", "docs.js")}
    swagger = {
        f"polystep/http/docs/swagger-ui/{name}"
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "LICENSE", "NOTICE")
    }
    assert page | swagger <= names


def test_the_wheel_carries_the_built_workbench_and_its_licences(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if name.startswith("polystep/http/workbench/")]
    assert {"polystep/http/workbench/index.html", "polystep/http/workbench/licenses.txt"} <= set(names)
    assert any(name.endswith(".js") and "/assets/" in name for name in names)
    assert [name for name in names if name.endswith((".tsx", ".ts", ".built"))] == []


def test_the_wheel_carries_the_sources_of_every_bridge_and_no_tests(wheel: zipfile.ZipFile, root: Path) -> None:
    names = wheel.namelist()
    carried = {name for name in names if name.startswith("polystep/_bridges/node/src/")}
    sources = {path.relative_to(root / "bridges" / "node") for path in (root / "bridges" / "node" / "src").rglob("*")}
    wanted = {path for path in sources if path.suffix and "tests" not in path.parts and ".test." not in path.name}
    assert carried == {f"polystep/_bridges/node/{path.as_posix()}" for path in wanted}
    assert {"polystep/_bridges/ruby/runner.rb", "polystep/_bridges/python/launch.py"} <= set(names)
    ours = [name for name in names if not name.startswith("polystep/cli/templates/")]  # new projects bring their tests
    assert [name for name in ours if "/tests/" in name or ".test." in name or "/test_" in name] == []
    assert [name for name in names if "node_modules" in name or "__pycache__" in name] == []
    assert len(names) == len(set(names))


def test_the_wheel_carries_a_lock_of_the_node_bridge_that_is_the_workspaces(wheel: zipfile.ZipFile, root: Path) -> None:
    lock = json.loads(wheel.read("polystep/_bridges/node/package-lock.json"))["packages"]
    package = json.loads(wheel.read("polystep/_bridges/node/package.json"))
    assert lock[""]["dependencies"] == package["dependencies"]
    workspace = json.loads((root / "package-lock.json").read_text())["packages"]
    names = {name.removeprefix("node_modules/") for name in lock if name}
    assert {*package["dependencies"], "esbuild", "@esbuild/linux-x64", "@esbuild/darwin-arm64"} <= names
    for name, locked in lock.items():
        if name:
            assert locked["integrity"].startswith("sha512-")
            assert locked["version"] == workspace[name]["version"]
