"""Frames out of a byte stream, whatever the pieces it arrives in (PS-3.1 to PS-3.3)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polystep.wire import FrameReader, Oversize, frame

BYTES_MAX = 200
HEAD_BYTES = 64


def read(reader: FrameReader, data: bytes, cuts: list[int]) -> list[bytes | Oversize]:
    """Feed `data` in the pieces that `cuts` make."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [message for begin, end in itertools.pairwise(edges) for message in reader.feed(data[begin:end])]


def expected(payloads: list[bytes]) -> list[bytes | Oversize]:
    return [
        Oversize(len(payload), payload[:HEAD_BYTES]) if len(payload) > BYTES_MAX else payload for payload in payloads
    ]


PAYLOADS = st.lists(st.binary(max_size=BYTES_MAX * 2), max_size=8)


@given(payloads=PAYLOADS, cuts=st.lists(st.integers(0, 3000), max_size=20))
@settings(max_examples=300, deadline=None)
def test_frames_come_out_whole_however_they_are_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    assert read(FrameReader(BYTES_MAX), stream, cuts) == expected(payloads)


@pytest.mark.parametrize("size", [BYTES_MAX + 1, BYTES_MAX * 3])
def test_an_oversized_frame_is_passed_over_wherever_it_is_cut(size: int) -> None:
    payloads = [b"before", bytes(number % 251 for number in range(size)), b"right behind", b"after"]
    stream = b"".join(frame(payload) for payload in payloads)
    for cut in range(len(stream)):
        assert read(FrameReader(BYTES_MAX), stream, [cut]) == expected(payloads)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 63, 64, 65])
def test_an_oversized_frame_is_passed_over_in_small_pieces(piece: int) -> None:
    payloads = [b"x" * (BYTES_MAX + 1), b"y" * (BYTES_MAX * 5), b"", b"after"]
    stream = b"".join(frame(payload) for payload in payloads)
    assert read(FrameReader(BYTES_MAX), stream, list(range(0, len(stream), piece))) == expected(payloads)


def test_an_oversized_frame_is_known_from_its_head_and_kept_no_longer() -> None:
    reader = FrameReader(BYTES_MAX)
    stream = frame(b"z" * 100_000)
    assert reader.feed(stream[: 4 + HEAD_BYTES - 1]) == []
    assert reader.feed(stream[4 + HEAD_BYTES - 1 : 5000]) == [Oversize(100_000, b"z" * HEAD_BYTES)]
    assert reader.feed(stream[5000:]) == []
    assert len(reader._buffer) == 0
    assert reader.feed(frame(b"next")) == [b"next"]


def test_an_oversized_frame_smaller_than_a_head_does_not_borrow_from_the_next() -> None:
    reader = FrameReader(3)
    assert reader.feed(frame(b"12345") + frame(b"abc")) == [Oversize(5, b"12345"), b"abc"]


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    assert FrameReader(BYTES_MAX).feed(frame(b"x" * BYTES_MAX)) == [b"x" * BYTES_MAX]


def test_a_large_frame_in_small_pieces_costs_no_more_than_its_bytes() -> None:
    class Counting(bytearray):
        """Counts the bytes that are copied out of it."""

        copied = 0

        def __bytes__(self) -> bytes:
            Counting.copied += len(self)
            return bytes(memoryview(self))

    reader = FrameReader()
    reader._buffer = Counting()
    stream = frame(b"x" * 4_000_000)
    found = [message for at in range(0, len(stream), 4096) for message in reader.feed(stream[at : at + 4096])]
    assert [len(message) for message in found if isinstance(message, bytes)] == [4_000_000]
    assert Counting.copied <= 2 * len(stream)
