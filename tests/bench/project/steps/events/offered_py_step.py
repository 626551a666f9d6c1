from pydantic import BaseModel
from samples import now_ms, took


class Offered(BaseModel):
    number: int
    at: float


config = {
    "type": "event",
    "name": "OfferedPy",
    "subscribes": ["offered.py"],
    "emits": [],
    "input": Offered.model_json_schema(),
}


async def handler(input_data, context):
    number, at = input_data["number"], input_data["at"]
    took(now_ms() - at)
    value = {"number": number, "at": at, "note": "A value of usual size"}
    await context.state.set("offered", f"py-{number % 1000}", value)
