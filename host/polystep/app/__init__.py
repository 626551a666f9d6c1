"""Composition of one running project: builds the rooms of one project, joins them, starts and stops them in order."""

from polystep.app.backups import Backup, back_up, read_backup, restore
from polystep.app.bundles import Built, build_bundle
from polystep.app.commands import SHIPPED, prepare_runners, project_sources, shipped_command
from polystep.app.folder import ProjectFolder, RunningHost
from polystep.app.host import Host
from polystep.app.options import HostOptions
from polystep.codegen import first_type_files
from polystep.console import Console, JsonLines, has_colours, terminal_json, terminal_text
from polystep.discovery import SOURCE_FOLDERS
from polystep.project import (
    Checked,
    Settings,
    SettingSources,
    SourcedSetting,
    check_project,
    describe_asyncapi,
    describe_openapi,
    generate_types,
    load_flow,
    read_settings,
    settings_schema,
)

__all__ = [
    "SHIPPED",
    "SOURCE_FOLDERS",
    "Backup",
    "Built",
    "Checked",
    "Console",
    "Host",
    "HostOptions",
    "JsonLines",
    "ProjectFolder",
    "RunningHost",
    "SettingSources",
    "Settings",
    "SourcedSetting",
    "back_up",
    "build_bundle",
    "check_project",
    "describe_asyncapi",
    "describe_openapi",
    "first_type_files",
    "generate_types",
    "has_colours",
    "load_flow",
    "prepare_runners",
    "project_sources",
    "read_backup",
    "read_settings",
    "restore",
    "settings_schema",
    "shipped_command",
    "terminal_json",
    "terminal_text",
]
