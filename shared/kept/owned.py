"""Whose an object is that a provider keeps, and which deployment has it: one entry of the OWNED bucket for each.

Its subject holds the owner, so that who asks for another's finds nothing, and a list reads one's own alone.
"""

import msgspec

from shared import subjects
from shared.bus import Bus, header_value, kv, newest, read
from shared.kept.object_calls import Lines

_STREAM = kv.kv_stream(subjects.OWNED_BUCKET)
_ANYBODY = "*"
ANYBODY = ""
"""In place of an owner: the master key sees what all have."""


class Owned(msgspec.Struct, array_like=True, frozen=True):
    """`shown` is the provider's object as it was seen last, JSON; `lines` those of a batch's input file.

    `part_of` is the batch that wrote a file, or the request that made a batch.
    """

    kind: str  # file, batch, or the collection of another API: threads, ...
    id: str
    owner: str
    key: str  # the token of the key that made it
    group: str  # the model name of the configuration by which it is reached
    model: str  # as the client named it
    deployment: str = ""
    created_ms: int = 0
    shown: bytes = b""
    lines: Lines | None = None
    part_of: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Owned).decode


def _subject(kind: str, owner: str, object_id: str) -> str:
    whose = subjects.token(owner) if owner != ANYBODY else _ANYBODY
    return kv.kv_subject(subjects.OWNED_BUCKET, f"{subjects.token(kind)}.{whose}.{object_id}")


async def keep_owned(bus: Bus, owned: Owned) -> None:
    """Raises: BusError."""
    await bus.store(_subject(owned.kind, owned.owner, subjects.token(owned.id)), _encode(owned))


async def find_owned(bus: Bus, kind: str, owner: str, object_id: str) -> Owned | None:
    """Return the owner's object of that id, None where there is none.

    Raises:
        BusError
    """
    return await _found(bus, _subject(kind, owner, subjects.token(object_id)))


async def find_named(bus: Bus, owner: str, object_id: str) -> Owned | None:
    """Return the owner's object of that id, of whatever kind.

    Raises:
        BusError
    """
    whose = subjects.token(owner) if owner != ANYBODY else _ANYBODY
    return await _found(bus, kv.kv_subject(subjects.OWNED_BUCKET, f"*.{whose}.{subjects.token(object_id)}"))


async def forget_owned(bus: Bus, owned: Owned) -> None:
    """Raises: BusError."""
    subject = _subject(owned.kind, owned.owner, subjects.token(owned.id))
    await bus.api(f"STREAM.PURGE.{_STREAM}", {"filter": subject})


async def _found(bus: Bus, subject: str) -> Owned | None:
    found = await newest(bus, _STREAM, subject)
    if found is None or header_value(found.headers, "KV-Operation") is not None:
        return None
    return _decode(found.data)


async def all_owned(bus: Bus, kind: str, owner: str) -> list[Owned]:
    """Return all that the owner has of a kind, the newest first.

    Raises:
        BusError
    """
    found = await read(bus, _STREAM, subject=_subject(kind, owner, "*"), at_most=None)
    return sorted(map(_decode, (entry.data for entry in found)), key=lambda owned: (owned.created_ms, owned.id))[::-1]
