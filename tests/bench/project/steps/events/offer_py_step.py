import asyncio
import math

from samples import begin, now_ms

TICK_S = 0.004

# Emits at a steady rate, whatever becomes of the events: each emit is a write of its own.
config = {"type": "api", "name": "OfferPy", "path": "/py/offer", "method": "POST", "emits": ["offered.py"]}


async def handler(req, context):
    per_second, wanted = req["body"]["perSecond"], round(req["body"]["perSecond"] * req["body"]["seconds"])
    begin(wanted)
    began = now_ms()
    emits = []
    while len(emits) < wanted:
        due = min(wanted, math.ceil((now_ms() - began) / 1000 * per_second))
        while len(emits) < due:
            emits.append(context.emit({"topic": "offered.py", "data": {"number": len(emits), "at": now_ms()}}))
        await asyncio.sleep(TICK_S)
    await asyncio.gather(*emits)
    return {"status": 200, "body": {"emitted": wanted}}
