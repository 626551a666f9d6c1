import re
import time
from collections import Counter

from done import delays_ms

config = {
    "type": "event",
    "name": "ExtractKeywords",
    "subscribes": ["ticket.triaged"],
    "emits": [],
    "flows": ["ticket-triage"],
}

STOPWORDS = {"the", "a", "an", "to", "is", "it", "and", "i", "my", "of", "for"}


async def handler(input_data, context):
    ticket_id = input_data.get("ticketId")
    text = input_data.get("text", "").lower()
    words = [w for w in re.findall(r"[a-z]{3,}", text) if w not in STOPWORDS]
    top = [word for word, _ in Counter(words).most_common(5)]
    context.logger.info("Keywords extracted", {"ticketId": ticket_id, "keywords": top})
    existing = await context.state.get("tickets", ticket_id) or {}
    existing["keywords"] = top
    await context.state.set("tickets", ticket_id, existing)
    delays_ms.append(time.time() * 1000 - input_data["at"])
