import time

config = {"type": "api", "name": "PingPy", "path": "/py/ping", "method": "POST", "emits": ["ping.py"]}


async def handler(_req, context):
    await context.emit({"topic": "ping.py", "data": {"at": time.perf_counter()}})
    return {"status": 200, "body": {"sent": True}}
