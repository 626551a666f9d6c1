"""Asks: opened by waits of runs, answered by people and other systems."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from polystep.bus import Bus
from polystep.contracts.asks import ASK_PATH, Ask, AskKind, AskSignature, ShownAsk, outcome_of
from polystep.contracts.errors import InvalidParams, InvalidValue
from polystep.contracts.operations import OperationRefused
from polystep.contracts.ports.asks import AskStore
from polystep.contracts.private import project_home, write_private
from polystep.contracts.values import JSONObject, JSONValue
from polystep.discovery import compile_schema
from polystep.execution.held import HeldHandlers
from polystep.execution.journal import schema_of
from polystep.wire import pack, unpack

TITLE_CHARS_MAX: Final = 300
BY_CHARS_MAX: Final = 200
_SECRET_FILE: Final = "asks.secret"
_SECRET_BYTES: Final = 32
_TOKEN_CHARS: Final = 32


class AskLinks:
    """Maker of links that answer one ask each.

    The token in a link is made from the run, the key and a secret of the project, so it is the same in every leg. The
    database holds its hash alone.
    """

    def __init__(
        self, project: Path, base_url: Callable[[], str | None], variables: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        """Make links of a project.

        Args:
            project: Has the secret.
            base_url: Gives the address of links; `None` when links are off.
            variables: Gives those of the runners, among which are secrets of other systems.
        """
        self._project = project
        self._base_url = base_url
        self._secret: bytes | None = None
        self.variables = variables

    @property
    def are_on(self) -> bool:
        """Links are served."""
        return self._base_url() is not None

    def token(self, run_id: str, key: str) -> str:
        """Return the token of an ask: 128 bits as hex digits."""
        return hmac.new(self._read_secret(), f"{run_id}:{key}".encode(), hashlib.sha256).hexdigest()[:_TOKEN_CHARS]

    def url(self, token: str) -> str | None:
        """Return the link with a token; `None` when links are off."""
        base = self._base_url()
        return None if base is None else f"{base.rstrip('/')}{ASK_PATH}{token}"

    def _read_secret(self) -> bytes:
        if self._secret is None:
            path = project_home(self._project) / _SECRET_FILE
            secret = path.read_bytes() if path.is_file() else b""
            if len(secret) != _SECRET_BYTES:
                secret = secrets.token_bytes(_SECRET_BYTES)
                write_private(path, secret)
            self._secret = secret
        return self._secret


def token_hash(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def ask_id(run_id: str, key: str) -> str:
    """Return the id of an ask, the same in every leg of its run."""
    return hashlib.sha256(f"ask:{run_id}:{key}".encode()).hexdigest()[:16]


def new_ask(
    kind: AskKind, key: str, params: JSONObject, run: tuple[str, str, str], times: tuple[int, int], token: str
) -> Ask:
    """Read what a handler asks.

    Args:
        kind: Of a person, or of another system.
        key: Of the wait.
        params: `title`, `data`, `schema`, `sensitive`, as the runner sent them.
        run: Run id, trace id, and name of the step.
        times: Unix milliseconds, of the ask and of its end.
        token: Of its link.

    Raises:
        InvalidParams: The title is no text, or the schema no JSON Schema.
    """
    run_id, trace_id, step = run
    title = params.get("title")
    if title is None and kind == "callback":
        title = key
    if not isinstance(title, str) or not title.strip():
        raise InvalidParams(f'ask("{key}") needs a title that says what is asked: {{title: "Send the reply?"}}')
    schema = params.get("schema")
    schema_of(schema, f'{kind}("{key}")')
    return Ask(
        ask_id(run_id, key),
        kind,
        run_id,
        key,
        step,
        trace_id,
        title[:TITLE_CHARS_MAX],
        pack(params.get("data")),
        None if schema is None else json.dumps(schema).encode(),
        times[0],
        times[1],
        token_hash(token),
        params.get("sensitive") is True,
        signature=_signature(kind, key, params),
    )


def _signature(kind: AskKind, key: str, params: JSONObject) -> AskSignature | None:
    verify = params.get("verify")
    if verify is None:
        return None
    header = verify.get("header") if isinstance(verify, dict) else None
    secret_env = verify.get("secretEnv") if isinstance(verify, dict) else None
    if kind != "callback" or not isinstance(header, str) or not isinstance(secret_env, str):
        raise InvalidParams(
            f'`verify` of {kind}("{key}") is for callbacks, and is {{header: "X-Signature", secretEnv: "SECRET"}}: the '
            "header with the HMAC-SHA256 of the body, and the variable with the secret."
        )
    return AskSignature(header, secret_env)


class Asks:
    """Answers asks, and wakes the runs that wait for them."""

    def __init__(self, store: AskStore, bus: Bus, held: HeldHandlers, links: AskLinks) -> None:
        self._store = store
        self._links = links
        self._bus = bus
        self._held = held
        self.changed: Callable[[str], None] = lambda _: None
        """Called with the id of an ask that was opened or closed; set by who shows them."""

    async def listed(self, limit: int, after: tuple[int, str] | None = None) -> Sequence[Ask]:
        """Return open asks, the oldest first."""
        return await self._store.open_asks(limit, after)

    @property
    def has_links(self) -> bool:
        """Asks may be answered by links."""
        return self._links.are_on

    def url(self, ask: Ask) -> str | None:
        """Return the link that answers an ask; `None` when links are off."""
        return self._links.url(self._links.token(ask.run_id, ask.key))

    async def read(self, id: str) -> Ask | None:
        """Return one ask by its id."""
        return await self._store.read(id)

    async def find(self, token: str) -> ShownAsk | None:
        """Return the ask that a link is for."""
        ask = await self._store.find(token_hash(token))
        if ask is None:
            return None
        schema = None if ask.schema is None else json.loads(ask.schema)
        return ShownAsk(ask.id, ask.kind, ask.step, ask.title, unpack(ask.data), schema, ask.due_ms, ask.status)

    async def check_signature(self, token: str, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the HMAC-SHA256 of an answer with that in its header, in hex or base64, after `sha256=` or alone.

        Raises:
            OperationRefused: 401, it is missing or another one; 503, the secret is not set.
        """
        rule = await self._store.signature(token_hash(token))
        if rule is None:
            return
        secret = self._links.variables().get(rule.secret_env)
        if not secret:
            raise OperationRefused(503, "The secret is not set", f"Set {rule.secret_env} where the project runs.")
        made = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        given = headers.get(rule.header, "").removeprefix("sha256=").encode()
        known = (made.hex().encode(), base64.b64encode(made))
        if not any([hmac.compare_digest(given, each) for each in known]):  # noqa: C419 - both, in constant time
            raise OperationRefused(401, "Wrong signature", f"{rule.header} is not the HMAC-SHA256 of the body.")

    async def answer(self, id: str, value: JSONValue, by: str | None) -> Ask:
        """Give the answer to an ask; the same answer may come twice.

        Raises:
            OperationRefused: 400 with `issues`, and the ask stays open; 404 when there is none; 409 when another answer
                came first; 410 when its time is over or it was cancelled.
        """
        ask = await self._found(id)
        if ask.schema is not None:
            schema = compile_schema(json.loads(ask.schema), f'the schema of ask("{ask.key}")')
            if issues := schema.issues(value):
                where = ".".join(map(str, issues[0].path)) or "The answer"
                listed: list[JSONValue] = [issue.to_json() for issue in issues]
                raise OperationRefused(
                    400, "The answer breaks its schema", f"{where}: {issues[0].message}", issues=listed
                )
        try:
            outcome = pack(outcome_of("answered", value))
        except InvalidValue as error:
            raise OperationRefused(400, "The answer cannot be carried", error.message) from error
        return await self._close(ask, outcome, by, is_answer=True)

    async def cancel(self, id: str, by: str | None) -> Ask:
        """Close an ask without an answer; its handler gets the status `cancelled`.

        Raises:
            OperationRefused: 404 when there is none, 409 when it was answered, 410 when its time is over.
        """
        ask = await self._found(id)
        return await self._close(ask, pack(outcome_of("cancelled", None)), by, is_answer=False)

    async def _found(self, id: str) -> Ask:
        ask = await self._store.read(id)
        if ask is None:
            raise _unknown()
        return ask

    async def _close(self, ask: Ask, outcome: bytes, by: str | None, *, is_answer: bool) -> Ask:
        by = None if by is None else by[:BY_CHARS_MAX]
        closed = await self._store.close(ask.id, "answered" if is_answer else "cancelled", outcome, by)
        if closed is None:
            raise _unknown()
        now = closed.ask
        self.changed(ask.id)
        if closed.is_closed_now:
            self._held.wake(now.run_id, now.key)
            if closed.due_step is not None:
                self._bus.suspensions.due(closed.due_step)
            return now
        if now.outcome == outcome:
            return now
        if now.status == "answered":
            raise OperationRefused(
                409,
                "Answered already",
                "Somebody has given another answer; it counts.",
                answeredBy=now.closed_by,
                at=now.closed_at_ms,
            )
        words = "Its time is over." if now.status == "timed_out" else "It was cancelled, or its run has ended."
        raise OperationRefused(410, "Not open any more", words, at=now.closed_at_ms)


def _unknown() -> OperationRefused:
    return OperationRefused(404, "No such ask", "There is none with this id, or it was closed more than a day ago.")
