"""The composition root: builds the rooms, answers the runners' calls, starts and stops everything in order."""

from polystep.app.console import Console
from polystep.app.documents import describe_asyncapi, describe_openapi
from polystep.app.folder import ProjectFolder, RunningHost
from polystep.app.host import Host, HostOptions
from polystep.app.loading import load_flow
from polystep.app.settings import Settings, read_settings
from polystep.app.shipped import SHIPPED, shipped_command

__all__ = [
    "SHIPPED",
    "Console",
    "Host",
    "HostOptions",
    "ProjectFolder",
    "RunningHost",
    "Settings",
    "describe_asyncapi",
    "describe_openapi",
    "load_flow",
    "read_settings",
    "shipped_command",
]
