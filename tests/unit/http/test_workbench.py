"""Pages and files of the Workbench, without a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from polystep.http.refusals import RequestRefused
from polystep.http.workbench import WorkbenchPages


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("1")
    (tmp_path / "theme.js").write_text("2")
    return tmp_path


def test_every_address_of_a_page_is_the_same_file(folder: Path) -> None:
    pages = WorkbenchPages(folder)
    for rest in ("", "start", "traces", "traces/6b0d9f41f72c", "logs", "endpoints", "emit", "steps"):
        assert pages.knows(rest)
        assert pages.answer(rest).headers["Cache-Control"] == "no-cache"
    assert not pages.knows("api/traces")
    assert not pages.knows("tracesx")


def test_files_with_a_hash_in_their_name_are_kept_by_browsers(folder: Path) -> None:
    pages = WorkbenchPages(folder)
    assert "immutable" in pages.answer("app/assets/index-1a2b.js").headers["Cache-Control"]
    assert pages.answer("app/theme.js").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("rest", ["app/", "app/assets", "app/none.js", "app/..%2f..%2fsecret", "app/%2e%2e/secret"])
def test_only_files_of_the_folder_are_served(folder: Path, rest: str) -> None:
    (folder.parent / "secret").write_text("no")
    with pytest.raises(RequestRefused) as refused:
        WorkbenchPages(folder).answer(rest)
    assert refused.value.status == 404


def test_a_checkout_that_is_not_built_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RequestRefused) as refused:
        WorkbenchPages(tmp_path).answer("traces")
    assert "make setup" in str(refused.value.body["hint"])


def test_browsers_get_a_page_where_there_is_none_and_others_the_refusal(folder: Path) -> None:
    pages = WorkbenchPages(folder)
    browser = make_mocked_request("GET", "/__polystep/nonsense", headers={"Accept": "text/html,*/*"})
    found = pages.missing(browser)
    assert found is not None
    assert found.status == 404
    assert pages.missing(make_mocked_request("GET", "/__polystep/nonsense", headers={"Accept": "*/*"})) is None
