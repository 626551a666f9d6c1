"""Title, version and description of the project in a document."""

from __future__ import annotations

from dataclasses import dataclass

from polystep.contracts.values import JSONObject


@dataclass(frozen=True, slots=True)
class ProjectInformation:
    """Texts of the project about itself."""

    title: str
    version: str = "0.0.0"
    description: str | None = None

    def to_json(self) -> JSONObject:
        """Return the Info Object of both specifications."""
        described: JSONObject = {} if self.description is None else {"description": self.description}
        return {"title": self.title, "version": self.version, **described}
