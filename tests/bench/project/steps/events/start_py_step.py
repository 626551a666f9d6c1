import asyncio

from samples import begin

config = {"type": "api", "name": "StartPy", "path": "/py/chains", "method": "POST", "emits": ["chain.py"]}


async def handler(req, context):
    chains, length = req["body"]["chains"], req["body"]["length"]
    begin(chains * length)
    starts = [{"topic": "chain.py", "data": {"chain": chain, "left": length, "at": 0}} for chain in range(chains)]
    await asyncio.gather(*(context.emit(start) for start in starts))
    return {"status": 200, "body": {"started": chains}}
