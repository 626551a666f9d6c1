"""Text of payloads in traces and logs: redacted, cut, always JSON.

Redaction is by name (keys such as `password` or `authorization`), by value (the secrets of the environment, wherever
they occur) and by shape (private keys, passwords in URLs, tokens). It is a net, not a proof: it does not
know a secret that a step renames and transforms.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Final, cast

import orjson

from polystep.contracts.limits import TRACE_VALUE_BYTES_MAX
from polystep.contracts.values import JSONObject
from polystep.trace.secrets import REDACTED, SecretNames, without_secrets

_PLAIN_ONLY: Final = (
    orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)
_KEYS_KNOWN_MAX: Final = 10_000
_ITEMS_MAX: Final = 100
_DEPTH_MAX: Final = 12
_CONTAINERS: Final = (dict, list, tuple)


class Preview:
    """Encoder that makes bounded, redacted JSON text of payloads."""

    def __init__(
        self,
        environment: Mapping[str, str],
        value_bytes_max: int = TRACE_VALUE_BYTES_MAX,
        *,
        names: SecretNames | None = None,
    ) -> None:
        """Learn the secrets of an environment; `names` decides which names are those of secrets."""
        self._names = names or SecretNames()
        self._bytes_max = value_bytes_max
        self._secrets: list[str] = []
        self.secrets_known = 0
        """Number of them; it grows when further ones are learned."""
        self._escaped_secrets: list[str] = []
        """Secrets as they look inside JSON text."""
        self._plain_keys: set[str] = set()
        """Keys that name no secrets: steps use few different keys, and the pattern costs more than all else."""
        self.learn(environment)

    def learn(self, environment: Mapping[str, str]) -> None:
        """Add the secrets of further environment variables; secrets known before stay known."""
        found = self._names.of_environment(environment)
        # Longest first: a secret that contains another one is cut out whole.
        self._secrets = sorted(found.union(self._secrets), key=len, reverse=True)
        self.secrets_known = len(self._secrets)
        self._escaped_secrets = [
            orjson.dumps(secret.encode("utf-8", "replace").decode()).decode()[1:-1] for secret in self._secrets
        ]

    def text(self, text: str) -> str:
        """Replace known secrets, and texts of their shape, and characters that UTF-8 cannot carry."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        text = without_secrets(text)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def plain_names(self, names: Iterable[str]) -> list[str]:
        """Return those that are not the names of secrets, sorted."""
        found = set(names)
        if not self._plain_keys.issuperset(found):
            found = {name for name in found if not self._is_secret_key(name)}
        return sorted(found)

    def redacted(self, fields: JSONObject) -> JSONObject:
        """Copy fields without their secrets."""
        return cast("JSONObject", self._clean_many(fields, 0))

    def encode(self, payload: object, bytes_max: int | None = None) -> str:
        """Encode a payload as JSON; a value that is too large becomes its beginning, `{"$cut": text, "bytes": n}`."""
        bound = self._bytes_max if bytes_max is None or bytes_max == TRACE_VALUE_BYTES_MAX else bytes_max
        plain = self._plain(payload, bound)
        if plain is not None:
            return plain
        if isinstance(payload, dict):
            pairs = itertools.islice(payload.items(), _ITEMS_MAX)
            members = {self._key(key): self._member(self._key(key), value, bound) for key, value in pairs}
            return self._dump(_with_rest(members, len(payload)))
        return self._dump(self._member("", payload, bound))

    def plain(self, payload: object) -> str | None:
        """Encode a payload in which nothing is to be hidden or cut; `None` for every other one."""
        return self._plain(payload, self._bytes_max)

    def hides(self, value: object) -> bool:
        """Report whether something in a value would be hidden, however large it is."""
        return not self._has_plain_keys(value) or self._holds_secret_text(value)

    def _holds_secret_text(self, value: object) -> bool:
        if isinstance(value, str):
            return self.text(value) != value
        if isinstance(value, (bytes, bytearray)):
            return any(secret.encode("utf-8", "replace") in value for secret in self._secrets)
        if isinstance(value, Mapping):
            return any(map(self._holds_secret_text, (*value.keys(), *value.values())))
        return isinstance(value, (list, tuple)) and any(map(self._holds_secret_text, value))

    def _plain(self, payload: object, bytes_max: int) -> str | None:
        """Encode a payload unchanged when a look at the whole text finds nothing to hide or to cut: the usual case."""
        try:
            text = orjson.dumps(payload, option=_PLAIN_ONLY).decode()
        except TypeError:
            return None
        # The text has at least this many commas or brackets when a list is too long or too deep.
        if len(text) > bytes_max or text.count(",") >= _ITEMS_MAX or text.count("[") + text.count("{") > _DEPTH_MAX:
            return None
        for secret in self._escaped_secrets:
            if secret in text:
                return None
        if without_secrets(text) is not text:
            return None
        return text if self._has_plain_keys(payload) else None

    def _has_plain_keys(self, value: object) -> bool:
        """Report whether no key, at any depth, is the name of a secret."""
        members: Iterable[object] = ()
        if type(value) is dict:
            if not self._plain_keys.issuperset(value) and any(map(self._is_secret_key, value)):
                return False
            members = value.values()
        elif isinstance(value, (list, tuple)):
            members = value
        for each in members:
            if type(each) in _CONTAINERS and each and not self._has_plain_keys(each):
                return False
        return True

    def _is_secret_key(self, key: str) -> bool:
        if key in self._plain_keys:
            return False
        if self._names.has(key):
            return True
        if len(self._plain_keys) >= _KEYS_KNOWN_MAX:
            self._plain_keys.clear()
        self._plain_keys.add(key)
        return False

    def _member(self, key: str, value: object, bytes_max: int) -> object:
        kept = REDACTED if self._is_secret_key(key) else self._clean(value, 0)
        encoded = orjson.dumps(kept)
        if len(encoded) > bytes_max:
            return {"$cut": encoded[:bytes_max].decode(errors="ignore"), "bytes": len(encoded)}
        return kept

    def _key(self, key: object) -> str:
        return self.text(key if isinstance(key, str) else _shown(key))[: self._bytes_max]

    def _clean(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return float(value)
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**63 else _shown(value)
        if isinstance(value, (bytes, bytearray)):
            return {"$bytes": len(value)}
        if depth >= _DEPTH_MAX:
            return "…"
        return self._clean_many(value, depth)

    def _clean_many(self, value: object, depth: int) -> object:
        if isinstance(value, Mapping):
            members: dict[str, object] = {}
            for key, member in itertools.islice(value.items(), _ITEMS_MAX):
                name = self._key(key)
                members[name] = REDACTED if self._is_secret_key(name) else self._clean(member, depth + 1)
            return _with_rest(members, len(value))
        if isinstance(value, (list, tuple)):
            cleaned = [self._clean(member, depth + 1) for member in value[:_ITEMS_MAX]]
            return cleaned if len(value) <= _ITEMS_MAX else [*cleaned, f"… {len(value) - _ITEMS_MAX} more"]
        return self.text(_shown(value))

    def _dump(self, value: object) -> str:
        return orjson.dumps(value).decode()


def _with_rest(members: dict[str, object], length: int) -> dict[str, object]:
    return members if length <= _ITEMS_MAX else {**members, "…": f"{length - _ITEMS_MAX} more"}


def _shown(value: object) -> str:
    """Call `repr`, or name the class where that fails."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - any class may write its own `__repr__`, and integers have a length limit
        return f"<{type(value).__name__}>"
