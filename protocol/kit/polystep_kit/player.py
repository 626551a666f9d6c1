"""Plays one case against a runner: each step sends something, or waits for something and compares."""

from __future__ import annotations

import signal
from typing import Any, Final

from polystep_kit.cases import Case
from polystep_kit.codec import from_json
from polystep_kit.error_table import error_table
from polystep_kit.host import Asked, Call, Failed, PlayedHost
from polystep_kit.patterns import difference, is_same, show
from polystep_kit.steps import ConformanceSteps

TRACE_ID: Final = "0123456789abcdef0123456789abcdef"
_UNKNOWN: Final = (1, True)
"""Of an error that the table does not have (PS-9.5)."""


class Player:
    """The steps of one case, with what they have named so far."""

    def __init__(self, host: PlayedHost, steps: ConformanceSteps, case: Case) -> None:
        self._host = host
        self._files = steps
        self._case = case
        self._asked: dict[str, Asked] = {}
        self._calls: dict[str, Call] = {}
        self._notes_seen = len(host.notes)
        self._runs = 0

    async def play(self) -> None:
        """Play every step.

        Raises:
            Failed: The runner did something else.
        """
        self._host.case = self._case.id
        for step in self._case.steps:
            await self._play(step)
        if self._host.calls:
            call = self._host.calls[0]
            raise Failed(f"it sent a call that nothing asked for: {call.method} {show(call.params)}")
        wrong = [*self._host.faults, self._host.stray()][0]
        if wrong:
            raise Failed(wrong)
        self._host.played.append(self._case.id)

    async def _play(self, step: dict[str, Any]) -> None:
        verb = next(iter(step))
        await getattr(self, f"_do_{verb}")(step[verb], step)

    async def _do_hello(self, changes: dict[str, Any], step: dict[str, Any]) -> None:
        params = self._host.hello(**from_json(changes))
        for name in [name for name, value in changes.items() if value == {"$absent": True}]:
            del params[name]
        self._asked[step.get("as", "h")] = await self._host.ask("hello", params)

    async def _do_load(self, role: str, step: dict[str, Any]) -> None:
        file = self._files.files.get(role, role)
        params = {"file": file, "kind": step.get("kind", "step")}
        self._asked[step.get("as", "l")] = await self._host.ask("step.load", params)

    async def _do_run(self, ops: list[Any], step: dict[str, Any]) -> None:
        self._runs += 1
        type_ = step.get("type", "event")
        given: dict[str, Any] = {"ops": ops}
        if step.get("wrapped"):
            given = {
                "body": given,
                "headers": {"x-test": "1"},
                "pathParams": {"id": "7"},
                "queryParams": {},
                "rawBody": "",
            }
        file = step.get("file", "script")
        params = {
            "run": step.get("named", f"{self._case.id}/{self._runs}"),
            "file": self._files.files.get(file, file),
            "step": "Script",
            "type": type_,
            "input": given,
            "trace_id": TRACE_ID,
            "traceparent": f"00-{TRACE_ID}-0123456789abcdef-01",
            "attempt": 1,
            "timeout_ms": 60_000,
            "flows": ["flow"],
            **step.get("params", {}),
        }
        self._asked[step.get("as", "r")] = await self._host.ask("step.run", from_json(params))

    async def _do_request(self, method: str, step: dict[str, Any]) -> None:
        self._asked[step.get("as", method)] = await self._host.ask(method, from_json(step.get("params", {})))

    async def _do_notify(self, method: Any, step: dict[str, Any]) -> None:
        await self._host.send([2, method, from_json(step.get("params", {}))])

    async def _do_chunks(self, chunks: list[str], step: dict[str, Any]) -> None:
        """Bytes in pieces; `fill` bytes `00` stand behind the last of them."""
        for id in step["ids"]:
            self._asked[f"#{id}"] = self._host.expect(int(id), "")
        for chunk in chunks:
            await self._host.process.write(bytes.fromhex(chunk))
        await self._host.process.write(bytes(step["fill"]))

    async def _do_answer(self, name: str, step: dict[str, Any]) -> None:
        error, result = await self._host.answer(self._asked[name], name)
        if error is not None:
            raise Failed(f"the answer is an error: {said(error)}")
        if "exactly" in step:
            wanted = from_json(step["exactly"])
            reason = None if is_same(result, wanted) else f"the result is {show(result)}, not {show(wanted)}"
        else:
            reason = difference(result, from_json(step["is"]), "the result")
        if reason is not None:
            raise Failed(reason)

    async def _do_error(self, name: str, step: dict[str, Any]) -> None:
        error, result = await self._host.answer(self._asked[name], name)
        if error is None:
            raise Failed(f"the answer is {show(result)}, not the error {step['name']}")
        expected = {member: step[member] for member in ("name", "message", "retryable", "data") if member in step}
        reason = difference(error, from_json(expected), "the error")
        if reason is not None:
            raise Failed(f"{reason}. It is {said(error)}")

    async def _do_either(self, steps: list[dict[str, Any]], step: dict[str, Any]) -> None:
        reasons = []
        for each in steps:
            try:
                await self._play(each)
            except Failed as failed:
                reasons.append(str(failed))
            else:
                return
        raise Failed(" and ".join(reasons))

    async def _do_call(self, method: str, step: dict[str, Any]) -> None:
        call = await self._host.next_call(method)
        reason = difference(call.params, from_json(step.get("params", {})), f"params of {method}")
        if reason is not None:
            raise Failed(reason)
        self._calls[step.get("as", "c")] = call
        if "result" in step:
            await self._host.send([1, call.id, None, from_json(step["result"])])

    async def _do_uncalled(self, method: str, step: dict[str, Any]) -> None:
        await self._do_ping(True, step)
        early = next((call for call in self._host.calls if call.method == method), None)
        if early is not None:
            raise Failed(f"{method} was sent too early: {show(early.params)}")

    async def _do_reply(self, name: str, step: dict[str, Any]) -> None:
        call, error = self._calls[name], step.get("error")
        if error is not None:
            defaults = {
                "code": error_table().get(error["name"], _UNKNOWN)[0],
                "message": "refused",
                "retryable": False,
                "data": {},
            }
            error = {**defaults, **error}
        await self._host.send([1, call.id, error, from_json(step.get("result"))])

    async def _do_reply_raw(self, name: str, step: dict[str, Any]) -> None:
        await self._host.send([1, self._calls[name].id, step["error"], None])

    async def _do_longest(self, given: tuple[str, int], step: dict[str, Any]) -> None:
        """No text in an error is longer than so many characters."""
        name, characters_max = given
        error, _ = await self._host.answer(self._asked[name], name)
        texts = [error.get("message"), error["data"].get("message")] if is_whole(error) else []
        if not texts:
            raise Failed(f"the answer is {show(error)}, not an error with its data (PS-9.1)")
        longest = max(len(str(text)) for text in texts)
        if longest > characters_max:
            raise Failed(f"a text of {longest} characters; at most {characters_max} are allowed")

    async def _do_note(self, method: str, step: dict[str, Any]) -> None:
        expected = from_json(step.get("params", {}))
        what = f"the notification {method} like {show(expected)}"
        await self._host.until(lambda: self._is_noted(method, expected) or None, what)

    def _is_noted(self, method: str, expected: Any) -> bool:
        new = self._host.notes[self._notes_seen :]
        return any(name == method and difference(each, expected, "it") is None for name, each in new)

    async def _do_unanswered(self, name: str, step: dict[str, Any]) -> None:
        await self._do_ping(True, step)
        if self._asked[name].answers:
            error, result = self._asked[name].answers[0]
            raise Failed(f"{name} was answered too early: {show(error or result)}")

    async def _do_noted_before(self, method: str, step: dict[str, Any]) -> None:
        """The notification is there already: it came before what was waited for last."""
        expected = from_json(step.get("params", {}))
        if not self._is_noted(method, expected):
            raise Failed(f"the notification {method} like {show(expected)} did not come before the answer")

    async def _do_ping(self, _: Any, step: dict[str, Any]) -> None:
        """A request that no runner knows: its answer shows that the runner lives and has read everything before it."""
        error, _result = await self._host.answer(await self._host.ask("kit.ping", {}), "a ping: is it still reading?")
        if not isinstance(error, dict) or error.get("name") != "method_not_found":
            raise Failed(f"an unknown request was answered {show(error)}, not the error method_not_found")

    async def _do_close(self, _: Any, step: dict[str, Any]) -> None:
        self._host.process.close()

    async def _do_closed(self, _: Any, step: dict[str, Any]) -> None:
        """Wait until nobody holds the runner's end of the channel any more."""
        await self._host.until(lambda: self._host.process.is_closed or None, "the end of its output")

    async def _do_exit(self, wanted: Any, step: dict[str, Any]) -> None:
        status = await self._host.exit_status()
        if wanted == {"$any": True}:
            return
        if status != wanted and not (wanted == "nonzero" and status > 0):
            raise Failed(f"it exited with status {status}, not {wanted}")

    async def _do_signal(self, name: str, step: dict[str, Any]) -> None:
        self._host.process.send_signal(signal.Signals[name])

    async def _do_stdout(self, text: str, step: dict[str, Any]) -> None:
        """Wait for something that user code wrote to descriptor 1: its own, or where the bridge points it (PS-2.2)."""
        stream = "stderr" if self._case.start.get("channel", "stdio") == "stdio" else "stdout"
        printed = self._host.process.printed
        await self._host.until(lambda: text.encode() in printed[stream] or None, f"{text!r} on {stream}")

    async def _do_stderr(self, _: Any, step: dict[str, Any]) -> None:
        printed = self._host.process.printed
        if not printed["stderr"].strip():
            raise Failed("it said nothing on descriptor 2")

    async def _do_printed(self, text: str, step: dict[str, Any]) -> None:
        """Expect printed text of user code, as a `log` line or on descriptor 1 or 2 (PS-8.8)."""

        def found() -> bool | None:
            printed = self._host.process.printed
            logged = any(name == "log" and text in str(each.get("message")) for name, each in self._host.notes)
            return logged or text.encode() in printed["stdout"] + printed["stderr"] or None

        await self._host.until(found, f"the printed text {text!r}")

    async def _do_oversized_run(self, count: int, step: dict[str, Any]) -> None:
        """A `step.run` whose frame is larger than agreed."""
        padding = {"pad": "x" * count}
        await self._do_run([{"do": "return", "value": 1}], {**step, "params": {**step.get("params", {}), **padding}})


def said(error: Any) -> str:
    """The name and the text of an error, whatever came in its place."""
    return f"{error.get('name')}: {show(error.get('message'))}" if isinstance(error, dict) else f"no map: {show(error)}"


def is_whole(error: Any) -> bool:
    """Report whether an answer is an error with its data."""
    return isinstance(error, dict) and isinstance(error.get("data"), dict)
