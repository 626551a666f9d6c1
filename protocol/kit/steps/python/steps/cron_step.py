"""A cron step: its handler takes the context alone."""

config = {"type": "cron", "name": "Cron", "cron": "0 9 * * *"}


async def handler(context):
    """Write down what the context says of the run."""
    seen = {"trace_id": context.trace_id, "attempt": context.attempt, "flows": context.flows}
    await context.state.set("cron", "seen", seen)
