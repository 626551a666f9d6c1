"""The composition root: builds the rooms, answers the runners' calls, starts and stops everything in order."""

from polystep.app.checking import Checked, check_project
from polystep.app.console import Console
from polystep.app.declarations import generate_types
from polystep.app.documents import describe_asyncapi, describe_openapi
from polystep.app.folder import ProjectFolder, RunningHost
from polystep.app.host import Host, HostOptions
from polystep.app.loading import load_flow, prepare_runners, project_sources
from polystep.app.settings import Settings, read_settings
from polystep.app.shipped import SHIPPED, shipped_command
from polystep.app.terminal_text import has_colours, terminal_json, terminal_text
from polystep.codegen import first_declarations
from polystep.discovery import SOURCE_FOLDERS

__all__ = [
    "SHIPPED",
    "SOURCE_FOLDERS",
    "Checked",
    "Console",
    "Host",
    "HostOptions",
    "ProjectFolder",
    "RunningHost",
    "Settings",
    "check_project",
    "describe_asyncapi",
    "describe_openapi",
    "first_declarations",
    "generate_types",
    "has_colours",
    "load_flow",
    "prepare_runners",
    "project_sources",
    "read_settings",
    "shipped_command",
    "terminal_json",
    "terminal_text",
]
