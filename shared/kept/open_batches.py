"""Batches whose end is still to be paid for: one entry of the BATCHES bucket each, from its making to its settlement.

Every router mirrors them. Who asks the provider next claims the entry by its revision, so that one does at a time; and
what is to be told is written down before it is told, so that whoever comes after a crash tells the same.
"""

import msgspec

from shared import subjects
from shared.bus import Bus, kv
from shared.calls import Complete


class OpenBatch(msgspec.Struct, array_like=True, frozen=True):
    """`call` is what made it, with its hold. Times in milliseconds since 1970.

    `finished` is its fact, encoded, once it is settled; it was first sent at `settled_ms`.
    """

    call: Complete
    owner: str
    deployment: str
    batch_id: str
    started_ms: int
    next_ms: int  # when it is to be asked for
    finished: bytes = b""
    finished_subject: str = ""
    finished_id: str = ""
    settled_ms: int = 0


encode_batch = msgspec.msgpack.Encoder().encode
decode_batch = msgspec.msgpack.Decoder(OpenBatch).decode


async def open_batch(bus: Bus, batch: OpenBatch) -> None:
    """Raises: BusError."""
    await kv.put(bus, subjects.BATCHES_BUCKET, subjects.token(batch.call.request.request_id), encode_batch(batch))
