"""Run a host until a signal ends it: the first asks for a graceful stop, the second ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator

import uvloop

from polystep import __version__
from polystep.app import Console, Host, HostOptions, JsonLines, Settings
from polystep.cli.systemd import tell_systemd
from polystep.contracts.addresses import AddressUnavailable
from polystep.contracts.errors import PolystepError
from polystep.contracts.limits import STOP_GRACE_S

ENDED_AT_ONCE = 130
COLLECT_AFTER_OBJECTS = 20_000

_M_MMAP_THRESHOLD = -3
"""Of glibc's malloc.h."""
_LARGE_BYTES = 256 * 1024
"""From this size on a piece of memory is the system's own, not one of the heap."""

Output = Console | JsonLines


class _ConsoleLog(logging.Handler):
    """Handler that shows the host's own log lines in the same place as everything else."""

    def __init__(self, console: Output) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            first, _, rest = text.partition("\n")
            self._console.error(first, rest)
        elif record.levelno >= logging.WARNING:
            self._console.warning(text)
        else:
            self._console.info(text)


def serve(options: HostOptions, settings: Settings) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        PolystepError: The host could not start.
    """
    console = JsonLines(sys.stdout) if settings.log.format == "json" else Console(sys.stdout)
    try:
        with logging_to(console):
            uvloop.run(_run(options, settings, console))
    except AddressUnavailable as error:
        raise PolystepError(str(error)) from error
    finally:
        console.stop()


@contextlib.contextmanager
def logging_to(console: Output) -> Iterator[None]:
    """Show the host's log lines, and warnings and errors of libraries, which would else go around the console."""
    root, handler = logging.getLogger(), _ConsoleLog(console)
    root.addHandler(handler)
    logging.getLogger("polystep").setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)


async def _run(options: HostOptions, settings: Settings, console: Output) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    began_s = time.monotonic()
    host = Host(options, settings, console, dict(os.environ))

    def on_signal() -> None:
        if stopped.is_set():
            host.stop_now()
            os._exit(ENDED_AT_ONCE)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    starting = asyncio.create_task(host.start(), name="start")
    waiting = asyncio.create_task(stopped.wait(), name="signal")
    try:
        await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            took_s = time.monotonic() - began_s
            if isinstance(console, JsonLines):
                console.info(f"polystep {__version__} is ready at {host.url} after {took_s:.1f} s")
            else:
                _greet(console, host, options, settings, took_s)
            tell_systemd("READY=1")
            _spare_collections()
            _give_memory_back()
            await waiting
            tell_systemd("STOPPING=1")
            console.info(f"Stopping: running handlers get {STOP_GRACE_S:g} s. Ctrl-C again ends at once.")
        else:
            starting.cancel()
    finally:
        for task in (starting, waiting):
            task.cancel()
        # Its failure, if it had one, is on its way to the user already.
        await asyncio.gather(starting, waiting, return_exceptions=True)
        await host.stop()
    console.info("Stopped. Work that was not finished goes on at the next start.")


def _spare_collections() -> None:
    """Collect cycles seldom: references alone free nearly all that events and requests leave behind.

    With Python's usual threshold, 700 objects, a busy host spends a tenth of its time looking for cycles among records
    that wait for the disk. What has been loaded until now is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 50)


def _give_memory_back() -> None:
    """Let the system have large pieces of memory back when they are freed, such as bodies of clients that have left.

    glibc keeps them for later once one was freed, and small objects between them keep them for good.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _greet(console: Console, host: Host, options: HostOptions, settings: Settings, took_s: float) -> None:
    console.line()
    console.line(f"  polystep {__version__}  ready in {took_s:.1f} s")
    console.line(f"  ➜ Steps      {host.url}/")
    if settings.http.docs:
        console.line(f"  ➜ API docs   {host.url}/docs")
    if settings.workbench.is_on(dev=options.dev):
        asks = options.is_public or not options.dev
        console.line(f"  ➜ Workbench  {host.admin_url}{'  (asks for the token)' if asks else ''}")
    else:
        console.line("  ➜ Workbench  off: polystep.toml turns it on with `[workbench]` and `enabled = true`")
    if options.forgets:
        console.line("  ➜ Forgetting: handlers run again from the top after every `once` and at every wait.")
    if options.dev:
        console.line("  ➜ Watching for changes. Ctrl-C stops.")
    console.line()
