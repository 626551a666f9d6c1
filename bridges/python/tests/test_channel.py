import pytest

from polystep_runner.channel import Splitter
from polystep_runner.codec import ChannelBroken


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def fed(splitter: Splitter, data: bytes, step: int) -> list[tuple[bytes, bool]]:
    return [
        (bytes(body), whole)
        for start in range(0, len(data), step)
        for body, whole in splitter.feed(data[start : start + step])
    ]


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 7, 300, 10_000])
def test_frames_come_out_whole_wherever_the_stream_is_cut(step: int) -> None:
    bodies = [b"a", b"bc" * 200, b"d" * 5, b"e" * 1000]
    stream = b"".join(map(frame, bodies))
    assert fed(Splitter(), stream, step) == [(body, True) for body in bodies]


@pytest.mark.parametrize("step", [1, 3, 255, 256, 257, 1000, 10_000])
def test_a_frame_that_is_too_large_is_dropped_but_for_its_head(step: int) -> None:
    splitter = Splitter()
    splitter.frame_bytes_max = 300
    large = bytes(range(256)) * 8
    stream = frame(b"before") + frame(large) + frame(b"between") + frame(large) + frame(large) + frame(b"x" * 300)
    head = (large[:256], False)
    assert fed(splitter, stream, step) == [
        (b"before", True), head, (b"between", True), head, head, (b"x" * 300, True),
    ]  # fmt: skip


def test_a_large_frame_that_is_shorter_than_a_head_is_dropped_too() -> None:
    splitter = Splitter()
    splitter.frame_bytes_max = 4
    assert fed(splitter, frame(b"12345") + frame(b"ok"), 1) == [(b"12345", False), (b"ok", True)]


def test_an_empty_frame_breaks_the_channel() -> None:
    with pytest.raises(ChannelBroken, match="length 0"):
        Splitter().feed(b"\x00\x00\x00\x00")
