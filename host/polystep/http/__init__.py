"""aiohttp: step routes, the admin API, WebSockets, static files and the security defaults."""

from polystep.http.live_client import follow_live
from polystep.http.server import HttpServer, ServedProject, ServedStreams
from polystep.http.settings import HttpSettings

__all__ = ["HttpServer", "HttpSettings", "ServedProject", "ServedStreams", "follow_live"]
