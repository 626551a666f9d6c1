"""Stream items and their subscribers: a change is stored, then each subscriber gets it once."""

from polystep.streams.streams import Streams

__all__ = ["Streams"]
