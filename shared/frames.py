"""The answer of a request on its way to the edge: numbered frames, so that a lost one is noticed.

Byte layout: flags (1), number (4), header length (4), header (msgpack), data. Frame 0 opens the answer (HEAD), the one
with LAST ends it. PROGRESS frames are unnumbered: somebody works on it, nothing to write yet.
"""

import struct
from typing import Any, NamedTuple

import msgspec

HEAD = 1  # header: Head
LAST = 2  # nothing follows
FAILURE = 4  # header: GatewayError.to_dict(); always LAST
PROGRESS = 8  # header: Progress; its number counts for nothing

DATA_MAX = 512 * 1024  # bytes of data in one frame, under NATS' default limit of 1 MB a message

_LAYOUT = struct.Struct("!BII")
_START = _LAYOUT.size


class Head(msgspec.Struct, array_like=True, frozen=True):
    """How the HTTP answer begins."""

    status: int
    headers: tuple[tuple[str, str], ...]
    stream: bool  # data are server-sent events, more will follow
    router: str
    provider_us: int  # how long the provider took, to its first byte of a stream or its last of an answer


class Progress(msgspec.Struct, array_like=True, frozen=True):
    """`process` works on the request from now on; empty: it was sent on, and somebody else must soon say something."""

    process: str
    is_router: bool


class Frame(NamedTuple):
    flags: int
    number: int
    header: bytes
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
decode_head = msgspec.msgpack.Decoder(Head).decode
decode_progress = msgspec.msgpack.Decoder(Progress).decode
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


def unpack(frame: bytes) -> Frame:
    flags, number, length = _LAYOUT.unpack_from(frame)
    end = _START + length
    return Frame(flags, number, frame[_START:end], frame[end:])


def decode_failure(header: bytes) -> dict[str, Any]:
    failure: dict[str, Any] = _decode_any(header)
    return failure
