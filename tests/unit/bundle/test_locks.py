"""Locked packages, as lock files of both languages name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from polystep.bundle import Package, bill_of_materials, fits, is_python_lock, lock_head, names_packages
from polystep.bundle.locks import node_packages, python_list, python_packages
from polystep.contracts.errors import LoadFailed

SHA512 = "sha512-" + "A" * 86 + "=="
ROOT: dict[str, Any] = {"dependencies": {"zod": "^4.1.0"}, "devDependencies": {"tsx": "^4.20.0"}}
LOCK: dict[str, Any] = {
    "lockfileVersion": 3,
    "packages": {
        "": ROOT,
        "launcher": {"name": "polystep-launcher", "version": "1.0.0", "dev": True},
        "node_modules/polystep-launcher": {"resolved": "launcher", "link": True, "dev": True},
        "node_modules/tsx": {"version": "4.20.0", "dev": True},
        "node_modules/zod": {"version": "4.1.2", "integrity": f"{SHA512} md5-AA== sha1-!", "license": "MIT"},
        "node_modules/zod/node_modules/@scope/in": {"version": "1.0.0"},
    },
}
HASH = "0" * 64
PYTHON = f"""# a note
httpx==0.28.1 \\
    --hash=sha256:{HASH}
    # via app
Typing_Extensions==4.12.0 ; python_version < "3.13" --hash=sha256:{HASH} --hash=sha256:{HASH[:-1]}1
uvicorn[standard]==0.30 --hash=sha256:{HASH}
"""


def written(folder: Path, package: object, lock: object = None) -> Path:
    (folder / "package.json").write_text(json.dumps(package))
    if lock is not None:
        (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


def test_packages_of_npm_are_those_that_the_steps_need(tmp_path: Path) -> None:
    zod = Package("npm", "zod", "4.1.2", (("SHA-512", "0" * 128),), "MIT")
    assert node_packages(written(tmp_path, ROOT, LOCK)) == (Package("npm", "@scope/in", "1.0.0"), zod)


@pytest.mark.parametrize("package", [{}, {"devDependencies": {"tsx": "1"}}, {"dependencies": {}}])
def test_a_list_without_packages_needs_no_lock(tmp_path: Path, package: object) -> None:
    assert node_packages(tmp_path) == ()
    assert node_packages(written(tmp_path, package)) == ()


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (None, "there is no package-lock.json. Write it: npm install"),
        ({"lockfileVersion": 1}, "is from npm 6 or older"),
        ({"lockfileVersion": 3, "packages": {"": {"dependencies": {"zod": "^3"}}}}, "does not fit package.json"),
        ([], "package-lock.json is no object"),
    ],
)
def test_a_lock_that_is_missing_or_does_not_fit_stops_the_build(tmp_path: Path, lock: object, message: str) -> None:
    with pytest.raises(LoadFailed, match=message):
        node_packages(written(tmp_path, ROOT, lock))


def test_a_list_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{")
    with pytest.raises(LoadFailed, match=r"package\.json cannot be read"):
        node_packages(tmp_path)


def test_packages_of_python_have_their_hashes(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(PYTHON)
    hashes = (("SHA-256", HASH), ("SHA-256", HASH[:-1] + "1"))
    assert python_packages(lock) == (
        Package("pypi", "httpx", "0.28.1", hashes[:1]),
        Package("pypi", "typing-extensions", "4.12.0", hashes),
        Package("pypi", "uvicorn", "0.30", hashes[:1]),
    )
    assert is_python_lock([lock])
    lock.write_text(PYTHON + "other>=1\n")
    assert not is_python_lock([lock])


def test_the_list_of_python_is_found_as_the_runner_finds_it(tmp_path: Path) -> None:
    assert python_list(tmp_path, None) == ()
    (tmp_path / "pyproject.toml").write_text("")
    assert python_list(tmp_path, None) == (tmp_path / "pyproject.toml",)
    (tmp_path / "uv.lock").write_text("")
    assert python_list(tmp_path, None) == (tmp_path / "pyproject.toml", tmp_path / "uv.lock")
    (tmp_path / "requirements.txt").write_text("# nothing\n\n")
    assert python_list(tmp_path, None) == (tmp_path / "requirements.txt",)
    assert python_list(tmp_path, "pyproject.toml")[0].name == "pyproject.toml"
    assert [names_packages(each) for each in ((), [tmp_path / "requirements.txt"], [tmp_path / "pyproject.toml"])] == [
        False,
        False,
        True,
    ]


def test_a_lock_fits_the_list_that_it_was_made_from(tmp_path: Path) -> None:
    source, lock = tmp_path / "requirements.txt", tmp_path / "requirements.lock"
    source.write_text("httpx\n")
    assert not fits(lock, [source])
    lock.write_text(f"{lock_head([source])}\n{PYTHON}")
    assert fits(lock, [source])
    source.write_text("httpx>=1\n")
    assert not fits(lock, [source])
    source.write_bytes(b"\xff")
    with pytest.raises(LoadFailed, match=r"requirements\.txt cannot be read"):
        names_packages([source])


def test_the_list_of_parts_is_the_same_for_the_same_packages() -> None:
    packages = (
        Package("npm", "@scope/in", "1.0.0+a", (("SHA-512", "ab"),), "(MIT OR Apache-2.0)"),
        Package("pypi", "httpx", "0.28.1", (("SHA-256", "aa"), ("SHA-256", "bb"))),
    )
    bill: Any = bill_of_materials("shop", "1.0.0", "0.1.0", packages)
    assert bill == bill_of_materials("shop", "1.0.0", "0.1.0", packages)
    assert bill["serialNumber"] != bill_of_materials("shop", "1.0.0", "0.1.0", packages[:1])["serialNumber"]
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    first, second = bill["components"]
    assert first == {
        "type": "library",
        "bom-ref": "pkg:npm/%40scope/in@1.0.0%2Ba",
        "name": "@scope/in",
        "version": "1.0.0+a",
        "purl": "pkg:npm/%40scope/in@1.0.0%2Ba",
        "hashes": [{"alg": "SHA-512", "content": "ab"}],
        "licenses": [{"expression": "(MIT OR Apache-2.0)"}],
    }
    assert "hashes" not in second
    assert [each["value"] for each in second["properties"]] == ["aa", "bb"]
    assert bill["dependencies"] == [{"ref": "project", "dependsOn": [first["purl"], second["purl"]]}]
