"""AWS's binary event stream, written from its documentation, without AWS's libraries.

A message: total length (4), length of the headers (4), CRC32 of those eight bytes (4), headers, payload, CRC32 of all
before (4). A header: length of the name (1), name, type 7 (1), length of the value (2), value.
Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import struct
import zlib

STREAM_TYPE = "application/vnd.amazon.eventstream"


def event(kind: str, payload: bytes) -> bytes:
    return message({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, payload: bytes) -> bytes:
    return message(
        {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}, payload
    )


def message(headers: dict[str, str], payload: bytes) -> bytes:
    packed = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    start = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return start + struct.pack("!I", zlib.crc32(start))
