"""The Ruby runner: what it needs is found or named, and Ruby's failures are explained."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.contracts.values import JSONObject
from polystep.runners import Launch, RunnerKind, ruby_kind
from polystep.runners.kinds import bridge_folder
from polystep.runners.ruby import explain_ruby_failure


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install_ruby(machine: Path, script: str) -> Path:
    """A `ruby` that counts its calls and does what the script says."""
    ruby = machine / "ruby"
    ruby.write_text(f"#!/bin/sh\necho called >> {machine}/calls\n{script}\n")
    ruby.chmod(0o755)
    return ruby


def calls(machine: Path) -> int:
    return len((machine / "calls").read_text().splitlines())


async def prepare(kind: RunnerKind, project: Path) -> Launch:
    return await kind.prepare(project, lambda _: None)


async def test_a_good_ruby_is_asked_once(machine: Path, tmp_path: Path) -> None:
    ruby, kind = install_ruby(machine, "exit 0"), ruby_kind()
    launch = await prepare(kind, tmp_path)
    assert launch == Launch((str(ruby), str(bridge_folder("ruby") / "runner.rb")))
    assert (await prepare(kind, tmp_path), calls(machine)) == (launch, 1)


async def test_a_missing_ruby_says_what_to_install(machine: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed) as refused:
        await prepare(ruby_kind(), tmp_path)
    assert refused.value.message == (
        "Ruby was not found, and this project has Ruby steps. Install it (Debian, Ubuntu: apt install ruby "
        "ruby-msgpack; elsewhere: Ruby 3.1, then gem install msgpack), then save or start again."
    )


async def test_a_missing_library_says_what_to_install_and_is_looked_for_again(machine: Path, tmp_path: Path) -> None:
    kind = ruby_kind()
    install_ruby(machine, "echo 'cannot load such file -- msgpack' >&2; exit 32")
    for _ in range(2):
        with pytest.raises(LoadFailed) as refused:
            await prepare(kind, tmp_path)
        assert "Ruby's msgpack library was not found" in refused.value.message
        assert "cannot load such file -- msgpack" in refused.value.message
        assert "gem install msgpack" in refused.value.message
    assert calls(machine) == 2


async def test_an_old_ruby_is_named_with_its_version(machine: Path, tmp_path: Path) -> None:
    install_ruby(machine, 'case "$2" in print*) echo 2.7.0;; *) exit 31;; esac')
    with pytest.raises(LoadFailed, match=r"Ruby steps need Ruby 3\.1 or newer; .*/ruby is 2\.7\.0\. Install it"):
        await prepare(ruby_kind(), tmp_path)


async def test_the_ruby_of_this_machine_passes(tmp_path: Path) -> None:
    try:
        launch = await prepare(ruby_kind(), tmp_path)
    except LoadFailed as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(error.message)
    assert launch.command[0].endswith("ruby")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"name": "LoadError", "message": "cannot load such file -- nokogiri/xml", "stack": "s"},
            'steps/a_step.rb requires "nokogiri/xml", which Ruby cannot find. Run "gem install nokogiri", then save.',
        ),
        (
            {"name": "LoadError", "message": "cannot load such file -- /shop/lib/prices", "stack": "s"},
            "steps/a_step.rb requires the file lib/prices, which is not there. Check the path and the spelling.",
        ),
        (
            {"name": "LoadError", "message": "wrong ELF class", "stack": "/shop/steps/a_step.rb:2:in `x'"},
            "steps/a_step.rb:2 failed to load: LoadError: wrong ELF class",
        ),
        (
            {"name": "NameError", "message": "undefined x", "stack": "/shop/steps/a_step.rb:7:in `<top>'"},
            "steps/a_step.rb:7 failed to load: NameError: undefined x",
        ),
    ],
)
def test_a_file_that_does_not_load_is_explained(data: JSONObject, said: str) -> None:
    assert explain_ruby_failure(Path("/shop"), "steps/a_step.rb", data) == said
