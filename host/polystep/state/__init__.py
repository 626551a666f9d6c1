"""Shared key-value state in groups, the same from every language."""

from polystep.state.state import State

__all__ = ["State"]
