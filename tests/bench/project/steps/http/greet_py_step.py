from pydantic import BaseModel, Field


class Visitor(BaseModel):
    name: str = Field(min_length=1)
    visits: int


config = {
    "type": "api",
    "name": "GreetPy",
    "path": "/py/greet",
    "method": "POST",
    "bodySchema": Visitor.model_json_schema(),
    "emits": [],
}


async def handler(req, context):
    body = req["body"]
    return {"status": 200, "body": {"greeting": f"Hello {body['name']}", "visits": body["visits"] + 1}}
