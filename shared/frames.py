"""The answer of a request on its way to the edge: numbered frames, so that a lost one is noticed.

Byte layout: flags (1), number (4), header length (4), header (msgpack), data. Frame 0 opens the answer (HEAD), the one
with LAST ends it. PROGRESS frames are unnumbered: somebody works on it, nothing to write yet.

Realtime sessions go both ways in such frames; after the head, each message is one frame or, in parts, several.
"""

import struct
from typing import Any, NamedTuple

import msgspec

HEAD = 1  # header: Head
LAST = 2  # nothing follows
FAILURE = 4  # header: GatewayError.to_dict(); always LAST
PROGRESS = 8  # header: Progress; its number counts for nothing
PART = 16  # the message of a realtime session goes on in the next frame
CREDIT = 32  # header: so many bytes of the client's messages were taken; its number counts for nothing

DATA_MAX = 512 * 1024  # bytes of data in one frame, under NATS' default limit of 1 MB a message

_LAYOUT = struct.Struct("!BII")
_START = _LAYOUT.size


class Head(msgspec.Struct, array_like=True, frozen=True):
    """How the HTTP answer begins. `lines` are further headers, each a line that is written as it is."""

    status: int
    headers: tuple[tuple[str, str], ...]
    stream: bool  # data are server-sent events, more will follow
    router: str
    provider_us: int  # how long the provider took, to its first byte of a stream or its last of an answer
    lines: bytes = b""


class Progress(msgspec.Struct, array_like=True, frozen=True):
    """`process` works on the request from now on; empty: it was sent on, and somebody else must soon say something."""

    process: str
    is_router: bool


class Close(msgspec.Struct, array_like=True, frozen=True):
    """How a realtime session ends: the header of its last frame. The code is one of RFC 6455's, or an application's."""

    code: int
    reason: str = ""


class Frame(NamedTuple):
    flags: int
    number: int
    header: bytes
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
decode_head = msgspec.msgpack.Decoder(Head).decode
decode_progress = msgspec.msgpack.Decoder(Progress).decode
decode_close = msgspec.msgpack.Decoder(Close).decode
decode_credit = msgspec.msgpack.Decoder(int).decode
_decode_any = msgspec.msgpack.Decoder().decode


def data_frame(number: int, data: bytes, flags: int = 0) -> bytes:
    return _LAYOUT.pack(flags, number, 0) + data


def head_frame(number: int, head: Head, data: bytes, flags: int = 0) -> bytes:
    header = _encode(head)
    return b"".join((_LAYOUT.pack(flags | HEAD, number, len(header)), header, data))


def failure_frame(number: int, failure: dict[str, Any]) -> bytes:
    header = _encode(failure)
    return _LAYOUT.pack(FAILURE | LAST, number, len(header)) + header


def progress_frame(process: str, *, is_router: bool = False) -> bytes:
    header = _encode(Progress(process, is_router))
    return _LAYOUT.pack(PROGRESS, 0, len(header)) + header


def credit_frame(taken_bytes: int) -> bytes:
    header = _encode(taken_bytes)
    return _LAYOUT.pack(CREDIT, 0, len(header)) + header


def close_frame(number: int, close: Close) -> bytes:
    header = _encode(close)
    return _LAYOUT.pack(LAST, number, len(header)) + header


def message_frames(number: int, message: bytes) -> list[bytes]:
    """Return the frames of one message of a session, the first of which has `number`."""
    starts = range(0, max(1, len(message)), DATA_MAX)
    return [
        data_frame(number + place, message[start : start + DATA_MAX], PART if start + DATA_MAX < len(message) else 0)
        for place, start in enumerate(starts)
    ]


def unpack(frame: bytes) -> Frame:
    flags, number, length = _LAYOUT.unpack_from(frame)
    end = _START + length
    return Frame(flags, number, frame[_START:end], frame[end:])


def decode_failure(header: bytes) -> dict[str, Any]:
    failure: dict[str, Any] = _decode_any(header)
    return failure
