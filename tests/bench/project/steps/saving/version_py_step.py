VERSION = 0

config = {"type": "api", "name": "VersionPy", "path": "/py/version", "method": "GET", "emits": []}


async def handler(_req, _context):
    return {"status": 200, "body": {"version": VERSION}}
