"""A deterministic stand-in for an OpenAI-compatible model: samples and tests run without a key or a network."""

from polystep.http.standin.server import StandInServer

__all__ = ["StandInServer"]
