"""Rules about who may use streams: how they are loaded and asked (PS-6.5, PS-6.6)."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import WireError

RULE = """
import asyncio
from pydantic import BaseModel

class Who(BaseModel):
    user: str

context_schema = Who

async def authenticate(request, context=None):
    assert context is None
    await asyncio.sleep(0)
    return Who(user=request.headers["x-user"])
"""
PLAIN = "def authenticate(request):\n    return {'url': request['url']}\n"
GUARDED = """
async def canAccess(subscription, auth):
    print("asked")
    return [subscription.groupId, auth and auth.user]

config = {"name": "s", "KEY": canAccess}
"""


async def ask(host: Any, file: str, type_: str, given: Any) -> Any:
    """Run a rule."""
    return await host.run(file, given, type=type_)


async def load(host: Any, file: str, kind: str) -> Any:
    """Load a file of this kind."""
    return await host.request("step.load", {"file": file, "kind": kind})


async def test_an_access_file_is_loaded_with_the_schema_of_its_context(start: Any) -> None:
    host = await start({"steps/who_access.py": RULE})
    answer = await load(host, "steps/who_access.py", "access")
    assert answer["handler"] is True
    assert answer["config"]["contextSchema"]["required"] == ["user"]
    given = {"headers": {"x-user": "ada"}, "url": "/"}
    assert await ask(host, "steps/who_access.py", "authenticate", given) == {"user": "ada"}


async def test_a_plain_function_is_a_rule_too(start: Any) -> None:
    host = await start({"steps/who_access.py": PLAIN})
    assert await load(host, "steps/who_access.py", "access") == {"config": {}, "handler": True}
    assert await ask(host, "steps/who_access.py", "authenticate", {"headers": {}, "url": "/x"}) == {"url": "/x"}


async def test_an_access_file_without_a_rule_does_not_load(start: Any) -> None:
    host = await start({"steps/who_access.py": "config = {'name': 'x'}"})
    with pytest.raises(WireError, match="has no authenticate"):
        await load(host, "steps/who_access.py", "access")


@pytest.mark.parametrize("key", ["canAccess", "can_access"])
async def test_a_stream_is_guarded_in_either_spelling(start: Any, key: str) -> None:
    host = await start({"steps/s_stream.py": GUARDED.replace("KEY", key)})
    answer = await load(host, "steps/s_stream.py", "stream")
    assert (answer["config"][key], answer["handler"]) == (True, False)
    given = {"subscription": {"groupId": "g"}, "context": {"user": "ada"}}
    assert await ask(host, "steps/s_stream.py", "can_access", given) is True


async def test_a_misspelled_rule_is_told_to_the_host_which_refuses_it(start: Any) -> None:
    host = await start({"steps/s_stream.py": GUARDED.replace("KEY", "CanAccess")})
    answer = await load(host, "steps/s_stream.py", "stream")
    assert answer["config"]["CanAccess"] is True


async def test_a_file_without_the_rule_gives_no_answer(start: Any) -> None:
    host = await start({"steps/s_stream.py": "config = {'name': 's'}"})
    await load(host, "steps/s_stream.py", "stream")
    with pytest.raises(WireError, match="invalid_params"):
        await ask(host, "steps/s_stream.py", "can_access", {"subscription": {"groupId": "g"}, "context": None})
