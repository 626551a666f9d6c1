import re
from collections import Counter
from typing import Any

config = {
    "type": "event",
    "name": "ExtractKeywords",
    "description": "Finds the words that say what a ticket is about",
    "subscribes": ["ticket.triaged"],
    "emits": [],
    "input": {
        "type": "object",
        "properties": {"ticketId": {"type": "string"}, "text": {"type": "string"}},
        "required": ["ticketId", "text"],
    },
    "flows": ["ticket-triage"],
}

KEYWORDS_MAX = 5
WORD = re.compile(r"[^\W\d_]{3,}")
FILLERS = frozenset(
    "about after again all and any are because been but can cannot could did does for from get got had has have her "
    "him his how its just keeps may more not now off our out please she should since some than thank thanks that the "
    "their them then there they this was were what when which who why will with would you your".split()
)


def keywords_of(text: str) -> list[str]:
    """The most frequent words that are not fillers; among equals, the earlier ones."""
    words = (word for word in WORD.findall(text.lower()) if word not in FILLERS)
    return [word for word, _ in Counter(words).most_common(KEYWORDS_MAX)]


async def handler(event: dict[str, Any], context: Any) -> None:
    ticket_id = event["ticketId"]
    keywords = keywords_of(event["text"])

    # The record was written in TypeScript; both languages share one state.
    record = await context.state.get("tickets", ticket_id) or {}
    await context.state.set("tickets", ticket_id, {**record, "keywords": keywords})
    context.logger.info("Keywords extracted", {"ticketId": ticket_id, "keywords": keywords})
