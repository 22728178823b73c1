"""Bodies that travel compressed: clients' uploads, and the answers to those who ask for it."""

import zlib
from typing import Protocol

import lz4.frame
import zstandard

from services.ledger.embedded.failure import (
    CANNOT_DECOMPRESS,
    CANNOT_READ_ALL_DATA,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    QueryFailed,
    refused,
)

COMPRESS_FROM_BYTES = 64 * 1024  # on loopback a smaller answer costs more to compress than to send
_SLICE_BYTES = 4096  # a slice of the worst input unfolds to some 128 MiB: what passes the limit is seen in time
_BROKEN = (RuntimeError, zlib.error, zstandard.ZstdError)


class _Decompressor(Protocol):
    """One frame's. A client may send many frames in a row: clickhouse-connect sends one for each block."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def too_large(limit_bytes: int) -> QueryFailed:
    reason = f"The body is larger than {limit_bytes} bytes: insert in smaller batches."
    return refused(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", reason)


def decompress_onto(text: bytearray, body: bytes, encoding: str, *, limit_bytes: int) -> None:
    """Append what `body` holds to `text`. `encoding` is the Content-Encoding; "" means as it is.

    Raises:
        QueryFailed: an encoding we do not have, a broken or unfinished body, or more than `limit_bytes`.
    """
    if encoding in ("", "identity"):
        text += body
    else:
        _unfold_onto(text, memoryview(body), encoding, limit_bytes)
    if len(text) > limit_bytes:
        raise too_large(limit_bytes)


def _unfold_onto(text: bytearray, body: memoryview, encoding: str, limit_bytes: int) -> None:
    decompressor = _decompressor(encoding)
    fresh = True
    at = 0
    while at < len(body):
        part = bytes(body[at : at + _SLICE_BYTES])
        at += len(part)
        while part:
            try:
                text += decompressor.decompress(part)
            except _BROKEN as error:
                reason = f"The body is not valid {encoding}: {error}"
                raise refused(CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", reason, status=400) from error
            if len(text) > limit_bytes:
                raise too_large(limit_bytes)
            fresh, part = False, b""
            if decompressor.eof:
                part = decompressor.unused_data or b""
                decompressor, fresh = _decompressor(encoding), True
    if not fresh:
        reason = f"The {encoding} body ends in the middle: nothing of it was used."
        raise refused(CANNOT_READ_ALL_DATA, "CANNOT_READ_ALL_DATA", reason, status=400)


def _decompressor(encoding: str) -> _Decompressor:
    decompressor: _Decompressor
    if encoding == "lz4":
        decompressor = lz4.frame.LZ4FrameDecompressor()
    elif encoding == "zstd":
        decompressor = zstandard.ZstdDecompressor().decompressobj()
    elif encoding in ("gzip", "x-gzip"):
        decompressor = zlib.decompressobj(wbits=31)
    elif encoding == "deflate":
        decompressor = zlib.decompressobj()
    else:
        reason = f"Content-Encoding {encoding} is not supported: use lz4, zstd, gzip, deflate or none."
        raise refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
    return decompressor


def compress_answer(body: bytes, accept_encoding: str) -> tuple[bytes, str]:
    """Return the body and its Content-Encoding, "" if it stays as it is: small, or nothing we share was accepted."""
    if not accept_encoding or len(body) < COMPRESS_FROM_BYTES:
        return body, ""
    accepted = {part.partition(";")[0].strip().lower() for part in accept_encoding.split(",")}
    if "lz4" in accepted:
        compressed: bytes = lz4.frame.compress(body)
        return compressed, "lz4"
    if "zstd" in accepted:
        return zstandard.ZstdCompressor(level=1).compress(body), "zstd"
    if "gzip" in accepted:
        packer = zlib.compressobj(level=1, wbits=31)
        return packer.compress(body) + packer.flush(), "gzip"
    return body, ""
