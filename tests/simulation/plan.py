"""Plan of a simulated world: its hosts, its steps and its faults, all drawn from the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.steps import CancelTopic, CronTrigger, EventTrigger, QueuePolicy, SourceFile, StepSpec

FAULTS: Final = (
    "refusals", "kills", "deaths at commits", "stops", "freezes", "jumps", "reloads", "lost calls", "small queues",
    "long handlers", "operators",
)  # fmt: skip
_SOURCE: Final = SourceFile("a.step.ts", "step", "typescript", "node")
CRON: Final = "Cron"
GONE: Final = "gone"
"""Topic whose events cancel runs."""


@dataclass(frozen=True)
class Plan:
    """What a seed has drawn before the world begins."""

    seed: int
    hosts: int
    faults: frozenset[str]
    steps: tuple[StepSpec, ...]
    actions: int
    answer_s: float
    """Longest pause before and after a commit."""
    policies: dict[str, QueuePolicy] = field(default_factory=dict)

    def __str__(self) -> str:
        steps = ", ".join(
            f"{step.name}({step.queue.concurrency} at once, {step.queue.retries_max} retries"
            f"{', fifo' * step.queue.fifo}{f', {step.queue.delay_s} s later' * bool(step.queue.delay_s)}"
            f"{', waits count' * step.queue.count_waiting}{', cancelled' * bool(step.queue.cancel_on)}"
            f"{f', expires after {step.queue.expires_ms} ms' * bool(step.queue.expires_ms)})"
            for step in self.steps
        )
        faults = ", ".join(sorted(self.faults)) or "none"
        return f"seed {self.seed}: {self.hosts} hosts, faults: {faults}; steps: {steps}"


def draw(seed: int) -> Plan:
    """Draw a plan; the same for the same seed."""
    chance = random.Random(f"plan {seed}")
    hosts = chance.choice((1, 1, 1, 1, 1, 2, 2, 3))
    share = chance.choice((0.0, 0.2, 0.4, 0.6))
    faults = {name for name in FAULTS if chance.random() < share}
    if hosts == 1:
        faults.discard("lost calls")
    elif chance.random() < 0.4:
        faults |= {"freezes", "long handlers"}  # so that attempts are superseded while they run
    steps = tuple(_step(chance, f"S{number}") for number in range(chance.randrange(3, 7)))
    policies = {step.name: step.queue for step in steps} | {CRON: QueuePolicy()}
    cron = StepSpec(CRON, "cron", _SOURCE, CronTrigger("* * * * *"), queue=policies[CRON])
    return Plan(
        seed, hosts, frozenset(faults), (*steps, cron), chance.randrange(20, 70), chance.choice((0.002, 0.02)), policies
    )


def _step(chance: random.Random, name: str) -> StepSpec:
    policy = QueuePolicy(
        retries_max=chance.choice((0, 1, 2, 3)),
        concurrency=chance.choice((1, 1, 2, 3, 128)),
        fifo=chance.random() < 0.25,
        delay_s=chance.choice((0.0, 0.0, 0.0, 0.0, 2.5)),
        expires_ms=chance.choice((None, None, None, None, 3000)),
        cancel_on=chance.choice(((),) * 4 + ((CancelTopic(GONE, "k"),),) * 4 + ((CancelTopic(GONE),),)),
        count_waiting=chance.random() < 0.3,
    )
    # A topic that two steps subscribe to, beside one of its own.
    topics = (name, "both") if chance.random() < 0.4 else (name,)
    return StepSpec(name, "event", _SOURCE, EventTrigger(topics), queue=policy)
