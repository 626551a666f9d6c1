"""The loaded project and its changes: settings, loading, reloads, watched files, environment, generated types."""

from polystep.project.access import AccessRules, unguarded_streams
from polystep.project.check import Checked, check_project, refuse_broken
from polystep.project.documents import ProjectDocuments, describe_asyncapi, describe_openapi
from polystep.project.edits import Edits
from polystep.project.environment import Environment
from polystep.project.flow_rooms import FlowRooms
from polystep.project.live import LiveProject
from polystep.project.load import Loader, load_flow
from polystep.project.runner_kinds import kinds_of
from polystep.project.setting_sources import SettingSources, SourcedSetting, read_settings
from polystep.project.settings import Settings
from polystep.project.settings_schema import settings_schema
from polystep.project.subscriptions import Subscriptions
from polystep.project.types import TypeWriter, generate_types
from polystep.project.watch import Watcher

__all__ = [
    "AccessRules",
    "Checked",
    "Edits",
    "Environment",
    "FlowRooms",
    "LiveProject",
    "Loader",
    "ProjectDocuments",
    "SettingSources",
    "Settings",
    "SourcedSetting",
    "Subscriptions",
    "TypeWriter",
    "Watcher",
    "check_project",
    "describe_asyncapi",
    "describe_openapi",
    "generate_types",
    "kinds_of",
    "load_flow",
    "read_settings",
    "refuse_broken",
    "settings_schema",
    "unguarded_streams",
]
