"""Names that both specifications allow as keys, made from names in the project."""

from __future__ import annotations

import re
import unicodedata

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(text: str, otherwise: str) -> str:
    """Keep letters, digits, `.`, `-` and `_` of a name, without accents; `otherwise` when nothing readable remains."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = _OTHER.sub("_", plain).strip("_")
    return plain if re.search(r"[A-Za-z0-9]", plain) else otherwise


class UniqueNames:
    """Set of safe names that are given once: the second of two equal names gets a number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, text: str, otherwise: str = "unnamed") -> str:
        """Return a safe name of `text` that has not been given before."""
        name = base = safe_name(text, otherwise)
        number = 1
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name
