"""Texts of calls of language models, for the spans of these calls; user code notices nothing (PS-8.9)."""

from __future__ import annotations

import codecs
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

_CALLS: Final = re.compile(
    r"/chat/completions$|/v1/(?:completions|responses|messages|embeddings)$|/api/(?:chat|generate)$"
    r"|:(?:streamG|g)enerateContent$"
)
"""Paths at which models are asked: those of OpenAI, Anthropic, Google, Ollama and what is compatible with them."""
_BEGINNING_CHARS: Final = 192 * 1024
_END_CHARS: Final = 64 * 1024


class BoundedText:
    """Text that keeps its beginning and its end: the end of a streamed answer has the tokens."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._beginning = ""
        self._end = ""
        self.is_cut = False
        self.length = 0
        """Characters that came, also those that are not kept."""

    def add(self, chunk: bytes | str) -> None:
        """Take the next part."""
        text = chunk if isinstance(chunk, str) else self._decoder.decode(chunk)
        self.length += len(text)
        room = _BEGINNING_CHARS - len(self._beginning)
        self._beginning += text[:room]
        if len(text) > room:
            self._end += text[room:]
            if len(self._end) > _END_CHARS:
                self._end, self.is_cut = self._end[-_END_CHARS:], True

    @property
    def text(self) -> str:
        """Return what is kept."""
        whole = f"{self._beginning}\n{self._end}" if self.is_cut else self._beginning + self._end
        return whole.encode("utf-8", "replace").decode()


class Exchange:
    """Request and answer of one call, as far as user code reads the answer."""

    def __init__(self, body: bytes | str) -> None:
        self._request, self._response = BoundedText(), BoundedText()
        self._request.add(body)
        self._content_type = ""
        self._first_ms: float | None = None
        self._started_s = time.perf_counter()
        self._send: Callable[[], None] | None = None
        self.is_open = False
        """User code reads the answer part by part: the span waits for the end."""

    @property
    def received(self) -> int:
        """Count the characters of the answer that user code has read."""
        return self._response.length

    @property
    def told(self) -> dict[str, Any]:
        """Return the members of the span."""
        told: dict[str, Any] = {"request": self._request.text, "response": self._response.text}
        told |= {"content_type": self._content_type, "cut": self._request.is_cut or self._response.is_cut}
        return told if self._first_ms is None else {**told, "first_ms": round(self._first_ms, 3)}

    def ended(self, send: Callable[[], None]) -> None:
        """Call `send` now, or when user code has read the answer."""
        if self.is_open:
            self._send = send
        else:
            send()

    def of_httpx(self, response: Any) -> None:
        """Keep the answer of httpx, which is read already unless user code streams it."""
        self._content_type = str(response.headers.get("content-type", ""))
        if response.is_stream_consumed or response.is_closed:
            self._take(response.content)
            return
        self.is_open = True
        response.iter_bytes, response.aiter_bytes = (
            self._tapped(response.iter_bytes),
            self._atapped(response.aiter_bytes),
        )
        close, aclose = response.close, response.aclose

        def closed() -> None:
            self._close()
            close()

        async def aclosed() -> None:
            self._close()
            await aclose()

        response.close, response.aclose = closed, aclosed

    def of_aiohttp(self, response: Any) -> None:
        """Keep the answer of aiohttp when user code reads the whole of it."""
        self._content_type, self.is_open = str(response.headers.get("content-type", "")), True
        read, release = response.read, response.release

        async def reading() -> bytes:
            data: bytes = await read()
            if self.is_open:
                self._take(data)
                self._close()
            return data

        def released() -> Any:
            self._close()
            return release()

        response.read, response.release = reading, released

    def _tapped(self, original: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
        def tapped(*args: Any, **options: Any) -> Iterator[bytes]:
            try:
                for chunk in original(*args, **options):
                    self._take(chunk)
                    yield chunk
            finally:
                self._close()

        return tapped

    def _atapped(self, original: Callable[..., AsyncIterator[bytes]]) -> Callable[..., AsyncIterator[bytes]]:
        async def tapped(*args: Any, **options: Any) -> AsyncIterator[bytes]:
            try:
                async for chunk in original(*args, **options):
                    self._take(chunk)
                    yield chunk
            finally:
                self._close()

        return tapped

    def _take(self, chunk: bytes) -> None:
        if self._first_ms is None:
            self._first_ms = (time.perf_counter() - self._started_s) * 1000
        self._response.add(chunk)

    def _close(self) -> None:
        send, self._send, self.is_open = self._send, None, False
        if send is not None:
            send()


def exchange_of(path: str, body: object) -> Exchange | None:
    """Begin an exchange when a path is one at which models are asked; a body that is a stream is not looked at."""
    if not _CALLS.search(path):
        return None
    if not isinstance(body, (bytes, str)):
        try:
            body = json.dumps(body)
        except (TypeError, ValueError):
            return None
    return Exchange(body)
