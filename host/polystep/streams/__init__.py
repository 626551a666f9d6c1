"""Stream items and who listens: a change is stored, then told once to each subscriber."""

from polystep.streams.rooms import Rooms
from polystep.streams.streams import Streams

__all__ = ["Rooms", "Streams"]
