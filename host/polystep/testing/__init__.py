"""A clock that tests move, and other doubles; never imported by shipped rooms."""

from polystep.testing.clock import FakeClock, SettableClock
from polystep.testing.listener import StreamListener
from polystep.testing.runner import NoRunner
from polystep.testing.turns import until

__all__ = ["FakeClock", "NoRunner", "SettableClock", "StreamListener", "until"]
