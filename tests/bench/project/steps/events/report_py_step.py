from samples import report

config = {"type": "api", "name": "ReportPy", "path": "/py/report", "method": "GET", "emits": []}


async def handler(_req, _context):
    return {"status": 200, "body": report()}
