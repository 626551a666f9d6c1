"""Payloads for a JSON Schema: some that fit, some that miss it at one edge, some that have nothing to do with it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

import jsonschema_rs

from tests.contract.verdicts.corpus import GROUPS, INTEGER_MAX, NAMES, NUMBERS, TEXTS

_DEPTH_MAX: Final = 6
_ASTRAL: Final = "😀"
_NEAR_NUMBERS: Final[tuple[str | bool, ...]] = (*GROUPS["numbers"], True, False)


class Payloads:
    """Makes payloads for one schema; the same seed makes the same ones."""

    def __init__(self, schema: Any, seed: str) -> None:
        self._root, self._random = schema, Random(seed)
        self._fitting = dict[str, tuple[list[str], list[str]]]()
        self._wild = 0.0

    def take(self, count: int) -> list[Any]:
        """`count` payloads: two in five are meant to fit, half have edges here and there, the rest is anything."""
        made = []
        for index in range(count):
            self._wild = (0.0, 0.0, 0.0, 0.0, 0.15, 0.15, 0.15, 0.3, 0.3)[index % 10 % 9]
            made.append(self._anything(2) if index % 10 == 9 else self._value(self._root, 0))
        return made

    def _value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEPTH_MAX:
            return self._anything(1)
        if self._random.random() < self._wild:
            return self._anything(1)
        if "$ref" in schema:
            return self._value(self._resolved(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                branch = self._random.choice(schema[keyword])
                rest = {key: value for key, value in schema.items() if key != keyword}
                return self._value({**rest, **branch} if isinstance(branch, dict) else branch, depth)
        if "allOf" in schema and "type" not in schema:
            return self._value(self._merged(schema), depth + 1)
        return self._typed(schema, depth)

    def _resolved(self, reference: str) -> Any:
        found = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            found = found[int(part) if isinstance(found, list) else part.replace("~1", "/").replace("~0", "~")]
        return found

    def _merged(self, schema: dict[str, Any]) -> Any:
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            part = self._resolved(part["$ref"]) if "$ref" in part else part
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            required = [*merged.get("required", []), *part.get("required", [])]
            merged |= part | ({"properties": properties, "required": required} if properties else {})
        return merged

    def _typed(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        kind = self._random.choice(kind) if isinstance(kind, list) else kind
        makers: dict[Any, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "string": lambda: self._text(schema),
            "number": lambda: self._number(schema),
            "integer": lambda: self._number(schema),
            "boolean": lambda: self._random.random() < 0.5,
            "null": lambda: None,
        }
        return makers.get(kind, lambda: self._anything(1))()

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        random, made = self._random, dict[str, Any]()
        required = set(schema.get("required", ()))
        for name, member in schema.get("properties", {}).items():
            present = random.random() >= self._wild / 2 if name in required else random.random() < 0.6 - depth / 10
            if present:
                made[name] = self._value(member, depth + 1)
        more = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
        names = schema.get("propertyNames", {})
        patterns = schema.get("patternProperties", {})
        if isinstance(more, dict) or patterns:
            for name in required - made.keys():
                made[name] = self._value(more, depth + 1)
            for _ in range(random.randrange(3)):
                name = self._value({"type": "string", **names}, depth) if names else random.choice(NAMES[1:])
                made[str(name)] = self._value(
                    more if isinstance(more, dict) else next(iter(patterns.values())), depth + 1
                )
        if random.random() < self._wild or (more is not False and random.random() < 0.05):
            made[random.choice(NAMES)] = self._anything(0)
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any] | dict[str, Any]:
        prefix, items = schema.get("prefixItems", []), schema.get("items", True)
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        count = self._random.choice((low, low + 1, low + 2, high if high is not None else low + 3))
        count = min(count, high) if high is not None else count
        if self._random.random() < self._wild:
            count = max(0, self._random.choice((low - 1, (high or low) + 1, len(prefix) - 1)))
        if prefix and self._random.random() < self._wild / 4:
            return {"x": 1, "label": "a"}
        if prefix and items is False:
            count = min(count, len(prefix))
        made = [self._value(prefix[index] if index < len(prefix) else items, depth + 1) for index in range(count)]
        if made and self._random.random() < 0.1:
            made.append(made[0])
        return made

    def _text(self, schema: dict[str, Any]) -> str:
        low, high = schema.get("minLength"), schema.get("maxLength")
        roll = self._random.random()
        if "pattern" in schema or "format" in schema or "allOf" in schema:
            fitting, near = self._texts_for(schema)
            if roll < 0.85:
                return self._random.choice(fitting if roll < 0.6 - self._wild else near)
        elif (low is not None or high is not None) and roll < 0.8:
            return self._text_of_length(low, high)
        return self._random.choice(TEXTS)

    def _text_of_length(self, low: int | None, high: int | None) -> str:
        edges = [edge for edge in (low, high) if edge is not None]
        length = self._random.choice(edges)
        if self._random.random() < 0.1 + self._wild:
            length = max(0, length + self._random.choice((-1, 1)))
        alphabet = self._random.choice(("a", "b", "é", _ASTRAL, f"a{_ASTRAL}", " a"))
        return "".join(self._random.choice(alphabet) for _ in range(length))

    def _texts_for(self, schema: dict[str, Any]) -> tuple[list[str], list[str]]:
        """The texts that fit, and all those that stand beside one of them."""
        key = repr(sorted(schema.items(), key=repr))
        if key not in self._fitting:
            fits = jsonschema_rs.validator_for({**schema, "$schema": _DIALECT}, validate_formats=True).is_valid
            fitting = [text for text in TEXTS if fits(text)] or list(TEXTS)
            near = [group for group in GROUPS.values() if not set(fitting).isdisjoint(group)]
            self._fitting[key] = fitting, [text for group in near for text in group]
        return self._fitting[key]

    def _number(self, schema: dict[str, Any]) -> int | float | str:
        random, step = self._random, schema.get("multipleOf")
        if random.random() < self._wild / 2:
            return random.choice(_NEAR_NUMBERS)
        bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        edges = [schema[bound] for bound in bounds if bound in schema]
        roll = random.random()
        if step is not None and roll < 0.6:
            made: int | float = step * random.randrange(-3, 40) + (step / 2 if random.random() < self._wild else 0)
        elif edges and roll < 0.6:
            made = random.choice(edges) + random.choice((0, 0, 1, -1, 0.5, -0.5))
        elif roll < 0.8:
            made = random.randrange(-10, 110)
        else:
            made = random.choice(NUMBERS)
        if schema.get("type") == "integer" and random.random() >= self._wild and abs(made) <= INTEGER_MAX:
            made = int(made) if random.random() < 0.9 else float(int(made))
        return made if isinstance(made, float) else max(-INTEGER_MAX, min(INTEGER_MAX, made))

    def _anything(self, depth: int) -> Any:
        random = self._random
        match random.randrange(10 if depth > 0 else 8):
            case 0 | 1 | 2:
                return random.choice(TEXTS)
            case 3 | 4:
                return random.choice(NUMBERS)
            case 5:
                return None
            case 6:
                return random.random() < 0.5
            case 7:
                return random.choice(([], {}, "", 0, {"x": 1}))
            case 8:
                return [self._anything(depth - 1) for _ in range(random.randrange(4))]
            case _:
                return {random.choice(NAMES): self._anything(depth - 1) for _ in range(random.randrange(3))}


_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
