"""Ports that the HTTP room is handed: the live project, the caller of `api` steps, compiled schemas, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from polystep.contracts.errors import Issue
from polystep.contracts.request_keys import KeptResponse, KeyedRun
from polystep.contracts.steps import Flow, StepSpec
from polystep.contracts.values import JSONObject, JSONValue


class Validator(Protocol):
    """A compiled JSON Schema."""

    def issues(self, value: object) -> list[Issue]:
        """List where `value` breaks the schema; empty when it fits."""
        ...


class ParameterReader(Protocol):
    """The compiled schema of a query, or of the parameters of a path."""

    def read(self, given: JSONObject) -> tuple[JSONObject, list[Issue]]:
        """Return the strings in the types that the schema asks for, and list where they break it."""
        ...


class ResponseStream(Protocol):
    """HTTP response that a handler sends piece by piece."""

    @property
    def started(self) -> bool:
        """The status is the handler's; no other response can be sent."""
        ...

    @property
    def client_left(self) -> bool:
        """The client closed its connection before the end, or wanted the headers alone."""
        ...

    @property
    def summary(self) -> JSONObject:
        """Return what has been sent: `{status, streamed: {chunks, bytes}}`."""
        ...

    async def start(self, status: JSONValue, headers: JSONValue) -> None:
        """Take status and headers.

        Raises:
            InvalidParams: HTTP cannot carry them, or the response was started before.
        """
        ...

    async def write(self, data: JSONValue) -> None:
        """Send one chunk; returns when the connection has taken it.

        Raises:
            InvalidParams: The response was not started.
            RunCancelled: Nobody reads it any more.
        """
        ...


class StepCaller(Protocol):
    """Caller of `api` steps."""

    async def run_http(
        self,
        step: StepSpec,
        request: JSONObject,
        trace_id: str,
        response: ResponseStream,
        target: str = "",
        keyed: KeyedRun | None = None,
    ) -> JSONObject:
        """Run the handler with the request; returns `{status, headers?, body?}` as the handler gave it.

        `target` is the path with the query as the client sent them, for the trace. With `keyed`, the results of `once`
        are kept and the events are sent once, in all tries of a request with an idempotency key.

        A handler may send its response through `response` instead; then what is returned has no meaning.

        Raises:
            ContractBroken: `http_status` 400, the step's own validation refuses the request; 500, the response does not
                fit what the step declares. Already traced.
            PolystepError: The handler failed, timed out, or its runner died. Already traced and logged.
        """
        ...

    def reject_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, issues: Sequence[Issue], target: str = ""
    ) -> None:
        """Record a request that broke the step's schemas before its handler ran; `target` as of `run_http`."""
        ...

    def replay_http(
        self, step: StepSpec, request: JSONObject, trace_id: str, kept: KeptResponse, target: str = ""
    ) -> None:
        """Record a request that got the response of an earlier one with its key; `target` as of `run_http`."""
        ...

    def response_refused(self, step: StepSpec, trace_id: str, message: str) -> None:
        """Record that a handler's response could not be sent; the client got a 500."""
        ...


class UnloadedView(Protocol):
    """Files that do not load, and runners that do not start; part of `ProjectView`."""

    @property
    def declared(self) -> Flow:
        """Return what is loaded, and what files that do not load at the moment declared last."""
        ...

    @property
    def missing(self) -> Mapping[str, str]:
        """Return runners that have never started, by name, with the reason: any unknown path may be one of theirs."""
        ...

    def unloaded(self, step: StepSpec) -> str | None:
        """Return the reason why a step of `declared` does not run, for its author; `None` when it runs."""
        ...


class ProjectView(UnloadedView, Protocol):
    """Live project, as the HTTP room sees it. Changes with every reload."""

    @property
    def flow(self) -> Flow:
        """Return what is loaded now."""
        ...

    @property
    def revision(self) -> int:
        """Grows with every reload; routes are rebuilt when it changed."""
        ...

    @property
    def ready(self) -> bool:
        """Every step that can load is loaded."""
        ...

    def body_validator(self, step: StepSpec) -> Validator | None:
        """Return the compiled `bodySchema`."""
        ...

    def parameter_readers(self, step: StepSpec) -> Mapping[str, ParameterReader]:
        """Return the compiled `queryParams` and `pathParams`, by these names, without those that are not enforced."""
        ...


class Documents(Protocol):
    """Descriptions of the live project for other tools, as it is at the moment of the call."""

    def openapi(self) -> JSONObject:
        """Describe its routes as an OpenAPI 3.1 document."""
        ...

    def asyncapi(self) -> JSONObject:
        """Describe its topics and streams as an AsyncAPI 3 document."""
        ...
