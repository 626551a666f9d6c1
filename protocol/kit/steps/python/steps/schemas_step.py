"""An HTTP endpoint with schemas, as plain JSON Schema: the environment may have no pydantic."""

_TITLED = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}

config = {
    "type": "api",
    "name": "Schemas",
    "path": "/schemas",
    "method": "POST",
    "bodySchema": _TITLED,
    "responseSchema": {200: _TITLED},
}


async def handler(request, context):
    """Answer with the body of the request."""
    return {"status": 200, "body": request.body}
