"""Names of what is stored have bounds, and every text within them is one."""

import pytest

from polystep.contracts.errors import InvalidParams
from polystep.contracts.limits import NAME_BYTES_MAX, STREAM_NAME_BYTES_MAX
from polystep.contracts.names import SHORT_NAMES, check_item_names, check_names, name_bytes


def test_every_text_within_the_bound_is_a_name() -> None:
    assert check_names("", "\0") == (b"", b"\0")
    assert check_item_names("s", "é", "👩") == (b"s", "é".encode(), "👩".encode())


@pytest.mark.parametrize("name", ["x" * (NAME_BYTES_MAX + 1), "é" * (NAME_BYTES_MAX // 2 + 1)])
def test_a_byte_more_is_too_long(name: str) -> None:
    check_names(name[:-1], name[:-1])
    with pytest.raises(InvalidParams, match=r"The key .* at most 1024"):
        check_names("g", name)
    with pytest.raises(InvalidParams, match=r"The stream .* at most 512"):
        check_item_names("s" * (STREAM_NAME_BYTES_MAX + 1), "g", "i")


def test_half_a_character_is_none() -> None:
    with pytest.raises(InvalidParams, match="no text"):
        name_bytes("\ud83d")
    assert len(name_bytes("x" * 5000)) == 5000


def test_names_that_are_not_looked_at_are_within_every_bound() -> None:
    check_item_names("👩" * SHORT_NAMES, "", "")
