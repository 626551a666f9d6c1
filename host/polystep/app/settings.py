"""`polystep.toml`: what a project may set. All of it has defaults; a wrong entry stops the start, by name."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polystep.contracts.errors import LoadFailed
from polystep.contracts.limits import BODY_BYTES_MAX

FILE: Final = "polystep.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSection(_Section):
    """`[http]`."""

    body_bytes_max: int = Field(default=BODY_BYTES_MAX, gt=0)
    """Largest request body."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides the machine's own, that requests may be addressed to."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the steps and join streams, such as `https://app.example.com`."""


class StorageSection(_Section):
    """`[storage]`."""

    durability: Literal["full", "process"] = "full"
    """`full`: every write that returned survives a power cut. `process`: it survives a killed process."""


class RunnerSection(_Section):
    """`[runners.node]`, `[runners.python]`."""

    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share the runs."""


class PythonSection(RunnerSection):
    """`[runners.python]`."""

    requirements: str | None = None
    """File with the packages, instead of `requirements.txt` or `pyproject.toml` at the root."""


class RunnersSection(_Section):
    """`[runners]`."""

    node: RunnerSection = RunnerSection()
    python: PythonSection = PythonSection()


class CronSection(_Section):
    """`[cron]`."""

    timezone: str | None = None
    """IANA zone for cron steps that name none; the machine's zone by default."""


class Settings(_Section):
    """All of `polystep.toml`."""

    http: HttpSection = HttpSection()
    storage: StorageSection = StorageSection()
    runners: RunnersSection = RunnersSection()
    cron: CronSection = CronSection()


def read_settings(project: Path) -> Settings:
    """Read a project's settings.

    Raises:
        LoadFailed: The file is not valid; the message lists every problem.
    """
    path = project / FILE
    if not path.is_file():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LoadFailed(f"{path}: {error}") from error
    except ValidationError as error:
        problems = [
            f"  {'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors(include_url=False)
        ]
        raise LoadFailed(f"{path} is not usable:\n" + "\n".join(problems)) from error
