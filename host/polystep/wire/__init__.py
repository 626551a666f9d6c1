"""Protocol of protocol/SPEC.md, from bytes to frames to messages to calls, and the only importer of msgpack."""

from polystep.wire.codec import pack, pack_deep, pack_message, pack_request_message, unpack
from polystep.wire.direct import direct_pair
from polystep.wire.frames import FrameReader, Oversize, frame
from polystep.wire.packed import FittedAnswer, Packed, WatchedAnswer, packed_entry, packed_list, packed_page
from polystep.wire.peer import Peer
from polystep.wire.pipes import connect_pipes

__all__ = [
    "FittedAnswer",
    "FrameReader",
    "Oversize",
    "Packed",
    "Peer",
    "WatchedAnswer",
    "connect_pipes",
    "direct_pair",
    "frame",
    "pack",
    "pack_deep",
    "pack_message",
    "pack_request_message",
    "packed_entry",
    "packed_list",
    "packed_page",
    "unpack",
]
