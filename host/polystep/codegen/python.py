"""Printer of Python types: objects become named TypedDicts, all other forms are written in place."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, TypeGuard

from polystep.codegen.forms import (
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
    both,
    choice,
)
from polystep.codegen.schemas import Definitions

_SCALARS: Final = {"string": "str", "number": "float", "integer": "int", "boolean": "bool", "null": "None"}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_TEXT: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


class PythonNames:
    """Names of a module, each given once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {*taken, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}

    def new(self, *parts: str) -> str:
        """Make a class name of these texts, with a number after it where the name is taken."""
        wanted = "".join(_capitalized(part) for part in parts)
        if not wanted or wanted[0].isdecimal() or not wanted.isidentifier():
            wanted = f"T{wanted}" if f"T{wanted}".isidentifier() else "T"
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}{count}"
        self._taken.add(name)
        return name


class PythonTypes:
    """Printer of forms; definitions go into `lines`, each after its parts, except in circles."""

    def __init__(self, definitions: Definitions, names: PythonNames) -> None:
        self.lines: list[str] = []
        self._definitions = definitions
        self._names = names
        self._objects: dict[Object, str] = {}
        self._references: dict[str, str] = {}
        self._written: set[str] = set()

    def named(self, form: Form, *parts: str) -> str:
        """Define a type under a name made of `parts`; returns the name."""
        form = self._known(form)
        if is_shape(form) and form not in self._objects:
            return self._typed_dict(form, parts)
        return self._alias(form, self._names.new(*parts), parts)

    def of(self, form: Form, parts: tuple[str, ...]) -> str:
        """Return an annotation. A type without a name gets one made of `parts`."""
        match self._known(form):
            case (Anything() | Nothing() | Scalar() | Instance() | Constant()) as plain:
                return _plain(plain)
            case ListOf(item):
                return f"list[{self.of(item, (*parts, 'item'))}]"
            case Positions(items, _, rest):
                # JSON has one type of list; in Python it arrives as `list`.
                return f"list[{self.of(choice([*items, rest]), (*parts, 'item'))}]"
            case Object() as known:
                return self._object(known, parts)
            case Choice(options):
                return self._union(options, parts)
            case Both(halves):
                return self._both(halves, parts)
            case Reference(key):
                return self._reference(key)

    def _known(self, form: Form) -> Form:
        """Return the annotation of a reference to a form that is not an object."""
        seen: set[str] = set()
        while isinstance(form, Reference) and form.key not in seen:
            seen.add(form.key)
            found = self._definitions.resolve(form.key)
            if not isinstance(found, Anything | Nothing | Scalar | Reference):
                return form
            form = found
        return form

    def _object(self, form: Object, parts: tuple[str, ...]) -> str:
        if is_shape(form):
            return self._objects.get(form) or self._typed_dict(form, parts)
        rest = None if form.properties or isinstance(form.rest, Nothing) else form.rest
        return "dict[str, Any]" if rest is None else f"dict[str, {self.of(rest, (*parts, 'value'))}]"

    def _union(self, options: tuple[Form, ...], parts: tuple[str, ...]) -> str:
        """Print a union: literals first and together, `None` last."""
        literals = [each for each in options if isinstance(each, Constant) and each.type != "number"]
        others = [each for each in options if each not in literals]
        texts = [f"Literal[{', '.join(dict.fromkeys(repr(each.value) for each in literals))}]"] if literals else []
        texts += [self.of(each, parts) for each in others]
        if "None" in texts:
            texts = [text for text in texts if text != "None"] + ["None"]
        return " | ".join(dict.fromkeys(texts))

    def _both(self, halves: tuple[Form, ...], parts: tuple[str, ...]) -> str:
        """Merge forms that could not be merged before all definitions were read."""
        merged = both(
            (self._definitions.resolve(half.key) if isinstance(half, Reference) else half for half in halves),
            self._definitions.resolve,
        )
        # Python cannot express forms that still cannot be merged; the first half is the closest type.
        return self.of(merged.parts[0] if isinstance(merged, Both) else merged, parts)

    def _reference(self, key: str) -> str:
        if key not in self._references:
            form = self._definitions.resolve(key)
            if isinstance(form, Object) and form in self._objects:
                self._references[key] = self._objects[form]
            else:
                hint = self._definitions.names.get(key, "value")
                name = self._references[key] = self._names.new(hint)
                if is_shape(form):
                    self._typed_dict(form, (hint,), name)
                else:
                    self._alias(form, name, (hint,))
        return self._references[key]

    def _alias(self, form: Form, name: str, parts: tuple[str, ...]) -> str:
        text = self.of(form, parts)
        words = set(_WORD.findall(_TEXT.sub("", text)))
        # A name that is defined later, because this type is part of it, must be quoted.
        ahead = words & ({*self._objects.values(), *self._references.values()} - self._written)
        self.lines += [f"{name}: TypeAlias = {text!r}" if ahead else f"{name}: TypeAlias = {text}", ""]
        self._written.add(name)
        return name

    def _typed_dict(self, form: Object, parts: tuple[str, ...], name: str = "") -> str:
        name = self._objects[form] = name or self._names.new(*parts)
        types = {each.name: self._member(each, parts) for each in form.properties}
        used = {word for text in types.values() for word in _WORD.findall(_TEXT.sub("", text))}
        if all(is_attribute(member) and member not in used for member in types):
            self.lines += ["", f"class {name}(TypedDict):"]
            for each in form.properties:
                self.lines.append(f"    {each.name}: {types[each.name]}")
                if each.description is not None:
                    self.lines.append(f"    {_docstring(each.description)}")
            self.lines += ["", ""]
        else:
            members = [f"    {member!r}: {text!r}," for member, text in types.items()]
            self.lines += [f"{name} = TypedDict(", f"    {name!r},", "    {"]
            self.lines += [f"    {member}" for member in members] + ["    },", ")", ""]
        self._written.add(name)
        return name

    def _member(self, each: Property, parts: tuple[str, ...]) -> str:
        text = self.of(each.form, (*parts, each.name))
        return text if each.required else f"NotRequired[{text}]"


def is_shape(form: Form) -> TypeGuard[Object]:
    """Report whether an object can be a TypedDict, which cannot have an empty key."""
    return isinstance(form, Object) and bool(form.properties) and all(each.name for each in form.properties)


def _plain(form: Anything | Nothing | Scalar | Instance | Constant) -> str:
    match form:
        case Scalar(type_):
            return _SCALARS[type_]
        case Constant(value, type_):
            return "float" if type_ == "number" else f"Literal[{value!r}]"
        case _:
            return "Never" if isinstance(form, Nothing) else "Any"


def is_attribute(name: str) -> bool:
    """Report whether a key can be a member of a class: names with two underscores would be mangled."""
    return _NAME.fullmatch(name) is not None and not keyword.iskeyword(name) and not name.startswith("__")


def _docstring(text: str) -> str:
    return repr(" ".join(text.split()))


def _capitalized(text: str) -> str:
    """Turn `ticket.triaged` into `TicketTriaged`; letters of every language are kept."""
    plain = unicodedata.normalize("NFKC", text)
    words = re.split(r"[\W_]+", plain)
    return "".join(word[:1].upper() + word[1:] for word in words)
