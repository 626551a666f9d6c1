"""A stream of any objects."""

config = {"name": "live", "schema": {"type": "object"}}
