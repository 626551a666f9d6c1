from pings import delays_ms

config = {"type": "api", "name": "PingsPy", "path": "/py/pings", "method": "GET", "emits": []}


async def handler(_req, _context):
    return {"status": 200, "body": {"delaysMs": delays_ms}}
