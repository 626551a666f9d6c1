"""Writes a greeting for everyone who says hello."""

from datetime import UTC, datetime

from polystep_types import GreetContext, HelloSaid

config = {
    "type": "event",
    "name": "Greet",
    "description": "Keeps a greeting in the state group 'greetings'",
    "subscribes": ["hello.said"],
    "emits": [],
    "input": {
        "type": "object",
        "properties": {"greetingId": {"type": "string"}, "name": {"type": "string"}},
        "required": ["greetingId", "name"],
    },
    "flows": ["hello"],
}


async def handler(event: HelloSaid, context: GreetContext) -> None:
    """Store the greeting under its id and say so in the log."""
    greeting = {"text": f"Good to see you, {event['name']}!", "at": datetime.now(UTC).isoformat()}
    await context.state.set("greetings", event["greetingId"], greeting)
    context.logger.info("Greeting kept", greeting)
