"""Let clients with a name open a WebSocket."""

context_schema = {"type": "object", "required": ["user"], "properties": {"user": {"type": "string"}}}


async def authenticate(request):
    """Headers and URL are all that is known of the client."""
    user = request["headers"]["authorization"].removeprefix("Bearer ")
    if user == "broken":
        raise ValueError("broken on purpose")
    return None if user == "nobody" else {"user": user, "url": request["url"]}
