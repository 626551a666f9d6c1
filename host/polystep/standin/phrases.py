"""Words of the stand-in: short texts by the name of a field, and choices that fit a prompt. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

CANNED: Final = (
    "This is a canned reply from polystep's stand-in model. Set OPENAI_API_KEY to get answers from a real one."
)

_BY_NAME: Final = {
    "category": "general",
    "title": "A stand-in title",
    "subject": "A stand-in subject",
    "name": "Stand-in",
    "email": "stand-in@example.com",
    "url": "https://example.com/",
    "link": "https://example.com/",
    "date": "2025-01-01",
    "language": "en",
    "country": "US",
    "currency": "USD",
    "sentiment": "neutral",
    "tag": "stand-in",
    "id": "stand-in-1",
}

_LEVELS: Final = {
    "none": 0, "lowest": 0, "trivial": 0, "info": 0, "low": 1, "minor": 1, "medium": 2, "moderate": 2, "normal": 2,
    "p2": 2, "high": 3, "major": 3, "p1": 3, "urgent": 4, "critical": 4, "severe": 4, "highest": 4, "blocker": 4,
    "p0": 4,
}  # fmt: skip

_URGENCY: Final = (
    (
        4,
        r"urgent|asap|immediately|outage|is down|are down|critical|emergency|breach|data loss|cannot (?:log|work)",
    ),
    (3, r"error|fail|broken|crash|bug|refund|charged|blocked|not work|can(?:'|\u2019)t|cannot|lost"),
    (1, r"question|wonder|feature|suggest|typo|minor|thank|whenever|how (?:do|can) i"),
)
_MOODS: Final = (
    ("negative", r"angry|terrible|awful|broken|refund|hate|disappoint|unacceptable|bad|fail"),
    ("positive", r"thank|great|love|excellent|happy|awesome|perfect|good"),
)


def text_for(name: str) -> str:
    """Return a short text for a field of this name."""
    lowered = name.lower()
    for word, text in _BY_NAME.items():
        if lowered == word or lowered.endswith(f"_{word}") or name.endswith(word.capitalize()):
            return text
    return f"stand-in {name}" if name else "stand-in text"


def choose(choices: Sequence[T], prompt: str) -> T:
    """Choose by the urgency or mood of a prompt, else a choice that it names, else the same one every time."""
    words = [str(choice).strip().lower() for choice in choices]
    if all(word in _LEVELS for word in words):
        wanted = next((level for level, sign in _URGENCY if re.search(sign, prompt, re.IGNORECASE)), 2)
        return choices[min(range(len(words)), key=lambda at: abs(_LEVELS[words[at]] - wanted))]
    if "negative" in words or "positive" in words:
        mood = next((mood for mood, sign in _MOODS if re.search(sign, prompt, re.IGNORECASE)), "neutral")
        if mood in words:
            return choices[words.index(mood)]
    for at, word in enumerate(words):
        if word and re.search(rf"\b{re.escape(word)}\b", prompt, re.IGNORECASE):
            return choices[at]
    digest = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    return choices[int.from_bytes(digest[:4], "big") % len(choices)]
