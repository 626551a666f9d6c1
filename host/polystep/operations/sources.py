"""Operation on the text of a step's file, with the feature cards beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from pydantic import Field

from polystep.discovery import Features, read_features
from polystep.operations.operation import Operation, Result
from polystep.operations.queues import StepParams
from polystep.operations.rooms import Rooms

SOURCE_CHARS_MAX: Final = 1_000_000
"""Of a step's file: what is shown of it."""


class LineRange(Result):
    """Lines of a file, from 1."""

    first: int
    last: int


class FeatureCard(Result):
    """Note about lines of a step's file."""

    id: str = Field(description="Empty when the file names none.")
    title: str
    description: str
    lines: list[LineRange]
    link: str | None = Field(description="As it stands in the file: any text.")


class SourceFeatures(Result):
    """Feature cards of a step."""

    file: str = Field(description="JSON file that has them, relative to the project.")
    cards: list[FeatureCard]
    problems: list[str] = Field(description="What is wrong with that file.")


class Source(Result):
    """Text of a step's file."""

    step: str
    file: str
    language: str
    text: str
    cut: bool = Field(description=f"The file has more than {SOURCE_CHARS_MAX} characters.")
    features: SourceFeatures | None = Field(description="Null: no file with feature cards belongs to the step.")


async def step_source(rooms: Rooms, params: StepParams) -> Source | None:
    """Print the text of a step's file."""
    step = rooms.project.declared.steps.get(params.step)
    if step is None:
        return None
    found = await asyncio.to_thread(_read, rooms.place.root, step.source.path)
    if found is None:
        return None
    text, features = found
    return Source(
        step=step.name,
        file=step.source.path,
        language=step.source.language,
        text=text[:SOURCE_CHARS_MAX],
        cut=len(text) > SOURCE_CHARS_MAX,
        features=None if features is None else _features(features),
    )


def _read(project: Path, file: str) -> tuple[str, Features | None] | None:
    try:
        with (project / file).open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(SOURCE_CHARS_MAX + 1)
    except OSError:
        return None
    lines = None if len(text) > SOURCE_CHARS_MAX else text.count("\n") + (not text.endswith("\n"))
    return text, read_features(project, file, lines)


def _features(found: Features) -> SourceFeatures:
    cards = [
        FeatureCard(
            id=card.id,
            title=card.title,
            description=card.description,
            lines=[LineRange(first=first, last=last) for first, last in card.lines],
            link=card.link,
        )
        for card in found.cards
    ]
    return SourceFeatures(file=found.file, cards=cards, problems=list(found.problems))


OPERATIONS = (Operation("step_source", "GET steps/{step}/source", StepParams, Source, "reads", step_source),)
