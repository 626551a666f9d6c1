"""Printer of TypeScript types."""

from __future__ import annotations

import json
import re
from typing import Final

from polystep.codegen.forms import (
    ANYTHING,
    Anything,
    Both,
    Choice,
    Constant,
    Form,
    Instance,
    ListOf,
    Nothing,
    Object,
    Positions,
    Property,
    Reference,
    Scalar,
    choice,
)
from polystep.codegen.schemas import Definitions

_LINE_CHARS: Final = 100
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_SCALARS: Final = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_UNDEFINED: Final = "undefined"


class TypeScriptTypes:
    """Printer of forms. Definitions become types in the namespace `Schemas`, which may refer to each other."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._names: dict[str, str] = {}

    def of(self, form: Form, indent: str = "") -> str:
        """Print a type; its further lines begin with `indent`."""
        match form:
            case Anything() | Nothing() | Scalar() | Instance() | Constant():
                return _plain(form)
            case ListOf(item):
                return f"{self._grouped(item, indent)}[]"
            case Positions():
                return self._tuple(form, indent)
            case Object():
                return self._object(form, indent)
            case Choice(options):
                return " | ".join(dict.fromkeys(self._grouped(each, indent, within="|") for each in options))
            case Both(parts):
                return " & ".join(dict.fromkeys(self._grouped(each, indent) for each in parts))
            case Reference(key):
                return self._reference(key)

    def definitions(self, indent: str) -> list[str]:
        """Print `Schemas`: the definitions that were used, and those that they refer to in turn."""
        lines: list[str] = []
        done: set[str] = set()
        while waiting := [key for key in self._names if key not in done]:
            for key in waiting:
                done.add(key)
                form = self._definitions.resolve(key)
                # Aliases, not members of an interface: only aliases may be unions and lists of themselves.
                lines.append(f"{indent}type {self._names[key]} = {self.of(form, indent)}")
        return sorted(lines)

    def _reference(self, key: str) -> str:
        form = self._definitions.resolve(key)
        if isinstance(form, Anything | Nothing | Scalar):
            return self.of(form)
        if key not in self._names:
            wanted = type_name(self._definitions.names.get(key, ""))
            taken, name, count = set(self._names.values()), wanted, 1
            while name in taken:
                count += 1
                name = f"{wanted}_{count}"
            self._names[key] = name
        return f"Schemas.{self._names[key]}"

    def _grouped(self, form: Form, indent: str, within: str = "") -> str:
        text = self.of(form, indent)
        joined = isinstance(form, Both) or (isinstance(form, Choice) and within != "|")
        return f"({text})" if joined else text

    def _tuple(self, form: Positions, indent: str) -> str:
        places = [
            f"{self._grouped(each, indent)}{'' if at < form.required else '?'}" for at, each in enumerate(form.items)
        ]
        if not isinstance(form.rest, Nothing):
            places.append(f"...{self._grouped(form.rest, indent)}[]")
        return f"[{', '.join(places)}]"

    def _object(self, form: Object, indent: str) -> str:
        inner = f"{indent}  "
        members = [self._property(each, inner) for each in form.properties]
        rest = self._rest(form, inner)
        if rest is not None:
            members.append(f"[key: string]: {rest}")
        plain = f"{{ {'; '.join(members)} }}"
        if len(plain) + len(indent) <= _LINE_CHARS and "\n" not in plain:
            return plain
        return "\n".join(["{", *(f"{inner}{member}" for member in members), f"{indent}}}"])

    def _property(self, each: Property, indent: str) -> str:
        mark = "" if each.required else "?"
        text = f"{property_name(each.name)}{mark}: {self.of(each.form, indent)}"
        return text if each.description is None else f"{comment(each.description, indent)}\n{indent}{text}"

    def _rest(self, form: Object, indent: str) -> str | None:
        if not form.properties:
            return self.of(ANYTHING if form.rest is None else form.rest, indent)
        if form.rest is None or isinstance(form.rest, Nothing):
            return None
        # Named members must fit the index signature.
        every = self.of(choice([form.rest, *(each.form for each in form.properties)]), indent)
        may_lack = any(not each.required for each in form.properties) and every != "unknown"
        return f"{every} | {_UNDEFINED}" if may_lack else every


def _plain(form: Anything | Nothing | Scalar | Instance | Constant) -> str:
    match form:
        case Instance(class_name):
            return class_name or "unknown"
        case Scalar(type_):
            return _SCALARS[type_]
        case Constant(value, type_):
            return quoted(str(value)) if type_ == "string" else json.dumps(value)
        case _:
            return "unknown" if isinstance(form, Anything) else "never"


def quoted(text: str) -> str:
    """Quote a text as a literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped) + "'"


def type_name(text: str) -> str:
    """Make a type name close to this text: no built-in type begins with a capital letter or `T_`."""
    name = "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", text))
    return name if name[:1].isalpha() else f"T_{name}"


def property_name(name: str) -> str:
    """Print a key of an object type."""
    return name if _IDENTIFIER.fullmatch(name) else quoted(name)


def comment(text: str, indent: str) -> str:
    """Make a documentation comment that its text cannot end."""
    lines = [_UNSAFE.sub(" ", line).strip() for line in text.replace("*/", "*\\/").splitlines()]
    lines = [line for line in lines if line]
    if len(lines) == 1:
        return f"/** {lines[0]} */"
    return "\n".join(["/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"])
