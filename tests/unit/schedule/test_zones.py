"""Which zone a name, or the machine's settings, stand for."""

import importlib.resources
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from polystep.contracts.errors import LoadFailed
from polystep.schedule.zones import find_zone, local_zone

SUMMER = datetime(2026, 7, 1, 12)


def offset_hours(zone: tzinfo) -> float:
    offset = SUMMER.replace(tzinfo=zone).utcoffset()
    assert offset is not None
    return offset.total_seconds() / 3600


@pytest.fixture
def zoneinfo_folder(tmp_path: Path) -> Path:
    """A `zoneinfo` folder as systems have it, with Berlin in it."""
    source = importlib.resources.files("tzdata.zoneinfo.Europe").joinpath("Berlin")
    folder = tmp_path / "zoneinfo"
    (folder / "Europe").mkdir(parents=True)
    (folder / "Europe" / "Berlin").write_bytes(source.read_bytes())
    return folder


def test_a_name_finds_its_zone() -> None:
    assert find_zone("America/New_York") == (ZoneInfo("America/New_York"), "America/New_York")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", ' Did you mean "Europe/Berlin"?'),
        ("europe/berlin", ' Did you mean "Europe/Berlin"?'),
        ("../etc/passwd", ""),
        ("", ""),
        ("???", ""),
    ],
)
def test_an_unknown_name_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(LoadFailed) as caught:
        find_zone(name)
    assert caught.value.message == (
        f'The time zone "{name}" is not known.{hint} Use an IANA name such as "Europe/Berlin", or "UTC".'
    )


def test_a_folder_of_zones_is_no_zone() -> None:
    with pytest.raises(LoadFailed, match='The time zone "Europe" is not known'):
        find_zone("Europe")


@pytest.mark.parametrize("setting", ["Europe/Berlin", ":Europe/Berlin"])
def test_the_variable_tz_names_the_machines_zone(setting: str, tmp_path: Path) -> None:
    assert local_zone({"TZ": setting}, tmp_path / "absent") == (ZoneInfo("Europe/Berlin"), "Europe/Berlin")


@pytest.mark.parametrize("setting", ["", "UTC", "UTC0"])
def test_an_empty_tz_is_utc(setting: str, tmp_path: Path) -> None:
    assert local_zone({"TZ": setting}, tmp_path / "absent") == (UTC, "UTC")


def test_a_link_into_the_zoneinfo_folder_names_the_machines_zone(zoneinfo_folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(zoneinfo_folder / "Europe" / "Berlin")
    assert local_zone({}, link) == (ZoneInfo("Europe/Berlin"), "Europe/Berlin")


def test_a_copied_localtime_file_keeps_its_rules_without_a_name(zoneinfo_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "localtime"
    copy.write_bytes((zoneinfo_folder / "Europe" / "Berlin").read_bytes())
    zone, name = local_zone({}, copy)
    assert (name, offset_hours(zone)) == ("local", 2.0)


def test_tz_may_be_a_file(zoneinfo_folder: Path, tmp_path: Path) -> None:
    path = zoneinfo_folder / "Europe" / "Berlin"
    assert local_zone({"TZ": str(path)}, tmp_path / "absent")[1] == "Europe/Berlin"


@pytest.mark.parametrize("environment", [{}, {"TZ": "CET-1CEST"}, {"TZ": "/no/such/file"}])
def test_without_a_zone_the_present_offset_is_used(environment: dict[str, str], tmp_path: Path) -> None:
    zone, _ = local_zone(environment, tmp_path / "absent")
    assert datetime.now(zone).utcoffset() == datetime.now().astimezone().utcoffset()


def test_no_name_asks_for_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert find_zone(None) == (ZoneInfo("Asia/Kolkata"), "Asia/Kolkata")
