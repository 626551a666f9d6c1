"""A stream whose groups are users, each of which may follow its own."""


def can_access(subscription, auth):
    """Whatever is true or false to the language."""
    if subscription["groupId"] == "broken":
        raise ValueError("broken on purpose")
    if subscription["groupId"] == "open":
        return auth is None
    return subscription.get("id") if subscription["groupId"] == auth["user"] else ""


config = {"name": "guarded", "schema": {"type": "object"}, "canAccess": can_access}
