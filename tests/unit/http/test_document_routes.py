"""`/openapi.json`, `/asyncapi.json` and `/docs` over HTTP."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from polystep.http import HttpSettings
from polystep.http.document_routes import swagger_folder
from tests.unit.http.fakes import TOKEN, api_step, running

SETTINGS = HttpSettings(port=0, token=TOKEN)
GET = api_step("Hello", "GET", "/hello")


async def test_a_document_is_made_once_for_a_generation_and_asked_for_by_its_tag() -> None:
    async with running(GET) as harness:
        async with harness.client.get("/openapi.json") as answer:
            assert (answer.status, await answer.json()) == (200, {"openapi": ["Hello"]})
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-cache"
            etag = answer.headers["ETag"]
        for known in (etag, f'"other", W/{etag}', "*"):
            async with harness.client.get("/openapi.json", headers={"If-None-Match": known}) as answer:
                assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", etag)
        harness.project.replace(GET, api_step("New", "GET", "/new"))
        async with harness.client.get("/openapi.json", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.json()) == (200, {"openapi": ["Hello", "New"]})
        assert harness.documents.made == 2


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/docs.js", "/docs/swagger-ui.css"])
async def test_head_is_get_without_the_body_and_other_methods_are_none_of_ours(path: str) -> None:
    async with running(GET) as harness:
        async with harness.client.get(path) as got, harness.client.head(path) as head:
            assert (got.status, head.status, await head.read()) == (200, 200, b"")
            assert head.headers["Content-Length"] == str(len(await got.read()))
        async with harness.client.post(path) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/docs.js"])
async def test_a_step_that_claims_the_path_wins(path: str) -> None:
    async with running(api_step("Mine", "GET", path)) as harness, harness.client.get(path) as answer:
        assert await answer.json() == {"ok": True}


@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/swagger-ui-bundle.js"])
async def test_documents_can_be_turned_off(path: str) -> None:
    settings = dataclasses.replace(SETTINGS, docs=False)
    async with running(GET, settings=settings) as harness, harness.client.get(path) as answer:
        assert answer.status == 404


async def test_before_the_steps_are_loaded_there_is_no_document() -> None:
    async with running(GET) as harness:
        harness.project.ready = False
        async with harness.client.get("/openapi.json") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_nothing_else_lies_beside_the_page() -> None:
    async with running(GET) as harness:
        for path in ("/docs/index.html", "/docs/package.json", "/docs/../server.py", "/docs/%2e%2e/server.py"):
            answer = await harness.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert answer.startswith(b"HTTP/1.1 404"), path


async def test_the_page_may_load_nothing_from_elsewhere_and_no_other_host_name_reads_it() -> None:
    async with running(GET) as harness:
        async with harness.client.get("/docs") as answer:
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            text = await answer.text()
            assert "://" not in text
            assert "<script>" not in text
        for path in ("/docs", "/openapi.json"):
            async with harness.client.get(path, headers={"Host": "evil.example"}) as answer:
                assert answer.status == 403


async def test_pages_of_allowed_origins_may_read_a_document_and_others_may_not() -> None:
    settings = dataclasses.replace(SETTINGS, allowed_origins=("https://editor.example",))
    async with running(GET, settings=settings) as harness:
        for origin, allowed in (("https://editor.example", "https://editor.example"), ("https://evil.example", None)):
            async with harness.client.get("/openapi.json", headers={"Origin": origin}) as answer:
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed


async def test_a_page_whose_files_are_missing_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (swagger_folder() / "swagger-ui-bundle.js").is_file()
    monkeypatch.setattr("polystep.http.document_routes.swagger_folder", lambda: tmp_path)
    async with running(GET) as harness, harness.client.get("/docs/swagger-ui-bundle.js") as answer:
        assert answer.status == 404
        assert "make setup" in (await answer.json())["hint"]
