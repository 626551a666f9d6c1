"""The polystep host: runs a folder of steps in several languages as one durable backend."""

__version__ = "0.1.0"
