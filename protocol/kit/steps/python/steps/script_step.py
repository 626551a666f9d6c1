"""Does what its input says, one operation after the other: see the table of operations in the kit's README."""

import asyncio
import os
import signal
import subprocess
import sys

from steps.natives import NATIVES

config = {"type": "event", "name": "Script", "subscribes": ["script"], "emits": []}

_PARAMETERS = {
    "get": ("group", "key"),
    "set": ("group", "key", "value"),
    "delete": ("group", "key"),
    "update": ("group", "key", "ops"),
    "get_group": ("group",),
    "clear": ("group",),
}


class Odd(BaseException):
    """Nothing that ordinary code expects to be raised."""


async def handler(input, context):
    """Execute the operations; give the list of their values, or what one of them returns."""
    body = input.get("body")
    script = Script(input, context)
    for operation in body["ops"] if isinstance(body, dict) and "ops" in body else input["ops"]:
        await getattr(script, f"do_{operation['do']}")(operation)
        if script.is_over:
            return script.result
    return script.values


async def _items(operation):
    try:
        for item in operation["items"]:
            yield item
        if "native" in operation:
            yield NATIVES[operation["native"]]()
        if "raises" in operation:
            raise RuntimeError(operation["raises"])
    finally:
        if "says" in operation:
            print(operation["says"])


