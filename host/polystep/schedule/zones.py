"""Time zones: find one by name or the machine's own, and map between wall time and instants.

Instants are whole Unix seconds. A wall time is a whole number of seconds too: what the Unix time would be if the
clock on the wall showed UTC. Wall time minus instant is the UTC offset.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from polystep.contracts.errors import LoadFailed

_EPOCH: Final = datetime(1970, 1, 1)
_DAY_S: Final = 86_400
_LOCALTIME: Final = Path("/etc/localtime")


def find_zone(name: str | None) -> tuple[tzinfo, str]:
    """Return the zone and its name; `None` asks for the machine's.

    Raises:
        LoadFailed: There is no zone of this name; the message names a similar one.
    """
    if name is None:
        return local_zone()
    try:
        return ZoneInfo(name), name
    except (KeyError, ValueError, OSError) as error:
        raise LoadFailed(
            f'The time zone "{name}" is not known.{_similar(name)} Use an IANA name such as "Europe/Berlin", or "UTC".'
        ) from error


def local_zone(environment: Mapping[str, str] = os.environ, localtime: Path = _LOCALTIME) -> tuple[tzinfo, str]:
    """Return the machine's zone: the variable TZ, else /etc/localtime, else the UTC offset that holds now.

    Only the last one knows no DST. It is reached with a TZ in POSIX form (`CET-1CEST`), which names no zone.
    """
    setting = environment.get("TZ")
    if setting is None:
        return _zone_of_file(localtime) or _offset_now()
    setting = setting.removeprefix(":")
    if setting in ("", "UTC", "UTC0"):
        return UTC, "UTC"
    if setting.startswith("/"):
        return _zone_of_file(Path(setting)) or _offset_now()
    try:
        return ZoneInfo(setting), setting
    except (KeyError, ValueError, OSError):
        return _offset_now()


def utc_offset_s(zone: tzinfo, instant_s: int) -> int:
    """Return the seconds east of UTC at an instant."""
    return _seconds(datetime.fromtimestamp(instant_s, zone).utcoffset())


def first_instant(zone: tzinfo, wall_s: int) -> int:
    """Return when the wall shows this time for the first time; the end of the gap if it never does."""
    early, late = _offsets_at_wall(zone, wall_s)
    instant_s = wall_s - early
    if utc_offset_s(zone, instant_s) == early:
        return instant_s
    # PEP 495: inside a gap `early` is the offset before the change and `late` the one after it.
    change_s = first_change(zone, wall_s - late, instant_s)
    return instant_s if change_s is None else change_s


def first_change(zone: tzinfo, after_s: int, until_s: int) -> int | None:
    """Return the first instant in `(after_s, until_s]` with another UTC offset than the one before it, if any.

    Looks once a day and then halves: no zone changes its offset twice within a day.
    """
    offset_s = utc_offset_s(zone, after_s)
    while after_s < until_s:
        later_s = min(after_s + _DAY_S, until_s)
        if utc_offset_s(zone, later_s) != offset_s:
            return _halve(zone, after_s, later_s, offset_s)
        after_s = later_s
    return None


def wall_already_passed(zone: tzinfo, instant_s: int) -> int:
    """Return the latest wall time that has been shown by `instant_s`.

    Differs from the wall time of the instant only while the clock repeats an hour.
    """
    moment = datetime.fromtimestamp(instant_s, zone)
    offset_s = _seconds(moment.utcoffset())
    if not moment.fold:
        return instant_s + offset_s
    before_s = _seconds(moment.replace(fold=0).utcoffset())
    change_s = first_change(zone, instant_s - (before_s - offset_s) - 1, instant_s)
    return instant_s + offset_s if change_s is None else change_s + before_s - 1


def _halve(zone: tzinfo, before_s: int, after_s: int, offset_s: int) -> int:
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if utc_offset_s(zone, middle_s) == offset_s:
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s


def _offsets_at_wall(zone: tzinfo, wall_s: int) -> tuple[int, int]:
    wall = (_EPOCH + timedelta(seconds=wall_s)).replace(tzinfo=zone)
    return _seconds(wall.utcoffset()), _seconds(wall.replace(fold=1).utcoffset())


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds())


def _zone_of_file(path: Path) -> tuple[tzinfo, str] | None:
    """Return the zone of a file, named after its path below a `zoneinfo` folder where it has one."""
    try:
        target = path.resolve(strict=True)
        _, found, name = target.as_posix().rpartition("/zoneinfo/")
        if found:
            return ZoneInfo(name), name
        with target.open("rb") as file:
            return ZoneInfo.from_file(file), "local"
    except (KeyError, ValueError, OSError):
        return None


def _offset_now() -> tuple[tzinfo, str]:
    zone = timezone(timedelta(seconds=time.localtime().tm_gmtoff))
    return zone, str(zone)


def _similar(name: str) -> str:
    by_lower = {zone.lower(): zone for zone in available_timezones()}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f' Did you mean "{by_lower[close[0]]}"?' if close else ""
