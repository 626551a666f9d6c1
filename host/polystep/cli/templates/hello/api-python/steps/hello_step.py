"""Answers at once and leaves the greeting to an event step."""

from polystep_types import HelloContext, HelloRequest, HelloResponse

config = {
    "type": "api",
    "name": "Hello",
    "description": "Answers at once and leaves the greeting to an event step",
    "method": "GET",
    "path": "/hello",
    "queryParams": [{"name": "name", "description": "Who to greet"}],
    "responseSchema": {
        200: {
            "type": "object",
            "properties": {"message": {"type": "string"}, "greetingId": {"type": "string"}},
            "required": ["message", "greetingId"],
        },
    },
    "emits": ["hello.said"],
    "flows": ["hello"],
}


async def handler(request: HelloRequest, context: HelloContext) -> HelloResponse:
    """Emit who is to be greeted, and answer with the id of the greeting."""
    name = str(request["queryParams"].get("name") or "world")
    context.logger.info("Someone said hello", {"name": name})

    greeting_id = context.trace_id
    await context.emit({"topic": "hello.said", "data": {"greetingId": greeting_id, "name": name}})
    return {"status": 200, "body": {"message": f"Hello, {name}!", "greetingId": greeting_id}}
