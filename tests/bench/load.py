"""Load on an HTTP server, from `wrk`: it takes a few microseconds a request, so it is not what is measured."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from dataclasses import dataclass
from typing import Any, Final

_SCRIPT: Final = """
wrk.method = %(method)s
wrk.headers["Content-Type"] = "application/json"
wrk.body = %(body)s
done = function(summary, latency)
  io.write(string.format(
    '\\n{"requests": %%d, "micros": %%d, "bad": %%d, "broken": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


class LoadFailed(Exception):
    """The server refused requests, or `wrk` is missing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What `wrk` saw."""

    requests: int
    wall_s: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Requests per second."""
        return self.requests / self.wall_s


async def send_load(url: str, clients: int, *, for_s: float, method: str = "GET", body: object = None) -> Load:
    """Keep `clients` connections busy for a time of whole seconds.

    Raises:
        LoadFailed: An answer was no 2xx or 3xx, a connection broke, or `wrk` is not installed.
    """
    text = "" if body is None else json.dumps(body)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % {"method": json.dumps(method), "body": json.dumps(text)})
        script.flush()
        try:
            # One thread is enough for 50,000 requests a second.
            process = await asyncio.create_subprocess_exec(
                *("wrk", "-t1", f"-c{clients}", f"-d{round(for_s)}s", "--timeout", "30s", "-s", script.name, url),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise LoadFailed("wrk is missing. Install it (Debian, Ubuntu: apt-get install wrk).") from None
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    said = output.decode(errors="replace")
    found: dict[str, Any] = next((json.loads(line) for line in said.splitlines() if line.startswith("{")), {})
    if not found or found["bad"] or found["broken"]:
        raise LoadFailed(f"{method} {url}, {clients} clients: {said.strip()[-600:]}")
    return Load(found["requests"], found["micros"] / 1e6, found["p50"] / 1e3, found["p99"] / 1e3)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies; nearest rank."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * share) - 1, 0)]
