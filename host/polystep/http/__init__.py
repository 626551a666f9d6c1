"""aiohttp: step routes, the admin API, WebSockets, static files and the security defaults."""

from polystep.http.listening import AddressUnavailable
from polystep.http.server import HttpServer
from polystep.http.settings import HttpSettings, is_loopback
from polystep.http.standin import StandInServer

__all__ = ["AddressUnavailable", "HttpServer", "HttpSettings", "StandInServer", "is_loopback"]
