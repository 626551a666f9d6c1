"""Types of values, independent of any language: the content of a JSON Schema, ready to be printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

_MERGED_OPTIONS_MAX: Final = 64
"""Options of a merged intersection of unions, which is their product; a larger intersection is printed as written."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Type of every value."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Type without a value."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """Value of one simple type."""

    type: Literal["string", "number", "integer", "boolean", "null"]


@dataclass(frozen=True, slots=True)
class Instance:
    """Value that only one language has, made by the schema of a step."""

    type: Literal["Date"] | None
    """`None` where the type is unknown: the result of a transform."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One value with its type: in Python `1`, `1.0` and `True` are equal."""

    value: str | int | float | bool | None
    type: Literal["string", "number", "integer", "boolean", "null"]


@dataclass(frozen=True, slots=True)
class ListOf:
    """List of any length."""

    item: Form


@dataclass(frozen=True, slots=True)
class Positions:
    """List whose places have types of their own."""

    items: tuple[Form, ...]
    required: int
    """Number of places that must be present."""
    rest: Form
    """Type of further items; `Nothing` when there may be none."""


@dataclass(frozen=True, slots=True)
class Property:
    """Member of an object."""

    name: str
    form: Form
    required: bool
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """Map with text keys."""

    properties: tuple[Property, ...] = ()
    rest: Form | None = None
    """Type of all other keys; `Nothing` when there may be none, `None` when the schema does not mention them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several forms; made by `choice`."""

    options: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """All of several forms at once, where they cannot be merged; made by `both`."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Reference to a definition by its key; a definition may refer to itself."""

    key: str


Form: TypeAlias = (
    Anything | Nothing | Scalar | Instance | Constant | ListOf | Positions | Object | Choice | Both | Reference
)

ANYTHING: Final = Anything()
NOTHING: Final = Nothing()
TEXT: Final = Scalar("string")
NULL: Final = Scalar("null")
DATE: Final = Instance("Date")
UNTOLD: Final = Instance(None)

Lookup = Callable[[str], Form]
"""Function that returns the target of a reference, or `Anything` while it is not known yet."""


def constant(value: object) -> Form:
    """Make the form of exactly this JSON value."""
    match value:
        case bool():
            return Constant(value, "boolean")
        case str():
            return Constant(value, "string")
        case int():
            return Constant(value, "integer")
        case float():
            return Constant(int(value), "integer") if value.is_integer() else Constant(value, "number")
        case None:
            return NULL
        case list():
            return Positions(tuple(constant(each) for each in value), len(value), NOTHING)
        case dict():
            members = tuple(Property(str(name), constant(each), True) for name, each in value.items())
            return Object(members, NOTHING)
        case _:
            return ANYTHING


def choice(options: Iterable[Form]) -> Form:
    """Make a choice of these: flat, each once, in the given order."""
    flat: dict[Form, None] = {}
    for option in options:
        flat.update(dict.fromkeys(option.options if isinstance(option, Choice) else (option,)))
    flat.pop(NOTHING, None)
    if ANYTHING in flat:
        return ANYTHING
    if len(flat) > 1:
        return Choice(tuple(flat))
    return next(iter(flat), NOTHING)


def both(parts: Iterable[Form], lookup: Lookup) -> Form:
    """Merge forms into one that fits all of them; keep those that cannot be merged."""
    merged: Form = ANYTHING
    for part in parts:
        merged = _pair(merged, part, lookup)
    return merged


def _pair(left: Form, right: Form, lookup: Lookup) -> Form:
    if left == right or isinstance(right, Anything):
        return left
    if isinstance(left, Anything):
        return right
    if isinstance(left, Nothing) or isinstance(right, Nothing):
        return NOTHING
    if isinstance(left, Both) or isinstance(right, Both):
        return _together(left, right)
    if isinstance(left, Choice) or isinstance(right, Choice):
        return _distributed(left, right, lookup)
    if isinstance(left, Reference) or isinstance(right, Reference):
        return _resolved(left, right, lookup)
    return _plain_pair(left, right, lookup)


