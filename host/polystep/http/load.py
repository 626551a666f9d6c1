"""Load of the server: numbers of what it holds for its clients at this moment."""

from __future__ import annotations

from polystep.http.admission import Admission
from polystep.http.budget import ByteBudget
from polystep.http.settings import HttpSettings


class Load:
    """The counts of one server; who counts also keeps the bound."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._admissions: dict[str, Admission] = {}
        """By runner, so that the slow steps of one language do not keep those of another waiting."""
        self.budget = ByteBudget(settings.bytes_in_flight_max)
        self.connections = 0
        self.uploads = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return sum(admission.waiting for admission in self._admissions.values())

    def admission(self, runner: str) -> Admission:
        """Return what gives turns to the requests for the steps of a runner."""
        found = self._admissions.get(runner)
        if found is None:
            found = self._admissions[runner] = Admission(self._settings.runs_max, self._settings.turn_wait_s)
        return found
