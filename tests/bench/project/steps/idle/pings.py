"""Milliseconds from just before an emit to the start of the handler; the steps of a language share their process."""

delays_ms = []
