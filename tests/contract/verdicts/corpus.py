"""Values that schemas disagree about: where formats, lengths, coercions and numbers have their edges."""

# ruff: noqa: E501 - tables are read by column

from __future__ import annotations

from typing import Final

INTEGER_MAX: Final = 2**53 - 1

GROUPS: Final = {
    # Also beyond the basic plane, where UTF-16 counts twice; a mark that joins the letter before it.
    "lengths": (
    *("", " ", "a", "ab", "abc", "abcd", "abcde", "abcdefgh", "x" * 33, "😀", "😀😀", "a😀", "é", "e\u0301", "ﬃ", "日本語"),
    *("ABC", "Abc", " abc ", "abc   ", "\tab\n", "ab\n", "\u00a0a", "\ufeffab", "a\u0000b", "x1", "x-1", "xb", "axb", "acb"),
    ),
    "numbers": (  # booleans and null, too
    *("0", "1", "5", "12", "-3", "+7", "007", "1.5", "1.0", "1e3", " 12 ", "1_000", "0x10", "٣", "NaN", "Infinity", "inf"),
    *("12345678901234567890", "0.1", "-0", "", "true", "True", "false", "yes", "no", "on", "off", "t", "f", "null", "None"),
    ),
    "moments": (
    *("2024-02-29", "2023-02-29", "2024-13-01", "2024-1-1", "20240229", "0000-01-01", "9999-12-31", "2024-W05"),
    *("2024-02-29T12:30:00Z", "2024-02-29t12:30:00z", "2024-02-29T12:30:00", "2024-02-29 12:30:00", "2024-02-29T12:30Z"),
    *("2024-02-29T12:30:00+02:00", "2024-02-29T12:30:00.123456789Z", "2024-02-29T12:30:00+0200", "2024-02-30T12:30:00Z"),
    *("2024-02-29T24:00:00Z", "2016-12-31T23:59:60Z", "2024-02-29T12:30:00-00:00", "2024-02-29T12:30:00,5Z", "2024-02-29T00:00:00"),
    *("2024-02-29T12:30:00.000Z", "2024-02-29T00:00:00Z", "2024-02-29T12:30:00+24:00", "2024-02-29_12:30:00", "1700000000"),
    *("12:30", "12:30:00", "12:30:00Z", "12:30:00.5", "12:30:00+02:00", "24:00:00", "23:59:60", "23:59:60Z", "1:30:00"),
    *("P1D", "PT0.5S", "-P1D", "P1W", "P1Y2M3DT4H5M6S", "P1DT2H", "PT36H", "P", "PT", "1 day, 02:00:00", "02:00:00", "P1W2D", "P0.5Y"),
    ),
    "mails": (
    *("a@b.example", "a.b+c@sub.example.org", "A@B.EXAMPLE", " a@b.example ", "a@b", "a@@b.example", "a..b@c.example", "@b.example"),
    *(".a@b.example", "a.@b.example", "ü@b.example", "a@bücher.example", '"a b"@c.example', "a@[127.0.0.1]", "a@b.example.", "o'b@c.example"),
    *("_a_@b.example", "a" * 65 + "@b.example", "a@-b.example", "a@" + "b" * 64 + ".example", "a@b_c.example", "a@b.c", "a@" + "b." * 130 + "example"),
    ),
    "urls": (
    *("https://example.org", "http://example.org:8080/a?b=c#d", "https://example.org/ä", "https://bücher.example/", "http://a b.example"),
    *("ftp://example.org/x", "mailto:a@b.example", "javascript:alert(1)", "//example.org", "/path", "example.org", "http://", "https:/a", "http:example.org"),
    *(" https://example.org ", "https://example.org/a b", "http://[::1]/", "http://[::1", "http://256.1.1.1/", "http://127.0.0.1/", "urn:isbn:1", "https://u:p@example.org/%zz"),
    *("https://example.org/{x}", "https://example.org/a|b", "https://example.org\\x", "http://localhost:99999/", "HTTP://EXAMPLE.ORG", "http://exa_mple.org/", "c:\\x"),
    ),
    "hosts": (
    *("127.0.0.1", "256.0.0.1", "01.2.3.4", "1.2.3", "::1", "fe80::1%eth0", "2001:db8::ff", "::ffff:1.2.3.4", "1::2::3", "10.0.0.0/8", "10.0.0.0/33", "2001:db8::/32", "::ffff:1.2.3.4/96"),
    *("localhost", "a.example.", "-a.example", "xn--bcher-kva.example", "a_b.example", "A.example", "a" * 64 + ".example", "example.123"),
    ),
    "ids": (
    *("123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-42D3-A456-426614174000", "123e4567e89b42d3a456426614174000"),
    *("123e4567-e89b-92d3-c456-426614174000", "00000000-0000-0000-0000-000000000000", "urn:uuid:123e4567-e89b-42d3-a456-426614174000"),
    *("{123e4567-e89b-42d3-a456-426614174000}", "123e4567-e89b-42d3-a456-42661417400", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    *("cjld2cjxh0000qzrmn831i7rn", "tz4a98xxat96iws9zmbrgj3a", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav", "V1StGXR8_Z5jdHi6B-myT"),
    *("aGVsbG8=", "aGVsbG8", "aGVsbG8_", "aGVs bG8=", "a===", "deadBEEF", "abc1", "+4915112345678", "+0123", "00:1a:2b:3c:4d:5e", "00:1A:2B:3C:4D:5E"),
    *("eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln", "a.b.c", "👍", "👍🏽", "1️⃣", "🇩🇪", "a👍", '{"a": 1}', "[1, 2]"),
    ),
    "members": (  # of the enums, literals and patterns of the generated schemas
    *("red", "green", "blue", "RED", "low", "high", "circle", "square", "ping", "pong", "a1", "a12", "aX", "b", "v1.2.3", "id-42", "id-٣", "A-1", "ß"),
    ),
}  # fmt: skip
"""Texts that are near to each other: one that a schema takes stands beside others that it may not take."""

TEXTS: Final = tuple(text for group in GROUPS.values() for text in group)

NUMBERS: Final = (
    *(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 99, 100, 101, 255, 256, 1000, -1, -2, -5, -10, 17, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1),
    *(INTEGER_MAX, -INTEGER_MAX, 1_700_000_000, 1_700_000_000_000, 0.0, -0.0, 1.0, 2.0, 5.0, 10.0, 1.5, 0.5, 0.1, 0.2, 0.3, 0.30000000000000004),
    *(0.25, 2.5, 2.4, 2.6, 9.99, 10.01, 19.99, -0.5, 3.0000000000000004, 5e-324, 1e-7, 1e21, 1e300, -1e300, 1.7976931348623157e308, 4294967295, 4294967296),
)  # fmt: skip

NAMES: Final = (
    "extra",
    "",
    "a b",
    "ключ",
    "😀",
    "__proto__",
    "constructor",
    "toString",
    "x1",
    "1",
    "a",
    "id",
    "$ref",
    "a/b~c",
)
"""Members that nobody declared, some of which every JavaScript object inherits."""
