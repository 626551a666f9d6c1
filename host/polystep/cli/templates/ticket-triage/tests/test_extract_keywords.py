"""The step ExtractKeywords, called as the runner calls it."""

from types import SimpleNamespace
from unittest import IsolatedAsyncioTestCase
from unittest.mock import AsyncMock, Mock

from steps.extract_keywords_step import handler, keywords_of


class ExtractKeywordsTest(IsolatedAsyncioTestCase):
    """Words that it finds, and where it keeps them."""

    def test_frequent_words_come_first_and_fillers_never(self) -> None:
        self.assertEqual(keywords_of("My password and the password page"), ["password", "page"])

    async def test_the_record_of_the_ticket_keeps_what_it_had(self) -> None:
        state = SimpleNamespace(get=AsyncMock(return_value={"priority": "high"}), set=AsyncMock())

        await handler({"ticketId": "1", "text": "Password"}, SimpleNamespace(state=state, logger=Mock()))

        state.set.assert_awaited_once_with("tickets", "1", {"priority": "high", "keywords": ["password"]})
