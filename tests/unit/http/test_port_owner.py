"""Who has a port, and which one is taken instead."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from polystep.contracts.addresses import AddressUnavailable
from polystep.http.listening import PortTaken, listen, listen_near
from polystep.http.port_owner import PortOwner, port_owner

LISTEN = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")


@contextmanager
def listening(folder: Path, *arguments: str) -> Iterator[tuple[int, int]]:
    """Another process that listens; its port and its id."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN, *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
        process.communicate("\n")


def announce(project: Path, pid: int) -> None:
    (project / ".polystep").mkdir(parents=True)
    (project / ".polystep" / "host.json").write_text(json.dumps({"url": "", "pid": pid}))


def test_a_program_is_named_with_its_process(tmp_path: Path) -> None:
    with listening(tmp_path) as (port, pid):
        owner = port_owner(port)
        assert (owner.pid, owner.project) == (pid, None)
        assert str(owner) == f"{Path(f'/proc/{pid}/comm').read_text().strip()} (process {pid})"


@pytest.mark.parametrize("arguments", [[], ["--project", "shop"], ["--project=shop"]])
def test_a_host_is_named_with_its_project(tmp_path: Path, arguments: list[str]) -> None:
    project = tmp_path / "shop" if arguments else tmp_path
    project.mkdir(exist_ok=True)
    with listening(tmp_path, *arguments) as (port, pid):
        announce(project, pid)
        assert port_owner(port) == PortOwner(port_owner(port).name, pid, project)
        assert str(port_owner(port)) == f"the polystep of {project} (process {pid})"


def test_an_announcement_of_another_process_counts_for_nothing(tmp_path: Path) -> None:
    with listening(tmp_path) as (port, pid):
        announce(tmp_path, pid + 1)
        assert port_owner(port).project is None


def test_a_free_port_is_nobodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert str(port_owner(port)) == "another program"


def test_the_next_free_port_is_taken_and_the_owner_of_the_first_is_said() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(listen("127.0.0.1", 0))
        port = first.getsockname()[1]
        taken, owner = listen_near("127.0.0.1", port, 100)
        stack.enter_context(taken)
        assert port < taken.getsockname()[1] < port + 100
        assert owner is not None and owner.pid == os.getpid()
        free, nobody = listen_near("127.0.0.1", 0, 100)
        stack.enter_context(free)
        assert nobody is None
        with pytest.raises(PortTaken) as refused:
            listen_near("127.0.0.1", port, 1)
        assert refused.value.message == f"Port {port} on 127.0.0.1 is in use by {owner}."


def test_the_refusal_says_how_to_stop_a_host() -> None:
    refused = PortTaken("127.0.0.1", 3000, PortOwner("polystep", 7, Path("/shop")))
    assert isinstance(refused, AddressUnavailable)
    assert str(refused) == (
        "Port 3000 on 127.0.0.1 is in use by the polystep of /shop (process 7). "
        "Stop it (polystep stop --project /shop), or choose another port with --port, such as --port 3001."
    )