class Script:
    """One list of operations. An operation `x` is the method `do_x`."""

    def __init__(self, input, context):
        self.input, self.context = input, context
        self.values = []
        self.is_over = False
        self.result = None
        self._caught = None
        self._background = set()

    def _end(self, result):
        self.is_over, self.result = True, result

    async def do_return(self, operation):  # noqa: D102 - the table says what each does
        self._end(operation["value"])

    async def do_nothing(self, operation):  # noqa: D102
        self._end(None)

    async def do_input(self, operation):  # noqa: D102
        self._end(self.input)

    async def do_stream(self, operation):  # noqa: D102
        head = {name: operation[name] for name in ("status", "headers") if name in operation}
        self._end({**head, "body": _items(operation)})

    async def do_native(self, operation):  # noqa: D102
        self._end(NATIVES[operation["name"]]())

    async def do_context(self, operation):  # noqa: D102
        self.values.append(getattr(self.context, operation["member"]))

    async def do_call(self, operation):  # noqa: D102
        args = dict(operation["args"])
        if "times" in operation:
            args["data"] *= operation["times"]
        call = self._start(operation["method"], args, operation.get("native"))
        if operation.get("unawaited"):
            return
        try:
            self.values.append(await call)
        except Exception as error:
            if not operation.get("catch"):
                raise
            self._caught = error
            self.values.append({name: getattr(error, name, None) for name in ("name", "message", "code", "data")})

    def _start(self, method, args, native):
        room, _, verb = method.partition(".")
        if native is not None and verb == "send":
            args["event"] = {**args["event"], "data": NATIVES[native]()}
        elif native is not None:
            args["value" if method == "state.set" else "data"] = NATIVES[native]()
        if method == "emit.cancel":
            return self.context.emit.cancel(args["topic"], args["id"])
        if method == "emit":
            return self.context.emit(args)
        if verb == "page":
            target = self.context.state if room == "state" else self.context.streams[args["stream"]]
            named = {name: args.get(name) for name in ("cursor", "limit")}
            return target.get_group(args["group"], **named, keys_only=args.get("only") == "keys")
        if room == "state":
            return getattr(self.context.state, verb)(*(args.get(name) for name in _PARAMETERS[verb]))
        stream = self.context.streams[args["stream"]]
        if verb == "send":
            return stream.send({"groupId": args.get("group"), "id": args.get("id")}, args.get("event"))
        given = {"key": args.get("id"), "value": args.get("data"), "group": args.get("group")}
        return getattr(stream, verb)(*(given[name] for name in _PARAMETERS[verb]))

    async def do_once(self, operation):  # noqa: D102
        calls = 0

        async def work():
            nonlocal calls
            calls += 1
            self.values.append(f"called {operation['key']}")
            if "sleeps" in operation:
                await self.context.sleep("inner", operation["sleeps"])
            if "inner" in operation:
                await self.context.once("inner", lambda: None, **operation["inner"])
            if "raises" in operation and calls <= operation.get("times", calls):
                raise RuntimeError(operation["raises"])
            return operation["value"]

        try:
            self.values.append(await self.context.once(operation["key"], work, **operation.get("options", {})))
        except Exception as error:
            if not operation.get("catch"):
                raise
            self.values.append({name: getattr(error, name, None) for name in ("name", "message", "code", "data")})

    async def do_sleep(self, operation):  # noqa: D102
        try:
            await self.context.sleep(operation["key"], operation["duration"])
            self.values.append("awake")
        except Exception:
            if not operation.get("catch"):
                raise
            self.values.append("swallowed")

    async def do_ask(self, operation):  # noqa: D102
        answer = await self.context.ask(operation["key"], **operation["options"])
        self.values.append({"status": answer.status, "value": answer.value})

    async def do_wait_for(self, operation):  # noqa: D102
        wanted = operation["wanted"]
        if isinstance(wanted, list):
            taken = await self.context.wait_for(operation["key"], wanted, **operation["options"])
        else:
            taken = await self.context.wait_for(operation["key"], **wanted)
        self.values.append(taken)

    async def do_call_step(self, operation):  # noqa: D102
        given = [operation[name] for name in ("key", "step", "input")]
        try:
            self.values.append(await self.context.call(*given, **operation["options"]))
        except Exception as error:
            if not operation.get("catch"):
                raise
            self.values.append({name: getattr(error, name, None) for name in ("name", "message", "code", "data")})

    async def do_callback(self, operation):  # noqa: D102
        hook = await self.context.callback(operation["key"], **operation["options"])
        answer = await hook
        shown = {"status": answer.status, "value": answer.value}
        self.values.append({"id": hook.id, "url": hook.url, "answer": shown})

    async def do_answer(self, operation):  # noqa: D102
        try:
            await self.context.answer(operation["id"], operation["value"])
            self.values.append("answered")
        except Exception as error:
            if not operation.get("catch"):
                raise
            self.values.append({name: getattr(error, name, None) for name in ("name", "message", "code", "data")})

    async def do_raise(self, operation):  # noqa: D102
        error = RuntimeError(operation["message"])
        for name in ("retryable", "retry_after"):
            if name in operation:
                setattr(error, name, operation[name])
        raise error

    async def do_raise_odd(self, operation):  # noqa: D102
        raise Odd("odd")

    async def do_reraise(self, operation):  # noqa: D102
        raise self._caught

    async def do_log(self, operation):  # noqa: D102
        fields = operation.get("fields")
        if operation.get("native") is not None:
            fields = {**(fields or {}), "value": NATIVES[operation["native"]]()}
        getattr(self.context.logger, operation["level"])(operation["message"], fields)

    async def do_print(self, operation):  # noqa: D102
        print(operation["text"])

    async def do_print_part(self, operation):  # noqa: D102
        print(operation["text"], end="")

    async def do_print_error(self, operation):  # noqa: D102
        print(operation["text"], file=sys.stderr)

    async def do_write(self, operation):  # noqa: D102
        os.write(1, f"{operation['text']}\n".encode())

    async def do_read(self, operation):  # noqa: D102
        try:
            self.values.append(os.read(0, 1024).decode())
        except OSError:  # closed, or nothing there
            self.values.append("")

    async def do_spawn(self, operation):  # noqa: D102
        await (await asyncio.create_subprocess_exec("printf", "%s\n", operation["text"])).wait()

    async def do_child_environment(self, operation):  # noqa: D102
        self.values.append(_output("sh", "-c", 'printf %s "$POLYSTEP_CHANNEL"') or None)

    async def do_child_descriptors(self, operation):  # noqa: D102
        self.values.append(_output("ls", "-l", "/proc/self/fd"))

    async def do_exit(self, operation):  # noqa: D102
        sys.exit(operation["status"])

    async def do_loop(self, operation):  # noqa: D102
        while True:
            pass

    async def do_wait(self, operation):  # noqa: D102
        await asyncio.Event().wait()

    async def do_fail_later(self, operation):  # noqa: D102
        async def fail():
            raise RuntimeError("nobody awaits this")

        self._background.add(asyncio.create_task(fail()))

    async def do_kill(self, operation):  # noqa: D102
        os.kill(os.getpid(), signal.SIGKILL)


def _output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout
