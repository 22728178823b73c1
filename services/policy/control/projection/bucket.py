"""Entries of a bucket, written so that none goes back: not to an older version, and not from deleted to there."""

import msgspec

from shared.bus import Bus, Conflict, NotStored, Stored, header_value, newest
from shared.bus.kv import kv_stream, kv_subject, put

VERSION = "Entry-Version"
"""Header of a removal: which version of the entry it was. One without it is the last word."""

_TRIES_MAX = 20


class _Versioned(msgspec.Struct):
    version: int


_decode = msgspec.json.Decoder(_Versioned).decode


async def show(bus: Bus, bucket: str, name: str, version: int, value: bytes | None) -> None:
    """Make the bucket show `value` (None: nothing) under `name`, unless it shows that version or a newer one already.

    Raises:
        BusError: the bucket could not be read or written.
    """
    subject = kv_subject(bucket, name)
    for _ in range(_TRIES_MAX):
        found = await newest(bus, kv_stream(bucket), subject)
        if found is not None and not _is_older(found, version):
            return
        expected = found.seq if found else 0
        try:
            if value is None:
                headers = {"KV-Operation": "DEL", VERSION: str(version)}
                await bus.store(subject, b"", headers=headers, expected_last=expected)
            else:
                await put(bus, bucket, name, value, expected=expected)
        except Conflict:
            continue
        return
    raise NotStored(f"the entry {name} of {bucket} changes too fast to be written")


def is_removal(entry: Stored) -> bool:
    return header_value(entry.headers, "KV-Operation") is not None


def _is_older(entry: Stored, version: int) -> bool:
    if is_removal(entry):
        removed = header_value(entry.headers, VERSION)
        return removed is not None and int(removed) < version
    try:
        return _decode(entry.data).version < version
    except msgspec.DecodeError:
        return True  # what cannot be read is written anew
