"""A step without a handler."""

config = {"type": "noop", "name": "Noop"}
