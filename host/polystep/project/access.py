"""Access rules of the project, called in the runner that loaded them. Every failure refuses."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from polystep.contracts.errors import Overloaded, PolystepError, RunnerGone, StepFailed
from polystep.contracts.ids import Ids
from polystep.contracts.limits import ACCESS_RUNS_MAX, ACCESS_TIMEOUT_S, ACCESS_WAITING_MAX
from polystep.contracts.ports.clock import Clock
from polystep.contracts.ports.streams import AccessRefused
from polystep.contracts.steps import Flow, SourceFile
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import Loaded

WARNED_EVERY_S: Final = 1.0
"""Between two console lines about rules that failed: clients decide how often they fail."""
_SECRET_CHARS_MIN: Final = 4
"""Shorter parts of a request are no secrets, and hiding them would make messages unreadable."""
_SECRET_HEADERS: Final = ("authorization", "cookie", "sec-websocket-protocol", "x-api-key")
_FAILED: Final = "Authentication failed"
_UNAVAILABLE: Final = "Authentication unavailable"


class Runner(Protocol):
    """Runner pool, as far as rules need it."""

    async def run(self, params: JSONObject, timeout_s: float) -> JSONValue:
        """Run one function of a loaded file."""
        ...


class AccessRules:
    """Caller of access rules: the port `StreamAccess`. A project without rules pays nothing."""

    def __init__(
        self,
        loaded: Loaded,
        runners: Mapping[str, Runner],
        warn: Callable[[str], None],
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._loaded = loaded
        self._runners = runners
        self._warn = warn
        self._clock = clock
        self._ids = ids
        self._turns = asyncio.Semaphore(ACCESS_RUNS_MAX)
        self._waiting = 0
        self._warned_at_s = float("-inf")
        self._unshown = 0

    async def authenticate(self, headers: JSONObject, url: str) -> JSONValue:
        """Ask `authenticate` of the project.

        Raises:
            AccessRefused: 401 when the rule raised or returned what breaks its `contextSchema`; 503 when it could not
                be asked, or a file that may hold a rule is not loaded.
        """
        flow = self._loaded.flow
        if flow.access_closed:
            if any(each.kind == "access" for each in flow.findings):
                self._report("A WebSocket was refused", flow.access_closed)
            raise AccessRefused(503, _UNAVAILABLE)
        if flow.access is None:
            return None
        # Taken with the flow: a reload during the run brings a schema of its own.
        validator = self._loaded.validators.access_context
        source = flow.access.source
        try:
            context = await self._ask(source, "streamAuth", "authenticate", {"headers": headers, "url": url})
        except StepFailed as error:
            why = _without_secrets(error.message, headers, url)
            self._report("A WebSocket was refused", f"authenticate of {source.path} raised {why}")
            raise AccessRefused(401, _FAILED) from None
        except PolystepError as error:
            self._report(
                "A WebSocket was refused", f"authenticate of {source.path} could not be asked: {error.message}"
            )
            raise AccessRefused(503, _UNAVAILABLE) from None
        if context is not None and validator is not None and (issues := validator.issues(context)):
            where = "; ".join(f"{'.'.join(map(str, each.path)) or 'it'}: {each.message}" for each in issues[:5])
            where = _without_secrets(where, headers, url)
            self._report(
                "A WebSocket was refused", f"what authenticate of {source.path} returned breaks contextSchema: {where}"
            )
            raise AccessRefused(401, _FAILED)
        return context

    def has_rule(self, stream: str) -> bool:
        """Report whether `authenticate` or the stream's `canAccess` decides about a stream."""
        flow = self._loaded.flow
        spec = flow.streams.get(stream)
        return flow.access is not None or (spec is not None and spec.guarded)

    async def may_join(self, stream: str, group: str, id: str | None, context: JSONValue) -> bool:
        """Ask `canAccess` of a stream; a stream without it may be joined by every open socket."""
        flow = self._loaded.flow
        spec = flow.streams.get(stream)
        if spec is None or flow.access_closed or any(each.source == spec.source for each in flow.failures):
            return False
        if not spec.guarded:
            return True
        subscription: JSONObject = {"groupId": group} if id is None else {"groupId": group, "id": id}
        given: JSONObject = {"subscription": subscription, "context": context}
        try:
            return await self._ask(spec.source, stream, "can_access", given) is True
        except PolystepError as error:
            self._report(f"A join of {stream} was refused", f"canAccess of {spec.source.path}: {error.message}")
            return False

    async def _ask(self, source: SourceFile, step: str, type_: str, given: JSONObject) -> JSONValue:
        """Run a rule (PS-6.6). One that was in a process which another run ended is asked once more.

        Raises:
            PolystepError: It raised, took too long, or its runner is not there.
        """
        trace_id = self._ids.trace()
        run_id = self._ids.run()
        params: JSONObject = {
            "run": f"access-{run_id}",
            "file": source.path,
            "step": step,
            "type": type_,
            "input": given,
            "trace_id": trace_id,
            "traceparent": f"00-{trace_id}-{run_id}-00",
            "attempt": 1,
            "flows": [],
        }
        try:
            async with asyncio.timeout(ACCESS_TIMEOUT_S + 1), self._turn():
                runner = self._runners.get(source.runner)
                if runner is None:
                    raise RunnerGone(f"There is no {source.runner} runner.", {"fault": "own"})
                try:
                    return await runner.run(params, ACCESS_TIMEOUT_S)
                except RunnerGone as gone:
                    if gone.data.get("fault") == "own":
                        raise
                    return await runner.run({**params, "run": f"access-{self._ids.run()}"}, ACCESS_TIMEOUT_S)
        except TimeoutError:
            raise Overloaded(f"It had no answer within {ACCESS_TIMEOUT_S:g} s.") from None

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= ACCESS_WAITING_MAX:
            raise Overloaded(f"{ACCESS_WAITING_MAX} sockets and joins wait for a rule already.")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    def _report(self, what: str, why: str) -> None:
        """Show why something was refused, at most once in `WARNED_EVERY_S`; the next line counts what was left out."""
        now_s = self._clock.monotonic_s()
        if now_s - self._warned_at_s < WARNED_EVERY_S:
            self._unshown += 1
            return
        more = f" ({self._unshown} more refusals were not shown)" if self._unshown else ""
        self._warned_at_s, self._unshown = now_s, 0
        self._warn(f"{what}: {why}{more}")


def unguarded_streams(flow: Flow) -> list[str]:
    """List the streams that no rule guards."""
    return [] if flow.access is not None else sorted(name for name, each in flow.streams.items() if not each.guarded)


def _without_secrets(text: str, headers: JSONObject, url: str) -> str:
    """Hide the client's tokens, cookies and query values: errors of libraries often repeat them."""
    query = urlsplit(url).query
    sent = [value for _, value in parse_qsl(query)] + [part.partition("=")[2] for part in query.split("&")]
    for name in _SECRET_HEADERS:
        sent += re.split(r"[,;=\s]+", str(headers.get(name, "")))
    for secret in sorted({part for part in sent if len(part) >= _SECRET_CHARS_MIN}, key=len, reverse=True):
        # The scheme is a word that messages need.
        if secret.lower() not in ("bearer", "basic", "authorization", "authtoken"):
            text = text.replace(secret, "[hidden]")
    return text
