"""The step Greet, called as the runner calls it."""

from types import SimpleNamespace
from unittest import IsolatedAsyncioTestCase
from unittest.mock import AsyncMock, Mock

from steps.greet_step import handler


class GreetTest(IsolatedAsyncioTestCase):
    """Greetings that the step keeps."""

    async def test_it_keeps_a_greeting_under_its_id(self) -> None:
        context = SimpleNamespace(logger=Mock(), state=SimpleNamespace(set=AsyncMock()))

        await handler({"greetingId": "1", "name": "Ada"}, context)

        group, key, greeting = context.state.set.await_args.args
        self.assertEqual((group, key, greeting["text"]), ("greetings", "1", "Good to see you, Ada!"))
