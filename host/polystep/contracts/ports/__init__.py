"""Ports between rooms. The docstring of a port binds those who implement it."""
