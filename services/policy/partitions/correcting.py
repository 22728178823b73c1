"""What the control plane says of an account's spend, written into its partition's journal before it is answered.

Nothing depends on the message's arrival: the key's or holder's entry says the same, and counts with its next request.
"""

import asyncio

import msgspec
import structlog

from services.policy.partitions.partition import Partition
from shared.control import CorrectAccount
from shared.identity.holders import Correction

log = structlog.get_logger()

STORED = b'{"stored":true}'
NOT_STORED = b'{"stored":false}'

_decode = msgspec.json.Decoder(CorrectAccount).decode


async def correct(partition: Partition, payload: bytes) -> bytes:
    """Return STORED once the journal has it; a correction that counts already is stored."""
    try:
        asked = _decode(payload)
    except msgspec.DecodeError as error:
        log.error("a correction cannot be read", partition=partition.number, error=str(error))
        return NOT_STORED
    if not partition.open:
        return NOT_STORED
    correction = Correction(asked.serial, asked.pico, asked.at_ms, asked.at_least)
    if partition.standing(asked.account).corrected >= correction.serial:
        return STORED
    stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def then(ok: bool) -> None:
        if not stored.done():
            stored.set_result(ok)

    partition.stands.correct(asked.account, correction, then)
    return STORED if await stored else NOT_STORED
