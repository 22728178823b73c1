"""How far the projection has read CONTROL, kept where every process that projects can see it."""

import msgspec

from shared import subjects
from shared.bus import Bus, Conflict, newest
from shared.bus.kv import kv_stream, kv_subject, put

_ENTRY = "keys"


class Position(msgspec.Struct, frozen=True):
    """Every event up to `shown` is in the buckets made at `bucket` (KEYS) and `holders`, a fact up to `published`.

    Another bucket must be filled from the first event on, but nothing is published twice for that.
    """

    shown: int = 0
    published: int = 0
    bucket: str = ""
    holders: str = ""

    @property
    def buckets(self) -> tuple[str, str]:
        return self.bucket, self.holders


_decode = msgspec.json.Decoder(Position).decode


async def stored_position(bus: Bus) -> tuple[Position, int]:
    """Return it, and the revision to name when it is moved.

    Raises:
        BusError
    """
    bucket = subjects.POSITIONS_BUCKET
    found = await newest(bus, kv_stream(bucket), kv_subject(bucket, _ENTRY))
    return (_decode(found.data), found.seq) if found else (Position(), 0)


async def move_position(bus: Bus, position: Position, *, revision: int) -> int | None:
    """Store `position`; return its revision, or None when somebody else has moved it meanwhile.

    Raises:
        BusError
    """
    try:
        return await put(bus, subjects.POSITIONS_BUCKET, _ENTRY, msgspec.json.encode(position), expected=revision)
    except Conflict:
        return None


async def buckets_made_at(bus: Bus) -> tuple[str, str]:
    """Return when KEYS and HOLDERS were made, as JetStream writes it.

    Raises:
        BusError, TimeoutError
    """
    keys, holders = [
        str((await bus.api(f"STREAM.INFO.{kv_stream(bucket)}", None))["created"])
        for bucket in (subjects.KEYS_BUCKET, subjects.HOLDERS_BUCKET)
    ]
    return keys, holders
