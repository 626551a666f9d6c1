"""Recognition of secrets by the names of values and by their shape in a text.

A name counts by its words (`userPassword`, `user_password` and `USER-PASSWORD` have the same two), and by the last of
them: `cookie` is a secret, `cookieConsent` a consent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

REDACTED: Final = "[redacted]"

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NOUNS: Final = frozenset(
    "password passwd pwd passphrase passcode secret token authorization cookie credential jwt bearer otp totp pin "
    "signature apikey privatekey csrf xsrf cvv cvc".split()
)
"""Last words of the names of secrets, in the singular."""
_PLURALS: Final = frozenset("passwords secrets cookies credentials apikeys pins".split())
"""Plurals that name secrets too. `tokens` is missing: tokens are counted far more often than listed."""
_COMPOUNDS: Final = ("password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "credentials")
"""Endings of names that are written as one lower-case word: `accesstoken`."""
_PAIRS: Final = frozenset(
    "api:key private:key secret:key access:key encryption:key signing:key master:key shared:key account:key ssh:key "
    "db:pass database:pass smtp:pass mail:pass user:pass ftp:pass redis:pass mysql:pass pg:pass admin:pass root:pass "
    "proxy:pass security:code".split()
)
_NO_PAIRS: Final = frozenset(
    "page:token next:token continuation:token sync:token cursor:token max:token per:token design:token".split()
)
_QUALIFIERS: Final = frozenset(
    "value hash hashed plain text raw string header base64 b64 encrypted new old current confirm confirmation repeat "
    "again code digest".split()
)
"""Words after a noun that still name a secret: `passwordHash`, `otpCode`."""
_VARIABLE_WORDS: Final = _NOUNS | _PLURALS | {"key", "keys", "pass"}
_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})
"""Variables of every shell that hold folders, not passwords. Hiding them would hide every path of the project."""

_CHARS_MIN: Final = 8
"""Length of the shortest value that is hidden; shorter ones are too common as ordinary text."""
_LINE_CHARS_MIN: Final = 16
"""Length of the shortest hidden line of a value with several lines, such as a key in PEM."""

# Shapes of secrets in a text. The time of each search grows linearly with the text.
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)", re.DOTALL
)
_IN_URL: Final = re.compile(r"(\b[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s/?#:@\"']*):[^\s/@\"']+@")
_HEADER: Final = re.compile(r"\b(Bearer|Basic) +[\w.~+/=-]{12,}", re.IGNORECASE)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_KEY: Final = re.compile(
    r"\b(?:sk-[\w-]{20,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}\b)"
)
_IN_QUERY: Final = re.compile(
    r"([?&](?:[\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key|signature|otp))=)[^\s&;\"']+", re.IGNORECASE
)


class SecretNames:
    """Test for names of secrets; a project may add and remove names."""

    def __init__(self, redact: Iterable[str] = (), reveal: Iterable[str] = ()) -> None:
        """Take the names that the project adds and removes, in any spelling."""
        self._redact = frozenset("".join(_words(name)) for name in redact)
        self._reveal = frozenset("".join(_words(name)) for name in reveal)

    def has(self, name: str) -> bool:
        """Report whether a member or header of this name holds a secret."""
        words = _words(name)
        joined = "".join(words)
        if joined in self._reveal:
            return False
        return joined in self._redact or _is_secret(words)

    def of_environment(self, environment: Mapping[str, str]) -> set[str]:
        """Find the values of variables, and their long lines, that are secrets wherever they occur."""
        found: set[str] = set()
        for name, value in environment.items():
            words = _words(name)
            joined = "".join(words)
            is_secret = joined in self._redact or not _VARIABLE_WORDS.isdisjoint(words) or joined.endswith(_COMPOUNDS)
            if is_secret and name not in _FOLDERS and joined not in self._reveal and len(value) >= _CHARS_MIN:
                found |= {value, *_long_lines(value)}
        return found


def without_secrets(text: str) -> str:
    """Replace texts with the shape of a secret: private keys, passwords in URLs, tokens of known shapes.

    A text without secrets is returned as the same object. Looking for a few letters first makes that cheap.
    """
    if "PRIVATE KEY-" in text:
        text = _PRIVATE_KEY.sub(REDACTED, text)
    if "@" in text and "://" in text:
        text = _IN_URL.sub(rf"\1:{REDACTED}@", text)
    if "earer " in text or "asic " in text:
        text = _HEADER.sub(rf"\1 {REDACTED}", text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    if "sk-" in text or ("_" in text and "gh" in text) or "xox" in text or "AKIA" in text:
        text = _KEY.sub(REDACTED, text)
    if "=" in text and ("?" in text or "&" in text):
        text = _IN_QUERY.sub(rf"\1{REDACTED}", text)
    return text


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _is_secret(words: list[str]) -> bool:
    if ":".join(words[-2:]) in _PAIRS:
        return True
    while len(words) > 1 and (words[-1] in _QUALIFIERS or words[-1].isdecimal()):
        words = words[:-1]
    if not words:
        return False
    last, pair = words[-1], ":".join(words[-2:])
    if pair in _NO_PAIRS:
        return False
    return last in _NOUNS or last in _PLURALS or pair in _PAIRS or words == ["pass"] or last.endswith(_COMPOUNDS)


def _long_lines(value: str) -> list[str]:
    r"""Split a value with several lines, also where breaks are written `\n`; drop short lines and the PEM frame."""
    lines = re.split(r"\n|\\n", value)
    if len(lines) == 1:
        return []
    return [line for each in lines if len(line := each.strip()) >= _LINE_CHARS_MIN and not line.startswith("-----")]
