"""Responses that a client may ask for again: who made them, where they are, and what was said where we hold it.

A bucket of JetStream keeps them for thirty days. What a provider keeps itself is told by its owner and deployment
alone; conversations are kept here only where a client asks for it by `store: true`.
"""

import msgspec

from shared import subjects
from shared.bus import Bus, header_value, kv, newest

PART_BYTES = 256 * 1024

_STREAM = kv.kv_stream(subjects.RESPONSES_BUCKET)


class StoredResponse(msgspec.Struct, array_like=True, frozen=True):
    """`deployment` has it, where it is not ""; `tokens` are those of its conversation; `parts` hold what we keep."""

    owner: str  # the token of the key that made it, or MASTER_KEY_ID
    group: str  # the model name of the configuration
    deployment: str
    tokens: int
    parts: int = 0


class Conversation(msgspec.Struct, frozen=True):
    """What is kept of a response: it, and the items that led to it, in order."""

    response: msgspec.Raw
    items: list[msgspec.Raw]


_decode = msgspec.msgpack.Decoder(StoredResponse).decode
_decode_conversation = msgspec.json.Decoder(Conversation).decode


def _subject(response_id: str, part: int | None = None) -> str:
    key = subjects.token(response_id)
    return kv.kv_subject(subjects.RESPONSES_BUCKET, key if part is None else f"{key}.{part}")


async def keep_response(bus: Bus, response_id: str, stored: StoredResponse, kept: Conversation | None = None) -> None:
    """Store it; with `kept`, so that `conversation_of` finds it.

    Raises:
        BusError
    """
    data = msgspec.json.encode(kept) if kept is not None else b""
    parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
    for number, part in enumerate(parts):
        await bus.store(_subject(response_id, number), part)
    entry = msgspec.structs.replace(stored, parts=len(parts))
    await bus.store(_subject(response_id), msgspec.msgpack.encode(entry))


async def find_response(bus: Bus, response_id: str) -> StoredResponse | None:
    """Raises: BusError."""
    found = await newest(bus, _STREAM, _subject(response_id))
    if found is None or header_value(found.headers, "KV-Operation") is not None:
        return None
    return _decode(found.data)


async def conversation_of(bus: Bus, response_id: str, stored: StoredResponse) -> Conversation | None:
    """Return what is kept here; None where a part of it is not there any more.

    Raises:
        BusError
    """
    parts: list[bytes] = []
    for number in range(stored.parts):
        found = await newest(bus, _STREAM, _subject(response_id, number))
        if found is None or not found.data:
            return None
        parts.append(found.data)
    return _decode_conversation(b"".join(parts)) if parts else None


async def forget_response(bus: Bus, response_id: str, stored: StoredResponse) -> None:
    """Raises: BusError."""
    deleted = {"KV-Operation": "DEL"}
    await bus.store(_subject(response_id), b"", headers=deleted)
    for number in range(stored.parts):
        await bus.store(_subject(response_id, number), b"", headers=deleted)
