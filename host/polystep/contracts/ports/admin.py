"""Port of the admin API: the operations on a running project, as a transport sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from polystep.contracts.ports.live import LiveFeed
from polystep.contracts.values import JSONObject, JSONValue


class AdminOperation(Protocol):
    """One operation."""

    @property
    def name(self) -> str:
        """Name, unique among all operations."""
        ...

    @property
    def method(self) -> str:
        """HTTP method: GET for what only reads."""
        ...

    @property
    def path(self) -> str:
        """Path behind `/__polystep/api/`; `{name}` is one segment, and the parameter of that name."""
        ...

    @property
    def takes_body(self) -> bool:
        """Parameters may come in a JSON body."""
        ...

    async def call(self, given: Mapping[str, JSONValue]) -> JSONObject | None:
        """Carry the operation out.

        Args:
            given: Parameters by name. Texts, as they stand in a path or a query, count as numbers and booleans too.

        Returns:
            The result; `None` when the thing that it is about does not exist.

        Raises:
            OperationRefused: It cannot be carried out like this.
        """
        ...


class Admin(Protocol):
    """Operations that can be asked of a running project."""

    @property
    def operations(self) -> Sequence[AdminOperation]:
        """All operations, in the order in which they are documented."""
        ...

    @property
    def live(self) -> LiveFeed:
        """The feed of changes."""
        ...

    async def health(self) -> JSONObject:
        """`{status: "starting"|"ready"|"degraded"|"unavailable", version, failing: [{file, message}], ...}`."""
        ...

    def openapi(self) -> JSONObject:
        """Describe the operations as an OpenAPI 3.1 document."""
        ...
