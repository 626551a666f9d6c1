"""The step ApproveExpense, called as the runner calls it."""

from types import SimpleNamespace
from unittest import IsolatedAsyncioTestCase
from unittest.mock import AsyncMock, Mock

from steps.approve_expense_step import handler


class ApproveExpenseTest(IsolatedAsyncioTestCase):
    """Statuses that the step makes of answers."""

    async def decided(self, answer: SimpleNamespace) -> str:
        """Run the step with the answer of a person; returns the status that it kept."""
        state = SimpleNamespace(update=AsyncMock())
        context = SimpleNamespace(ask=AsyncMock(return_value=answer), logger=Mock(), state=state)
        await handler({"expenseId": "1", "purpose": "A chair", "amount": 180}, context)
        group, key, (change,) = state.update.await_args.args
        self.assertEqual((group, key, change["type"], change["path"]), ("expenses", "1", "set", "status"))
        return str(change["value"])

    async def test_a_person_decides(self) -> None:
        for approve, status in ((True, "approved"), (False, "refused")):
            answer = SimpleNamespace(status="answered", value={"approve": approve})
            self.assertEqual(await self.decided(answer), status)

    async def test_nobody_decides(self) -> None:
        self.assertEqual(await self.decided(SimpleNamespace(status="timeout", value=None)), "refused")
