import asyncio
from typing import Any

import pytest

CONFIG = 'config = {"type": "event", "name": "A"}\n'


def step(text: str) -> dict[str, str]:
    return {"steps/a_step.py": CONFIG + text}


def seen(host: Any, **wanted: Any) -> list[tuple[str, str]]:
    return [(line["level"], line["message"]) for line in host.logs(**wanted)]


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_what_a_handler_prints_is_a_line_of_its_run(start: Any, kind: str) -> None:
    host = await start(
        step(f"""
import sys, threading
{kind} handler(input, context):
    print("one", end=" ")
    print("line")
    print("to stderr", file=sys.stderr)
    print("two\\nlines\\r")
    print()
    print("bad \\ud800 half")
    sys.stdout.buffer.write(b"bytes \\xff\\n")
    print("no end", end="")
    print("no end either", end="", file=sys.stderr)
    return sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty()
""")
    )
    assert await host.load_and_run("steps/a_step.py", run="r") == [1, 2, False]
    assert seen(host, run="r", source="output") == [
        ("info", "one line"),
        ("warn", "to stderr"),
        ("info", "two"),
        ("info", "lines"),
        ("info", ""),
        ("info", "bad \\ud800 half"),
        ("info", "bytes �"),
        ("info", "no end"),
        ("warn", "no end either"),
    ]
    assert len(host.logs()) == 9


async def test_lines_of_runs_that_overlap_stay_apart(start: Any) -> None:
    host = await start(
        step("""
async def handler(input, context):
    print(input, end=" ")
    await context.state.get("g", "k")
    print("again")
""")
    )
    gate = asyncio.Event()
    host.answer = lambda method, params: gate.wait()
    await host.load("steps/a_step.py")
    runs = [asyncio.create_task(host.run("steps/a_step.py", f"in {n}", run=f"r{n}")) for n in range(3)]
    await host.until(lambda: len(host.calls) == 3)
    gate.set()
    await asyncio.gather(*runs)
    assert [seen(host, run=f"r{n}") for n in range(3)] == [[("info", f"in {n} again")] for n in range(3)]


async def test_threads_of_a_handler_may_print(start: Any) -> None:
    host = await start(
        step("""
import asyncio, contextvars, threading
async def handler(input, context):
    await asyncio.gather(*(asyncio.to_thread(print, "line", n) for n in range(20)))
    outside = threading.Thread(target=print, args=("no run",))
    outside.start()
    await asyncio.to_thread(outside.join)
""")
    )
    await host.load_and_run("steps/a_step.py", run="r")
    assert sorted(seen(host, run="r")) == sorted(("info", f"line {n}") for n in range(20))
    assert seen(host, run=None) == [("info", "no run")]


async def test_what_outlives_its_run_prints_for_no_run(start: Any) -> None:
    host = await start(
        step("""
import asyncio
tasks = []
async def late(gate):
    await gate.wait()
    print("late")
async def handler(input, context):
    if tasks:
        tasks[0][0].set()
        await tasks[0][1]
    else:
        gate = asyncio.Event()
        tasks.append((gate, asyncio.create_task(late(gate))))
""")
    )
    await host.load_and_run("steps/a_step.py", run="first")
    await host.run("steps/a_step.py", run="second")
    (line,) = host.logs()
    assert (line["message"], "run" in line) == ("late", False)


async def test_long_lines_are_cut_into_pieces(start: Any) -> None:
    host = await start(step("async def handler(input, context):\n    print('x' * 40_000)\n    print('y' * 16_384)"))
    await host.load_and_run("steps/a_step.py")
    assert [len(line["message"]) for line in host.logs()] == [16_384, 16_384, 7_232, 16_384, 0]


async def test_what_is_printed_while_a_file_loads_belongs_to_no_run(start: Any) -> None:
    host = await start(step("print('loading', end='')"))
    await host.load("steps/a_step.py")
    (line,) = host.logs()
    assert (line["message"], "run" in line) == ("loading", False)


async def test_records_of_the_logging_package_are_log_lines(start: Any) -> None:
    host = await start(
        step("""
import logging, warnings
log = logging.getLogger("shop.orders")
async def handler(input, context):
    logging.basicConfig(level=logging.DEBUG)
    log.debug("below the default level")
    log.info("took %d s", 3)
    log.warning("slow")
    log.critical("down")
    log.info("bad %d", "format")
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("caught")
    warnings.warn("old spelling")
""")
    )
    await host.load_and_run("steps/a_step.py", run="r")
    lines = host.logs(run="r", source="logger")
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "took 3 s"),
        ("warn", "slow"),
        ("error", "down"),
        ("error", "caught"),
    ]
    assert {line["fields"]["logger"] for line in lines} == {"shop.orders"}
    assert lines[-1]["fields"]["error"]["name"] == "ZeroDivisionError"
    printed = " ".join(message for _, message in seen(host, source="output"))
    assert ("old spelling" in printed, "--- Logging error ---" in printed) == (True, True)


async def test_a_task_that_nobody_retrieves_is_reported_once(start: Any) -> None:
    host = await start(
        step("""
import asyncio, gc
async def fail(): raise ValueError("lost")
async def handler(input, context):
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
""")
    )
    await host.load_and_run("steps/a_step.py")
    (line,) = host.logs(level="error")
    assert (line["fields"]["logger"], line["fields"]["error"]["message"]) == ("asyncio", "lost")


async def test_a_flood_of_lines_is_bounded_and_counted(start: Any) -> None:
    host = await start(
        step("""
import os
async def handler(input, context):
    for number in range(3000):
        context.logger.info("x" * 16_000)
    os.write(1, b"logged")
    return number
""")
    )
    await host.load("steps/a_step.py")
    host.pause()
    running = asyncio.create_task(host.run("steps/a_step.py"))
    await host.until(lambda: host.user_text() == "logged")
    host.resume()
    assert await running == 2999
    lines = len(host.logs(level="info"))
    assert 500 < lines < 3000
    await host.run("steps/a_step.py")
    assert host.logs(level="warn")[0]["message"].startswith(f"{3000 - lines} log lines were dropped")
