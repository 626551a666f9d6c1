"""The file with the places of nodes: what it looks like, who may replace it, and what is made of a foreign one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polystep.contracts.operations import OperationRefused
from polystep.operations import layout_file
from polystep.operations.layout_file import COORDINATE_MAX, LAYOUT_FILE, MOTIA_FILE, read_layout, write_layout

A, B = "steps/a.step.ts", "steps/b_step.py"
MOTIA = [
    {"id": "shop", "config": {A: {"x": 10.4, "y": -3, "sourceHandlePosition": "right"}, B: {"x": "far", "y": 1}}},
    {"id": "other", "config": {B: {"x": 1, "y": 2}}},
]


def write(root: Path, places: dict[str, tuple[float, float]], flow: str = "shop") -> None:
    write_layout(root, flow, places, read_layout(root, flow).version)


def test_nothing_is_placed_in_a_new_project(tmp_path: Path) -> None:
    layout = read_layout(tmp_path, "shop")
    assert (layout.places, layout.file, layout.problem) == ({}, None, None)


def test_a_file_is_written_for_review(tmp_path: Path) -> None:
    write(tmp_path, {B: (300.6, 20), A: (-0.2, 1e9)})
    write(tmp_path, {}, "empty")
    assert (tmp_path / LAYOUT_FILE).read_text() == (
        "{\n"
        '  "version": 1,\n'
        '  "flows": {\n'
        '    "empty": {},\n'
        '    "shop": {\n'
        '      "steps/a.step.ts": { "x": 0, "y": 1000000 },\n'
        '      "steps/b_step.py": { "x": 301, "y": 20 }\n'
        "    }\n"
        "  }\n"
        "}\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == [LAYOUT_FILE]


def test_a_moved_node_is_one_changed_line(tmp_path: Path) -> None:
    write(tmp_path, {A: (0, 0), B: (1, 1)})
    before = (tmp_path / LAYOUT_FILE).read_text().splitlines()
    write(tmp_path, {B: (1, 1), A: (0, 40)})
    after = (tmp_path / LAYOUT_FILE).read_text().splitlines()
    assert [line for line in after if line not in before] == ['      "steps/a.step.ts": { "x": 0, "y": 40 },']


def test_a_write_over_another_version_changes_nothing(tmp_path: Path) -> None:
    began = read_layout(tmp_path, "shop").version
    write(tmp_path, {A: (1, 1)})
    with pytest.raises(OperationRefused) as caught:
        write_layout(tmp_path, "shop", {A: (2, 2)}, began)
    assert caught.value.status == 409
    assert caught.value.body["version"] == read_layout(tmp_path, "shop").version
    assert read_layout(tmp_path, "shop").places == {A: (1, 1)}


def test_of_writers_at_once_each_is_kept_or_refused(tmp_path: Path) -> None:
    def place(at: int) -> bool:
        for _ in range(200):
            now = read_layout(tmp_path, "shop")
            try:
                write_layout(tmp_path, "shop", {**now.places, f"step {at}": (at, at)}, now.version)
            except OperationRefused as refused:
                assert refused.status == 409
            else:
                return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(place, range(16)))
    assert read_layout(tmp_path, "shop").places == {f"step {at}": (at, at) for at in range(16)}


def test_another_flow_keeps_its_places(tmp_path: Path) -> None:
    write(tmp_path, {A: (1, 2)}, "one")
    write(tmp_path, {A: (3, 4)}, "two")
    assert read_layout(tmp_path, "one").places == {A: (1, 2)}


def test_places_of_motia_hold_until_a_flow_is_placed_here(tmp_path: Path) -> None:
    (tmp_path / MOTIA_FILE).write_text(json.dumps(MOTIA))
    layout = read_layout(tmp_path, "shop")
    assert (layout.places, layout.file) == ({A: (10, -3)}, MOTIA_FILE)
    write(tmp_path, {}, "shop")
    assert (read_layout(tmp_path, "shop").places, read_layout(tmp_path, "shop").file) == ({}, LAYOUT_FILE)
    assert read_layout(tmp_path, "other").places == {B: (1, 2)}
    assert json.loads((tmp_path / MOTIA_FILE).read_text()) == MOTIA


@pytest.mark.parametrize(
    "content",
    [b"<<<<<<< HEAD\n{}", b"[]", b"{}", b'{"flows": 1}', b'{"version": 2, "flows": {}}', b"[" * 10**6, b"\xff", b"NaN"],
    ids=lambda each: each[:12].decode("latin-1"),
)
def test_a_file_that_cannot_be_used_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LAYOUT_FILE).write_bytes(content)
    layout = read_layout(tmp_path, "shop")
    assert layout.places == {}
    assert layout.problem is not None
    assert LAYOUT_FILE in layout.problem
    with pytest.raises(OperationRefused) as caught:
        write_layout(tmp_path, "shop", {A: (1, 1)}, layout.version)
    assert caught.value.status == 409
    assert (tmp_path / LAYOUT_FILE).read_bytes() == content


def test_a_file_beyond_its_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_file, "_BYTES_MAX", 10)
    (tmp_path / LAYOUT_FILE).write_text('{"version": 1, "flows": {}}')
    assert "larger" in str(read_layout(tmp_path, "shop").problem)


@pytest.mark.parametrize("place", [1, None, [], {}, {"x": True, "y": 1}, {"x": 1}, {"x": {}, "y": "1"}], ids=repr)
def test_a_place_that_is_none_is_passed_over(tmp_path: Path, place: object) -> None:
    (tmp_path / LAYOUT_FILE).write_text(json.dumps({"version": 1, "flows": {"shop": {A: place, B: {"x": 1, "y": 2}}}}))
    assert read_layout(tmp_path, "shop").places == {B: (1, 2)}


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"version": 1, "flows": {}}')
    project = tmp_path / "project"
    project.mkdir()
    (project / LAYOUT_FILE).symlink_to(outside)
    write(project, {A: (1, 1)})
    assert outside.read_text() == '{"version": 1, "flows": {}}'
    assert read_layout(project, "shop").places == {A: (1, 1)}


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("polystep.operations.layout_file.tempfile.mkstemp", refuse)
    with pytest.raises(OperationRefused) as caught:
        write(tmp_path, {A: (1, 1)})
    assert caught.value.status == 500
    assert caught.value.body["error"] == f"{LAYOUT_FILE} cannot be written"
    assert "Read-only file system" in str(caught.value.body["hint"])


def test_a_folder_in_place_of_the_file_says_so(tmp_path: Path) -> None:
    (tmp_path / LAYOUT_FILE).mkdir()
    assert "cannot be read" in str(read_layout(tmp_path, "shop").problem)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLACES = st.dictionaries(NAMES, st.tuples(*[st.integers(-COORDINATE_MAX, COORDINATE_MAX)] * 2), max_size=6)


@given(flows=st.dictionaries(NAMES, PLACES, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_is_read_again(
    flows: dict[str, dict[str, tuple[int, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("project")
    for flow, places in flows.items():
        write(root, dict(places), flow)
    for flow, places in flows.items():
        assert read_layout(root, flow).places == places
    again: Any = json.loads((root / LAYOUT_FILE).read_text()) if flows else {"flows": {}}
    assert set(again["flows"]) == set(flows)


def test_the_version_hangs_on_the_places_alone(tmp_path: Path) -> None:
    versions = []
    for left in (1, 2, 1):
        write(tmp_path, {A: (left, 0)})
        versions.append(read_layout(tmp_path, "shop").version)
    assert versions[0] == versions[2] != versions[1]
