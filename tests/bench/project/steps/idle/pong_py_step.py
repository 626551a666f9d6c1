import time

from pings import delays_ms
from pydantic import BaseModel


class Ping(BaseModel):
    at: float


config = {
    "type": "event",
    "name": "PongPy",
    "subscribes": ["ping.py"],
    "emits": [],
    "input": Ping.model_json_schema(),
}


async def handler(input_data, _context):
    delays_ms.append((time.perf_counter() - input_data["at"]) * 1000)
