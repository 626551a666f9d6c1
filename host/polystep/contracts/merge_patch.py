"""JSON merge patches (RFC 7386)."""

from __future__ import annotations

from polystep.contracts.values import JSONValue


def merged(target: JSONValue, patch: JSONValue) -> JSONValue:
    """Return a value with a patch applied; neither of the two is changed.

    Members of the patch replace those of the target, objects are merged member by member, and `null` removes a member.
    A patch that is no object is the new value, and a target that is none counts as an empty object.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, change in patch.items():
        if change is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), change)
    return result
