from done import delays_ms

config = {"type": "api", "name": "TicketsDone", "path": "/tickets/done", "method": "GET", "emits": []}


async def handler(req, _context):
    if "reset" in req["queryParams"]:
        delays_ms.clear()
    ranked = sorted(delays_ms) if "report" in req["queryParams"] else []

    def at(share):
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] if ranked else 0

    return {"status": 200, "body": {"done": len(delays_ms), "p50Ms": at(0.5), "p99Ms": at(0.99)}}
