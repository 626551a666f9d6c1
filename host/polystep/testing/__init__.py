"""A clock that tests move, and other doubles; never imported by shipped rooms."""

from polystep.testing.clock import FakeClock

__all__ = ["FakeClock"]
