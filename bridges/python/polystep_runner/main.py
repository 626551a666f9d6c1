"""Composes the runner and lives until the host ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from typing import Final, NoReturn

from polystep_runner.channel import take_descriptors
from polystep_runner.outgoing import OutgoingCalls
from polystep_runner.output import Output, keep_channel_from_forks
from polystep_runner.peer import Peer
from polystep_runner.run import Runner

_EXIT_GRACE_S: Final = 2.0
"""After `shutdown`: for the user's atexit functions and threads, before the process ends without them."""


def main() -> NoReturn:
    """Serve the channel that `POLYSTEP_CHANNEL` names; exits with status 0 after `shutdown` or when the host goes."""
    try:
        # Taken out: it is none of the steps' business, nor of the processes that they start.
        reading, writing = take_descriptors(os.environ.pop("POLYSTEP_CHANNEL", "stdio"))
        loop = asyncio.new_event_loop()
        peer = Peer(loop, reading, writing)
        peer.channel.start()
    except OSError as error:
        sys.exit(f"polystep runner: no channel to the host ({error}). This program is started by `polystep dev`.")
    asyncio.set_event_loop(loop)
    output = Output(peer.log)
    outgoing = OutgoingCalls(lambda span: peer.notify("span", span))
    runner = Runner(loop, peer, output, outgoing)
    runner.serve()
    keep_channel_from_forks(reading, writing, output)
    # Ctrl-C reaches every process of a terminal; the host decides what stops. Not SIG_IGN: children would inherit it.
    signal.signal(signal.SIGINT, lambda *_: None)
    while not runner.stopped:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            continue  # a task of user code raised it; who awaits the task gets it too (PS-7.2)
    peer.channel.drain()
    output.release()
    logging.disable()  # tasks that are cut off here are no news
    timer = threading.Timer(_EXIT_GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
    sys.exit(0)
