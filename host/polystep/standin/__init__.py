"""Deterministic stand-in for an OpenAI-compatible model, so that samples and tests need no key and no network."""

from polystep.standin.server import StandInServer

__all__ = ["StandInServer"]
