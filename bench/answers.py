"""Is an answer whole? Every answer of a run is looked at."""

import re
from typing import NamedTuple

from bench.exchange import ANSWER_TEXT, CHUNK_MARK, CHUNKS, DONE
from bench.messages_exchange import MESSAGE_STOP

_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_ANSWER_TEXT = ANSWER_TEXT.encode()
_CHUNK_MARK = CHUNK_MARK.encode()
_LAST_EVENT_BYTES = 200


class Head(NamedTuple):
    size: int  # with its blank line
    status: int
    body_size: int | None  # None: chunked


class Malformed(Exception):
    """What came is no HTTP answer."""


def read_head(data: bytes) -> Head | None:
    """Return the head at the start of `data`, None while it is not complete.

    Raises:
        Malformed
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    status = _STATUS.match(data)
    if status is None:
        raise Malformed(f"no status line: {data[:60]!r}")
    length = _LENGTH.search(data, 0, end)
    if length is None and _CHUNKED.search(data, 0, end) is None:
        raise Malformed("neither content-length nor chunked")
    return Head(end + 4, int(status[1]), int(length[1]) if length else None)


def ends_chunked(body: bytes) -> bool:
    """Return whether a chunked body is complete. No body of ours holds a bare line `0`, so its end tells."""
    return body.endswith(b"\r\n0\r\n\r\n") or body == b"0\r\n\r\n"


def without_framing(body: bytes) -> bytes:
    """Return the content of a complete chunked body.

    Raises:
        Malformed
    """
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.find(b"\r\n", at)
        try:
            size = int(body[at:line_end], 16) if line_end >= 0 else -1
        except ValueError:
            size = -1
        start = line_end + 2
        if size < 0 or body[start + size : start + size + 2] != b"\r\n":
            raise Malformed("broken chunk framing")
        if size == 0:
            return b"".join(parts)
        parts.append(body[start : start + size])
        at = start + size + 2


def complaint(status: int, content: bytes, *, stream: bool, dialect: str = "openai") -> str | None:
    """Return what is wrong with an answer, None when all of it came."""
    if status != 200:
        return f"status {status}: {content[:160].decode(errors='replace')}"
    if not stream:
        whole = _ANSWER_TEXT in content and b'"usage"' in content
        return None if whole else f"incomplete answer: {content[:80]!r}"
    if dialect == "openai" and not content.endswith(DONE):
        return f"stream without [DONE]: it ends with {content[-60:]!r}"
    if dialect == "anthropic" and MESSAGE_STOP not in content[-_LAST_EVENT_BYTES:].replace(b" ", b""):
        return f"stream without message_stop: it ends with {content[-60:]!r}"
    chunks = content.count(_CHUNK_MARK)
    return None if chunks == CHUNKS else f"stream with {chunks} of {CHUNKS} chunks"
