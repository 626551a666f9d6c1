"""The step RequestExpense, called as the runner calls it."""

from types import SimpleNamespace
from unittest import IsolatedAsyncioTestCase
from unittest.mock import AsyncMock

from steps.request_expense_step import handler


class RequestExpenseTest(IsolatedAsyncioTestCase):
    """Answers, state and events of the step."""

    async def test_an_expense_is_kept_emitted_and_answered_at_once(self) -> None:
        context = SimpleNamespace(trace_id="trace-1", state=SimpleNamespace(set=AsyncMock()), emit=AsyncMock())

        answer = await handler({"body": {"purpose": "A chair", "amount": 180}}, context)

        self.assertEqual(answer, {"status": 202, "body": {"expenseId": "trace-1", "status": "requested"}})
        context.state.set.assert_awaited_once_with(
            "expenses", "trace-1", {"purpose": "A chair", "amount": 180, "status": "requested"}
        )
        context.emit.assert_awaited_once_with(
            {"topic": "expense.requested", "data": {"expenseId": "trace-1", "purpose": "A chair", "amount": 180}}
        )
