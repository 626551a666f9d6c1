"""Asks a person about an expense and keeps the decision."""

from polystep_types import ApproveExpenseContext, ExpenseRequested

config = {
    "type": "event",
    "name": "ApproveExpense",
    "description": "Asks a person about an expense and keeps the decision",
    "subscribes": ["expense.requested"],
    "emits": [],
    "input": {
        "type": "object",
        "properties": {
            "expenseId": {"type": "string"},
            "purpose": {"type": "string"},
            "amount": {"type": "number"},
        },
        "required": ["expenseId", "purpose", "amount"],
    },
    "flows": ["approval"],
}

DECISION = {
    "type": "object",
    "properties": {"approve": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["approve"],
}
"""Form of the decision."""


async def handler(expense: ExpenseRequested, context: ApproveExpenseContext) -> None:
    """Ask, and keep what was decided."""
    # The run leaves its process here, and starts again from the top with the answer.
    answer = await context.ask(
        "may it be spent",
        title=f"Spend {expense['amount']} on {expense['purpose']}?",
        data=expense,
        schema=DECISION,
        timeout="2d",
    )
    approved = answer.status == "answered" and answer.value["approve"]
    status = "approved" if approved else "refused"
    await context.state.update("expenses", expense["expenseId"], [{"type": "set", "path": "status", "value": status}])
    context.logger.info("Expense decided", {"expenseId": expense["expenseId"], "status": status})
