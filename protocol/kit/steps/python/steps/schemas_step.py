"""An HTTP endpoint with schemas: a type that says what it is and makes values, as pydantic's models do."""


class Titled:
    """The environment may have no pydantic, so this is what the bridge asks of a model."""

    @staticmethod
    def model_json_schema(mode):
        """Describe the input as JSON Schema."""
        return {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}

    @staticmethod
    def model_validate(value):
        """Take a text as the title, trimmed."""
        if not isinstance(value.get("title"), str):
            raise NotText("title")
        return {"title": value["title"].strip()}


class NotText(ValueError):
    """Has its places, as pydantic's errors have."""

    def errors(self, **_):
        """One for each place."""
        return [{"loc": self.args, "msg": "must be a text", "type": "text"}]


config = {
    "type": "api",
    "name": "Schemas",
    "path": "/schemas",
    "method": "POST",
    "bodySchema": Titled,
    "responseSchema": {200: Titled},
}


async def handler(request, context):
    """Answer with the body of the request."""
    return {"status": 200, "body": request.body}
