"""Word to systemd over the socket that it names."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from polystep.cli.systemd import tell_systemd


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(30)
        yield channel


def test_the_state_is_sent_to_the_socket_of_the_variable(tmp_path: Path, heard: socket.socket) -> None:
    assert tell_systemd("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert heard.recv(100) == b"READY=1"


def test_an_abstract_name_is_taken() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("")  # the system chooses an abstract name
        channel.settimeout(30)
        name = channel.getsockname()[1:].decode()
        assert tell_systemd("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert channel.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "relative"])
def test_without_a_socket_nothing_happens(address: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not tell_systemd("READY=1", {"NOTIFY_SOCKET": address})
    assert caplog.records == []


def test_a_socket_that_is_gone_is_logged_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not tell_systemd("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert "cannot be told READY=1" in caplog.text
