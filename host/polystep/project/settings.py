"""Settings of a project: sections with their settings, their defaults and what is allowed."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from polystep.contracts.limits import (
    BODY_BYTES_MAX,
    BYTES_IN_FLIGHT_MAX,
    QUEUED_BYTES_MAX,
    QUEUED_EVENTS_MAX,
    TRACES_BYTES_MAX,
    UPLOAD_BYTES_MAX,
)
from polystep.contracts.responses import ResponsePolicy
from polystep.runners import node_kind, python_kind, ruby_kind

_RESERVED: Final = frozenset({"typescript", "javascript", "host", "logger", "output"})
"""Names that people would take for something else: languages of shipped runners, and where a log line comes from."""


OWN_PROBLEMS: Final = frozenset({"origin", "host_name", "pattern", "command", "runner_name", "pattern_taken"})
"""Types of the problems that this module finds, and words; the others are worded by `setting_sources`."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _admin_origin(value: str) -> str:
    if value and not re.fullmatch(r"https?://[^\s/?#@]+", value):
        raise PydanticCustomError("origin", 'An origin is a scheme and a name: "https://admin.example.com"')
    return value.lower()


def _origin(value: str) -> str:
    """Check an origin: browsers compare whole texts."""
    if value == "*" or re.fullmatch(
        r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#@*:]+(:\d+)?/?|https?://\[[\da-fA-F:.]+\](:\d+)?/?", value
    ):
        return value
    name = re.sub(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/*|[/?#\s].*$", "", value).rpartition("@")[2] or "app.example.com"
    scheme = value.partition("://")[0] if "://" in value else "https"
    raise PydanticCustomError(
        "origin",
        '"{value}" is no origin: write a scheme and a name, such as "{example}", without a path, wildcard or user',
        {"value": value, "example": f"{scheme}://{name.replace('*.', '')}"},
    )


def _host_name(value: str) -> str:
    if re.search(r"[\s/?#@]", value) or not value:
        raise PydanticCustomError(
            "host_name",
            '"{value}" is no host name: write it without scheme and path, such as "api.example.com"',
            {"value": value},
        )
    return value


class HttpSection(_Section):
    """`[http]`."""

    body_bytes_max: int = Field(default=BODY_BYTES_MAX, gt=0)
    """Largest request body."""
    upload_bytes_max: int = Field(default=UPLOAD_BYTES_MAX, gt=0)
    """Largest `multipart/form-data` body with all its files."""
    bytes_in_flight_max: int = Field(default=BYTES_IN_FLIGHT_MAX, gt=0)
    """Bytes of bodies and answers that are held at once; what is small is not counted."""
    allowed_hosts: tuple[Annotated[str, AfterValidator(_host_name)], ...] = ()
    """Host names, besides the machine's own, that requests may be addressed to."""
    allowed_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    """Origins of web pages that may call the steps and join streams, such as `https://app.example.com`."""
    admin_origin: Annotated[str, AfterValidator(_admin_origin)] = ""
    """Origin of the admin pages on an address that others reach, such as `https://admin.example.com`."""
    case_sensitive_paths: bool = False
    """Take `/Users` and `/users` for two paths; Express, and so Motia, does not."""
    docs: bool = True
    """Serve `/openapi.json`, `/asyncapi.json` and `/docs`."""


class ContractsSection(_Section):
    """`[contracts]`."""

    responses: ResponsePolicy = "warn"
    """`warn`: send a response that breaks its `responseSchema`, and warn. `error`: answer 500. `off`: do not check."""


class StorageSection(_Section):
    """`[storage]`."""

    durability: Literal["full", "process"] = "full"
    """`full`: every write that returned survives a power cut. `process`: it survives a killed process."""


class RunnerSection(_Section):
    """`[runners.node]`, `[runners.python]`, `[runners.ruby]`."""

    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share the runs."""
    memory_mb: int | None = Field(default=None, ge=64)
    """Most memory of a process and of what it has started, in MiB; one over it is replaced."""


class PythonSection(RunnerSection):
    """`[runners.python]`."""

    requirements: str | None = None
    """File with the packages, instead of `requirements.txt` or `pyproject.toml` at the root."""


def _name_endings(value: object) -> tuple[str, ...]:
    """Read one pattern or a list of them."""
    endings = [value] if isinstance(value, str) else value
    if not isinstance(endings, (list, tuple)) or not endings or not all(map(_is_name_ending, endings)):
        raise PydanticCustomError(
            "pattern",
            'A pattern, or a list of them, is how file names end: "_" or ".", a word, an extension: "_step.pl"',
        )
    return tuple(endings)


def _is_name_ending(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[._]\w[\w.-]*\.\w+", value) is not None


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and value and all(isinstance(part, str) and part for part in value):
        return tuple(value)
    raise PydanticCustomError("command", 'A command is a list: the program, then its arguments: ["perl", "runner.pl"]')


_NameEndings = Annotated[tuple[str, ...], PlainValidator(_name_endings, json_schema_input_type=str | list[str])]


class ForeignSection(RunnerSection):
    """`[runners.<name>]`: a runner that is not ours."""

    pattern: _NameEndings
    """Endings of the names of its step files."""
    stream_pattern: _NameEndings = ()
    """Endings of the names of its stream files."""
    command: Annotated[tuple[str, ...], PlainValidator(_command, json_schema_input_type=list[str])]
    """Program and arguments, started in the project's root."""
    channel: Literal["stdio", "private"] = "stdio"
    """Descriptors that it speaks over (PS-2.1)."""


class RunnersSection(_Section):
    """`[runners]`: how the shipped ones run, and runners of others by name."""

    # Every further entry is a runner that is not ours.
    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, ForeignSection] = Field(init=False)

    node: RunnerSection = RunnerSection()
    python: PythonSection = PythonSection()
    ruby: RunnerSection = RunnerSection()

    @property
    def foreign(self) -> dict[str, ForeignSection]:
        """List the runners that are not ours, by name."""
        return self.__pydantic_extra__

    @model_validator(mode="before")
    @classmethod
    def _leave_ours(cls, given: object) -> object:
        for name in cls.model_fields:
            section = given.get(name) if isinstance(given, dict) else None
            if isinstance(section, dict) and not {"pattern", "command"}.isdisjoint(section):
                raise PydanticCustomError(
                    "runner_name", "{name} is a runner of polystep's own; call yours something else", {"name": name}
                )
        return given

    @model_validator(mode="after")
    def _tell_files_apart(self) -> Self:
        """Give each file one runner: no name is one of ours, and no pattern may end another."""
        owners = {
            pattern.suffix: kind.name for kind in (node_kind(), python_kind(), ruby_kind()) for pattern in kind.patterns
        }
        for name, section in self.foreign.items():
            if name in _RESERVED or not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
                raise PydanticCustomError(
                    "runner_name",
                    "{name}: call it something else; a runner's name is a lower-case word such as perl, and not one of "
                    "{reserved}",
                    {"name": name, "reserved": ", ".join(sorted(_RESERVED))},
                )
            for ending in (*section.pattern, *section.stream_pattern):
                for other, owner in owners.items():
                    if ending.endswith(other) or other.endswith(ending):
                        raise PydanticCustomError(
                            "pattern_taken",
                            '{name}: the pattern "{ending}" is taken: files that end in "{other}" belong to {owner}',
                            {"name": name, "ending": ending, "other": other, "owner": owner},
                        )
                owners[ending] = name
        return self


class TraceSection(_Section):
    """`[trace]`."""

    bytes_max: int = Field(default=TRACES_BYTES_MAX, ge=1024 * 1024)
    """Size of the database of traces and logs; beyond it the oldest are removed."""
    redact: tuple[str, ...] = ()
    """Further names whose values are hidden in traces, logs and on the console."""
    reveal: tuple[str, ...] = ()
    """Names whose values are shown though they look like those of secrets."""


class QueuesSection(_Section):
    """`[queues]`: how much may wait for one step."""

    events_max: int = Field(default=QUEUED_EVENTS_MAX, gt=0)
    """Beyond it `emit` raises `overloaded`."""
    bytes_max: int = Field(default=QUEUED_BYTES_MAX, gt=0)
    """The data of these events together."""


class CronSection(_Section):
    """`[cron]`."""

    timezone: str | None = None
    """IANA zone for cron steps that name none; the machine's zone by default."""


class LogSection(_Section):
    """`[log]`: what the host prints."""

    format: Literal["text", "json"] = "text"
    """`text`: lines for people. `json`: one JSON object a line, for programs that collect logs."""


class StreamsSection(_Section):
    """`[streams]`."""

    public: bool = False
    """Serve streams without access rules to everybody also on a public address."""


class WorkbenchSection(_Section):
    """`[workbench]`."""

    enabled: bool | None = None
    """Serve the pages; without an entry `dev` does and `start` does not."""
    editor: str = ""
    """Program that "Open in editor" runs, with arguments where it needs some: `my-editor --line {line} {file}`."""
    session_h: float = Field(default=12.0, gt=0, le=24 * 30)
    """Hours after which a browser has to sign in again."""

    def is_on(self, *, dev: bool) -> bool:
        """Report whether the pages are served."""
        return dev if self.enabled is None else self.enabled


class DurableSection(_Section):
    """`[durable]`."""

    hold_s: float = Field(default=5.0, ge=0, le=60)
    """A handler that waits stays in memory for so long; 0 suspends it at every wait."""
    stop_grace_s: float = Field(default=300.0, ge=0, le=3600)
    """A stop waits so long for functions of `once` that run."""
    value_bytes_max: int = Field(default=1024 * 1024, ge=1024, le=8 * 1024 * 1024)
    """Bytes of one result."""
    run_bytes_max: int = Field(default=32 * 1024 * 1024, ge=1024)
    """Bytes of all results of one run."""
    entries_max: int = Field(default=10_000, ge=1)
    """Results of one run."""
    keep_h: float | None = Field(default=None, ge=0, le=24 * 30)
    """Hours for which results of completed runs stay, for `polystep rerun`; by default 24 in `dev`, 1 in `start`."""

    def keep_ms(self, *, dev: bool) -> int:
        """Return how long journals of completed runs are kept."""
        hours = self.keep_h if self.keep_h is not None else 24 if dev else 1
        return round(hours * 3_600_000)


class AsksSection(_Section):
    """`[asks]`: what handlers ask of people and other systems."""

    links: bool = True
    """Each ask has a link that answers it without the admin token."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+[^\s]*$")
    """Address of this host as others reach it: links begin with it. This machine's address by default."""


class Settings(_Section):
    """All of `polystep.toml`."""

    http: HttpSection = HttpSection()
    contracts: ContractsSection = ContractsSection()
    storage: StorageSection = StorageSection()
    runners: RunnersSection = RunnersSection()
    cron: CronSection = CronSection()
    queues: QueuesSection = QueuesSection()
    trace: TraceSection = TraceSection()
    log: LogSection = LogSection()
    streams: StreamsSection = StreamsSection()
    durable: DurableSection = DurableSection()
    workbench: WorkbenchSection = WorkbenchSection()
    asks: AsksSection = AsksSection()
