"""Faulty frames: every runner and the host's own peer survive what can be attributed and end at what cannot."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from polystep.contracts.errors import InvalidParams, PolystepError, RunnerGone
from polystep.wire.peer import Peer
from polystep_kit.codec import Frames, Malformed, frame, head, pack, unpack
from polystep_kit.fuzz import FuzzReport, fuzz, mutants
from polystep_kit.main import main
from polystep_kit.mutants import FRAME_BYTES_MAX, OWN_IDS_FROM, judged_mutants
from polystep_kit.steps import steps_of
from tests.e2e.tools import need

ROOT = Path(__file__).resolve().parents[2]
FRAMES = int(os.environ.get("POLYSTEP_FUZZ_FRAMES", "20000"))
"""Mutants for the host's peer."""
SEED = 20_240_601
REFERENCE = [sys.executable, "-m", "polystep_kit.reference"]
FRAGILE = [sys.executable, str(Path(__file__).with_name("fragile_runner.py"))]
LOADER = ROOT / "node_modules" / "tsx" / "dist" / "loader.mjs"
COMMANDS = {
    "node": ["node", "--import", LOADER.as_uri(), str(ROOT / "bridges/node/src/main.ts")],
    "python": [sys.executable, str(ROOT / "bridges/python/launch.py")],
    "ruby": ["ruby", str(ROOT / "bridges/ruby/runner.rb")],
}


async def fuzzed(language: str, command: list[str], frames: int) -> FuzzReport:
    steps = steps_of(language)
    with steps.project() as project:
        return await fuzz(command, steps, project, frames=frames, seed=SEED, patience_s=20)


def passed(report: FuzzReport, frames: int) -> bool:
    assert report.failures == []
    return report.frames == frames and report.fatal_frames > frames // 300 and report.messages > frames // 2


# --- Mutants ----------------------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_mutants_and_another_makes_others() -> None:
    made = list(islice(mutants(7), 2000))
    assert made == list(islice(mutants(7), 2000))
    assert len(set(made) & set(islice(mutants(8), 2000))) < 200


def test_mutants_are_of_every_sort_and_none_asks_a_runner_to_end() -> None:
    made = list(islice(mutants(SEED), 20_000))
    kinds = Counter(found and found[0] for found in map(head, made))
    assert kinds.keys() == {0, 1, 2, None}
    assert all(count > 500 for count in kinds.values())
    assert {True, False} == {len(each) > FRAME_BYTES_MAX for each in made if head(each)}
    assert FRAME_BYTES_MAX in {len(each) for each in made}
    assert not any(b"shutdown" in each for each in made)


# --- The host ---------------------------------------------------------------------------------------------------------


class Side:
    """A peer of the host with a writer that keeps what it writes, and calls that wait for answers."""

    def __init__(self) -> None:
        self._written = Frames()
        self.is_closed = False
        self.malformed: list[str] = []
        """What it wrote and must not."""
        self.asked: Counter[int] = Counter()
        self.answered: Counter[int] = Counter()
        methods = {
            "emit": lambda _: None,
            "state.get": lambda params: params,
            "state.set": lambda params: asyncio.sleep(0, params.get("value")),
            "state.clear": refuse,
        }
        self.peer = Peer(methods, {"log": lambda _: None, "span": lambda _: None}, frame_bytes_max=FRAME_BYTES_MAX)
        self.peer.connect(self)
        self.waiting = [self.peer.call("step.run", {"n": number}) for number in range(20)]

    def write(self, data: bytes) -> None:
        for payload in self._written.feed(data):
            kind, id = head(payload) or (None, None)
            if kind == 1 and id is not None:
                self.answered[id] += 1
            try:
                unpack(payload)
            except Malformed as error:
                self.malformed.append(f"{error}: {payload[:60].hex()}")
            if len(payload) > FRAME_BYTES_MAX:
                self.malformed.append(f"{len(payload)} bytes")

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def feed(self, payload: bytes, rng: random.Random) -> None:
        data = frame(payload)
        at = int(rng.random() * len(data))
        self.peer.data_received(data[:at])
        self.peer.data_received(data[at:])


def refuse(_: object) -> None:
    raise InvalidParams("no")


async def settle() -> None:
    """Let futures, then their callbacks, then what those write have their turn."""
    for _ in range(4):
        await asyncio.sleep(0)


async def end(side: Side, fatal: bytes, rng: random.Random) -> None:
    """Until now each request was answered once; the frame closes the peer and fails every call that waits."""
    await settle()
    assert side.malformed == []
    assert side.answered == side.asked
    side.feed(fatal, rng)
    assert side.is_closed, fatal.hex()
    assert all(waiter.exception() is None or isinstance(waiter.exception(), PolystepError) for waiter in side.waiting)
    assert isinstance(side.peer.call("step.run", {}).exception(), RunnerGone)
    side.feed(pack([0, OWN_IDS_FROM, "emit", {}]), rng)
    await settle()
    assert OWN_IDS_FROM not in side.answered


@pytest.mark.timeout(max(120, FRAMES // 500))
async def test_the_host_survives_what_can_be_attributed_and_closes_at_what_cannot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "polystep.wire")
    rng = random.Random(SEED)
    side, fatal_frames = Side(), 0
    for payload, verdict in islice(judged_mutants(SEED, "steps/script.json"), FRAMES):
        if verdict is None:
            await end(side, payload, rng)
            side, fatal_frames = Side(), fatal_frames + 1
            continue
        kind, id = verdict
        if kind == 0 and id is not None:
            side.asked[id] += 1
        side.feed(payload, rng)
        assert not side.is_closed, payload.hex()
    await end(side, b"", rng)
    assert fatal_frames > FRAMES // 50


# --- Runners ----------------------------------------------------------------------------------------------------------


async def test_the_reference_runner_survives() -> None:
    assert passed(await fuzzed("reference", REFERENCE, 5000), 5000)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", list(COMMANDS))
async def test_a_runner_of_this_repository_survives(language: str) -> None:
    if language == "ruby":
        need("install it (Debian, Ubuntu: apt install ruby ruby-msgpack)", "ruby", "-e", "require 'msgpack'")
    assert passed(await fuzzed(language, COMMANDS[language], 3000), 3000)


# --- The fuzzer -------------------------------------------------------------------------------------------------------


async def test_a_fragile_runner_is_found_with_the_smallest_reproduction() -> None:
    report = await fuzzed("reference", FRAGILE, 2000)
    assert report.failures
    first = report.failures[0]
    assert "it ended with status 1" in first.reason
    assert "extension type" in first.reason
    assert first.is_reproduced
    (payload,) = first.reproduction
    assert head(bytes.fromhex(payload)) is not None


def test_the_option_fuzzes_and_its_status_tells(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", str(ROOT / "protocol/kit/steps/reference"), "--seed", "3", "--json"]
    assert main(["--fuzz", "1000", *options, "--", *REFERENCE]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["failures"], report["seed"]) == (1000, [], 3)
    assert main(["--fuzz", "1000", *options[:-1], "--", *FRAGILE]) == 1
    assert "FAILED" in capsys.readouterr().out
