"""`multipart/form-data`: fields, files on the disk, and everything that can be wrong with a body."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from polystep.contracts.values import JSONObject
from polystep.http import HttpSettings
from tests.patience import HANG_S
from tests.unit.http.fakes import HttpHarness, RequiresSubject, api_step, running

POST = api_step("Upload", "POST", "/files")
MEBIBYTE = 1024 * 1024


def settings(folder: Path, **more: Any) -> HttpSettings:
    return HttpSettings(port=0, uploads=folder / "uploads", **more)


def form(**parts: bytes | str) -> aiohttp.FormData:
    """Bytes are files, text is fields."""
    made = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in parts.items():
        if isinstance(value, bytes):
            made.add_field(name, BytesIO(value), filename=f"{name}.bin")
        else:
            made.add_field(name, value)
    return made


def reading(harness: HttpHarness) -> list[bytes]:
    """What the handler finds at the paths that it is given."""
    found: list[bytes] = []

    async def handle(request: JSONObject) -> object:
        files: Any = request["files"]
        found.extend([Path(file["path"]).read_bytes() for file in files])
        return {"status": 200}

    harness.steps.handler = handle
    return found


async def test_fields_come_as_the_body_and_files_lie_on_the_disk_while_the_handler_runs(tmp_path: Path) -> None:
    sent = form(title="grüße", tag="a")
    sent.add_field("tag", "b")
    sent.add_field("meta", '{"n": 1}', content_type="application/json")
    sent.add_field("photo", BytesIO(b"\x89PNG" * MEBIBYTE), filename="../../ü b.png", content_type="image/png")
    sent.add_field("empty", BytesIO(b""), filename="none")
    async with running(POST, settings=settings(tmp_path)) as harness:
        found = reading(harness)
        async with harness.client.post("/files", data=sent) as response:
            assert response.status == 200
        request: Any = harness.steps.request
        assert request["body"] == {"title": "grüße", "tag": ["a", "b"], "meta": {"n": 1}}
        assert request["rawBody"] == ""
        photo, empty = request["files"]
        path = Path(photo.pop("path"))
        assert photo == {"field": "photo", "name": "../../ü b.png", "type": "image/png", "bytes": 4 * MEBIBYTE}
        assert (empty["bytes"], empty["type"]) == (0, "application/octet-stream")
        assert (path.suffix, path.parent.parent) == (".png", tmp_path / "uploads")
        assert found == [b"\x89PNG" * MEBIBYTE, b""]
        assert list((tmp_path / "uploads").iterdir()) == []


async def test_the_files_are_removed_also_when_the_handler_fails_or_is_never_called(tmp_path: Path) -> None:
    async with running(POST, settings=settings(tmp_path)) as harness:
        harness.steps.result = RuntimeError("broke")
        async with harness.client.post("/files", data=form(file=b"x" * 100)) as response:
            assert response.status == 500
        harness.project.validators["Upload"] = RequiresSubject()
        async with harness.client.post("/files", data=form(file=b"x" * 100)) as response:
            assert response.status == 400
        assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("content_type", "body", "hint"),
    [
        ("multipart/form-data", b"x", "boundary"),
        ("multipart/form-data; boundary=b", b"no boundary here\r\n", "not multipart/form-data"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nnameless\r\n--b--\r\n", "without a name"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n',
         "utf-8"),
        ("multipart/form-data; boundary=b",
         (b'--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n'
          b"--c--\r\n--b--\r\n"),
         "parts itself"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut', ""),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_form_is_refused(tmp_path: Path, content_type: str, body: bytes, hint: str) -> None:
    async with running(POST, settings=settings(tmp_path)) as harness:
        async with harness.client.post("/files", data=body, headers={"Content-Type": content_type}) as response:
            answer = await response.json()
            assert (response.status, answer["error"]) == (400, "Malformed body")
            assert hint in answer["hint"]
        assert harness.steps.calls == []


async def test_json_in_a_part_that_is_malformed_is_refused_with_its_place(tmp_path: Path) -> None:
    sent = form()
    sent.add_field("meta", "{", content_type="application/json")
    async with running(POST, settings=settings(tmp_path)) as harness:
        async with harness.client.post("/files", data=sent) as response:
            assert (response.status, (await response.json())["error"]) == (400, "Malformed JSON")


@pytest.mark.parametrize(
    ("more", "data", "error"),
    [
        ({"upload_bytes_max": 1000}, {"file": b"x" * 2000}, "Payload too large"),
        ({"body_bytes_max": 1000}, {"file": b"x", "field": "y" * 2000}, "Payload too large"),
    ],
)
async def test_what_is_too_large_is_refused_and_leaves_nothing(
    tmp_path: Path, more: dict[str, int], data: dict[str, Any], error: str
) -> None:
    async with running(POST, settings=settings(tmp_path, **more)) as harness:
        async with harness.client.post("/files", data=form(**data)) as response:
            assert (response.status, (await response.json())["error"]) == (413, error)
        assert list(tmp_path.glob("uploads/*")) == []


async def test_a_length_that_lies_is_caught_while_the_body_arrives(tmp_path: Path) -> None:
    async def chunks() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        for _ in range(100):
            yield b"x" * 1000

    async with running(POST, settings=settings(tmp_path, upload_bytes_max=10_000)) as harness:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        async with harness.client.post("/files", data=chunks(), headers=headers) as response:
            assert response.status == 413


async def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(1001)) + b"--b--\r\n"
    async with running(POST, settings=settings(tmp_path)) as harness:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        async with harness.client.post("/files", data=body, headers=headers) as response:
            assert (response.status, (await response.json())["error"]) == (400, "Too many fields")


async def test_a_client_that_dribbles_is_answered_408(tmp_path: Path) -> None:
    async with running(POST, settings=settings(tmp_path, body_timeout_s=0.05)) as harness, asyncio.timeout(HANG_S):
        answer = await harness.raw(
            b"POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 1000\r\n\r\n--b\r\n",
            until_closed=False,
        )
        assert b" 408 " in answer.splitlines()[0]


async def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where the folder should be")
    async with running(POST, settings=settings(tmp_path)) as harness:
        async with harness.client.post("/files", data=form(file=b"x")) as response:
            assert (response.status, (await response.json())["error"]) == (507, "Insufficient storage")


async def test_without_a_folder_uploads_are_refused() -> None:
    async with running(POST) as harness:
        async with harness.client.post("/files", data=form(file=b"x")) as response:
            assert response.status == 415
