from pydantic import BaseModel
from samples import now_ms, took


class Link(BaseModel):
    chain: int
    left: int
    at: float


# Each event writes state and emits the next one: as many are in flight as chains were started.
config = {
    "type": "event",
    "name": "ChainPy",
    "subscribes": ["chain.py"],
    "emits": ["chain.py"],
    "input": Link.model_json_schema(),
}


async def handler(input_data, context):
    chain, left, at = input_data["chain"], input_data["left"], input_data["at"]
    now = now_ms()
    if at > 0:
        took(now - at)
    await context.state.set("chains", f"py-{chain}", {"left": left, "at": now, "note": "A value of usual size"})
    if left > 0:
        await context.emit({"topic": "chain.py", "data": {"chain": chain, "left": left - 1, "at": now}})
