"""Takes an expense and answers before anybody has decided about it."""

from polystep_types import RequestExpenseContext, RequestExpenseRequest, RequestExpenseResponse

config = {
    "type": "api",
    "name": "RequestExpense",
    "description": "Takes an expense and answers before anybody has decided about it",
    "method": "POST",
    "path": "/expenses",
    "bodySchema": {
        "type": "object",
        "properties": {
            "purpose": {"type": "string", "minLength": 1},
            "amount": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["purpose", "amount"],
    },
    "responseSchema": {
        202: {
            "type": "object",
            "properties": {"expenseId": {"type": "string"}, "status": {"const": "requested"}},
            "required": ["expenseId", "status"],
        },
    },
    "emits": ["expense.requested"],
    "flows": ["approval"],
}


async def handler(request: RequestExpenseRequest, context: RequestExpenseContext) -> RequestExpenseResponse:
    """Keep the expense and emit it."""
    expense = {"purpose": request["body"]["purpose"], "amount": request["body"]["amount"]}
    expense_id = context.trace_id

    await context.state.set("expenses", expense_id, {**expense, "status": "requested"})
    await context.emit({"topic": "expense.requested", "data": {"expenseId": expense_id, **expense}})
    return {"status": 202, "body": {"expenseId": expense_id, "status": "requested"}}
