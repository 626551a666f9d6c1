"""A real browser for tests: headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.patience import HANG_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 60
_GONE = "ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE)|status of 503"
"""What the browser notes of a host that was killed, or that is starting again."""
_FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--password-store=basic",
    "--window-size=1100,900",
    "--remote-debugging-port=0",
)


def chromium() -> str:
    """The browser's program; its absence is a failure in CI, and a skip elsewhere."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    reason = "Chromium is missing; install it (Debian, Ubuntu: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session: str | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self._asked_for: set[tuple[str, str]] = set()
        self._notes: list[str] = []
        self.requests: list[str] = []
        """Addresses that the page asked for."""
        self.hosts_gone: set[str] = set()
        """Addresses of hosts that a test ends while the page still asks them. The browser notes each request that finds
        nobody there, and tells of it at some later time: those notes are no complaints, whenever they come."""

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings of the console, uncaught exceptions, refused resources, broken content policies."""
        return [
            note for note in self._notes if not any(status in note and part in note for status, part in self._asked_for)
        ]

    async def open(self, url: str) -> None:
        """Go to a page; returns when it was loaded."""
        if self._session is None:
            target = await self._send("Target.createTarget", {"url": "about:blank"})
            attached = await self._send("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                await self._send(f"{domain}.enable", {})
        await self._send("Page.navigate", {"url": url})
        await self.evaluate(
            "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    async def evaluate(self, script: str) -> Any:
        """The value of an expression, awaited."""
        params = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = await self._send("Runtime.evaluate", params)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def text(self, *wanted: str) -> str:
        """What the page shows, once it shows all of these texts."""
        script = f"""new Promise((done) => {{
          const wanted = {json.dumps(wanted)}
          const shown = () => document.body?.innerText ?? ''
          const look = () => wanted.every((text) => shown().includes(text)) && finish()
          const finish = () => {{ observer.disconnect(); clearTimeout(timer); done(shown()) }}
          const observer = new MutationObserver(look)
          const timer = setTimeout(finish, {WAIT_S * 1000})
          observer.observe(document, {{ subtree: true, childList: true, characterData: true }})
          look()
        }})"""
        shown = await self.evaluate(script)
        assert isinstance(shown, str)
        missing = [text for text in wanted if text not in shown]
        assert not missing, f"The page never showed {missing}; it shows:\n{shown}"
        return shown

    async def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        await self.evaluate(f"""new Promise((done, failed) => {{
          const end = setTimeout(() => failed(new Error('never: ' + {json.dumps(condition)})), {WAIT_S * 1000})
          const look = () => ({condition}) ? (clearTimeout(end), done(true)) : requestAnimationFrame(look)
          look()
        }})""")

    async def arrive(self, *wanted: str) -> str:
        """What the next page shows, once it shows all of these texts: a look that the way there ends is taken again."""
        async with asyncio.timeout(2 * WAIT_S):
            while True:
                try:
                    return await self.text(*wanted)
                except AssertionError as ended:
                    if not re.search("navigated or closed|context was destroyed|Cannot find context", str(ended)):
                        raise

    async def click(self, text: str) -> None:
        """Click the first link or button that has this text, once there is one that can be clicked."""
        found = (
            "[...document.querySelectorAll('a, button, summary')].find((each) => "
            f"each.innerText.includes({json.dumps(text)}) && !each.disabled)"
        )
        await self.until(f"((each) => each ? (each.click(), true) : false)({found})")

    def forget(self, part: str, status: int = 404) -> None:
        """Take no complaint of the browser's own note of a refusal that a test asked for, whenever that note comes."""
        self._asked_for.add((f"{status}", part))

    async def shape(self, width: int, height: int, scheme: str = "light") -> None:
        """Give the page a size, and the system a colour scheme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._send("Emulation.setDeviceMetricsOverride", size)
        await self.media({"prefers-color-scheme": scheme})

    async def media(self, features: dict[str, str]) -> None:
        """Let the system have features that style sheets ask for, such as `forced-colors`; others are as usual."""
        given = [{"name": name, "value": value} for name, value in features.items()]
        await self._send("Emulation.setEmulatedMedia", {"features": given})

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, as `KeyboardEvent.key` names them."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, 0)
            params = {"key": key, "windowsVirtualKeyCode": code, **text}
            await self._send("Input.dispatchKeyEvent", {"type": "keyDown", **params})
            await self._send("Input.dispatchKeyEvent", {"type": "keyUp", "key": key, "windowsVirtualKeyCode": code})

    async def chord(self, key: str) -> None:
        """Press a letter with Ctrl."""
        params = {"key": key, "windowsVirtualKeyCode": ord(key.upper()), "modifiers": 2}
        await self._send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **params})
        await self._send("Input.dispatchKeyEvent", {"type": "keyUp", **params})

    async def drag(self, selector: str, begin: float, end: float) -> None:
        """Drag with the mouse over the middle of an element, from one share of its width to another."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.evaluate(f"{found}.scrollIntoView({{ block: 'center' }})")
        box = await self.evaluate(
            f"(({{ x, y, width, height }}) => [x, y, width, height])({found}.getBoundingClientRect())"
        )
        left, top, width, height = box
        steps = [("mouseMoved", begin), ("mousePressed", begin), ("mouseMoved", end), ("mouseReleased", end)]
        for kind, share in steps:
            pressed = (
                {} if (kind, share) == ("mouseMoved", begin) else {"button": "left", "buttons": 1, "clickCount": 1}
            )
            at = {"x": left + share * width, "y": top + height / 2}
            await self._send("Input.dispatchMouseEvent", {"type": kind, **at, **pressed})

    async def screenshot(self, file: Path) -> None:
        """Write a picture of the page."""
        taken = await self._send("Page.captureScreenshot", {"captureBeyondViewport": True})
        file.write_bytes(base64.b64decode(taken["data"]))

    async def picture(self, file: Path) -> None:
        """Write a small picture of what is in the window."""
        taken = await self._send("Page.captureScreenshot", {"format": "webp", "quality": 82})
        file.write_bytes(base64.b64decode(taken["data"]))

    async def close(self) -> None:
        """Close the browser."""
        self._session = None
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._send("Browser.close", {})
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = len(self._answers) + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message if self._session is None else {**message, "sessionId": self._session})
        async with asyncio.timeout(WAIT_S + 10):
            result: dict[str, Any] = await answer
            return result

    async def _read(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                answer = self._answers[event["id"]]
                if "error" in event:
                    answer.set_exception(AssertionError(event["error"]))
                else:
                    answer.set_result(event["result"])
            else:
                self._notice(event["method"], event.get("params", {}))

    def _notice(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self._notes.append(str(details.get("exception", {}).get("description") or details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self._notes.append(" ".join(str(each.get("value", each)) for each in params["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            text, url = params["entry"]["text"], params["entry"].get("url", "")
            of_gone = any(url.startswith(f"{host}/") for host in self.hosts_gone)
            if not of_gone or not re.search(_GONE, text):
                self._notes.append(f"{text} {url}")


@contextlib.asynccontextmanager
async def browse(profile: Path, *flags: str) -> AsyncIterator[Page]:
    """Start a browser with a fresh profile, and with further flags."""
    # The browser's own sandbox cannot run for root, as in a container.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *_FLAGS,
        *flags,
        *sandbox,
        f"--user-data-dir={profile}",
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(r"ws://\S+", (line := await process.stderr.readline()).decode())):
                assert line, "Chromium ended before it could be driven"
        rest = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as http, http.ws_connect(found[0], max_msg_size=0) as socket:
            page = Page(socket)
            try:
                yield page
            finally:
                await page.close()
                await rest
    finally:
        if process.returncode is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HANG_S):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
