"""What a document says of the project as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from polystep.contracts.values import JSONObject


@dataclass(frozen=True, slots=True)
class ProjectInformation:
    """The project's own words."""

    title: str
    version: str = "0.0.0"
    description: str | None = None

    def to_json(self) -> JSONObject:
        """The Info Object of both specifications."""
        described: JSONObject = {} if self.description is None else {"description": self.description}
        return {"title": self.title, "version": self.version, **described}