def _distributed(left: Form, right: Form, lookup: Lookup) -> Form:
    lefts = left.options if isinstance(left, Choice) else (left,)
    rights = right.options if isinstance(right, Choice) else (right,)
    if len(lefts) * len(rights) > _MERGED_OPTIONS_MAX:
        shared = set(lefts) & set(rights)
        if all(isinstance(each, Constant) for each in (*lefts, *rights)):
            return choice(each for each in lefts if each in shared)
        return _together(left, right)
    return choice(_pair(one, other, lookup) for one in lefts for other in rights)


def _resolved(left: Form, right: Form, lookup: Lookup) -> Form:
    one = lookup(left.key) if isinstance(left, Reference) else left
    other = lookup(right.key) if isinstance(right, Reference) else right
    # The target of a reference may be another reference, or the definition that is being read.
    if isinstance(one, Object) and isinstance(other, Object):
        return _objects(one, other, lookup)
    if isinstance(one, Scalar | Constant | ListOf | Positions) and isinstance(other, Scalar | Constant):
        return _plain_pair(one, other, lookup)
    return _together(left, right)


def _together(left: Form, right: Form) -> Form:
    parts: dict[Form, None] = {}
    for part in (left, right):
        parts.update(dict.fromkeys(part.parts if isinstance(part, Both) else (part,)))
    return Both(tuple(parts))


def _plain_pair(left: Form, right: Form, lookup: Lookup) -> Form:
    match left, right:
        case Object(), Object():
            return _objects(left, right, lookup)
        case ListOf(), ListOf():
            return ListOf(_pair(left.item, right.item, lookup))
        case Positions(), ListOf():
            return _tuple_of(left, right, lookup)
        case ListOf(), Positions():
            return _tuple_of(right, left, lookup)
        case Positions(), Positions():
            return _together(left, right)
        case ((Scalar() | Constant()), (Scalar() | Constant())):
            return _simple(left, right)
        case _:
            return NOTHING


def _simple(left: Scalar | Constant, right: Scalar | Constant) -> Form:
    types = {left.type, right.type}
    if types not in ({left.type}, {"integer", "number"}):
        return NOTHING
    if isinstance(left, Constant) and isinstance(right, Constant):
        return NOTHING  # two different values
    if isinstance(left, Constant) or isinstance(right, Constant):
        value = left if isinstance(left, Constant) else right
        whole = value.type == "integer" or "integer" not in types
        return value if whole else NOTHING
    return Scalar("integer")


def _tuple_of(places: Positions, items: ListOf, lookup: Lookup) -> Form:
    forms = tuple(_pair(each, items.item, lookup) for each in places.items)
    return replace(places, items=forms, rest=_pair(places.rest, items.item, lookup))


def _objects(left: Object, right: Object, lookup: Lookup) -> Form:
    mine, others = ({each.name: each for each in form.properties} for form in (left, right))
    properties: list[Property] = []
    for name in {**mine, **others}:
        one, other = mine.get(name), others.get(name)
        known = one or other
        assert known is not None
        form = _pair(_member(one, left), _member(other, right), lookup)
        required = bool((one and one.required) or (other and other.required))
        if not isinstance(form, Nothing):
            properties.append(Property(name, form, required, known.description))
        elif required:
            return NOTHING
    return Object(tuple(properties), _rest(left.rest, right.rest, lookup))


def _member(own: Property | None, owner: Object) -> Form:
    """Return the form of a key: of its property, else of all other keys."""
    if own is not None:
        return own.form
    return ANYTHING if owner.rest is None else owner.rest


def _rest(left: Form | None, right: Form | None, lookup: Lookup) -> Form | None:
    if left is None or right is None:
        return right if left is None else left
    return _pair(left, right, lookup)


def references(form: Form) -> Sequence[str]:
    """List the keys of the definitions that a form itself refers to, in order."""
    found: dict[str, None] = {}
    waiting: list[Form] = [form]
    while waiting:
        match waiting.pop():
            case Reference(key):
                found[key] = None
            case ListOf(item):
                waiting.append(item)
            case Positions(items, _, rest):
                waiting += [rest, *reversed(items)]
            case Object(properties, rest):
                waiting += [*(() if rest is None else (rest,)), *(each.form for each in reversed(properties))]
            case Choice(parts) | Both(parts):
                waiting += reversed(parts)
    return list(found)
