"""The step Hello, called as the runner calls it."""

from types import SimpleNamespace
from unittest import IsolatedAsyncioTestCase
from unittest.mock import AsyncMock, Mock

from steps.hello_step import handler


class HelloTest(IsolatedAsyncioTestCase):
    """Answers and events of the step."""

    async def test_it_answers_with_the_name_and_emits_who_is_to_be_greeted(self) -> None:
        context = SimpleNamespace(trace_id="trace-1", logger=Mock(), emit=AsyncMock())

        answer = await handler({"queryParams": {"name": "Ada"}}, context)

        self.assertEqual(answer, {"status": 200, "body": {"message": "Hello, Ada!", "greetingId": "trace-1"}})
        context.emit.assert_awaited_once_with({"topic": "hello.said", "data": {"greetingId": "trace-1", "name": "Ada"}})
