"""Several messages stored together, or none of them."""

import os

from shared.bus.connection import Bus
from shared.bus.headers import header_block


async def store_batch(bus: Bus, messages: list[tuple[str, bytes, int | None, dict[str, str]]]) -> int:
    """Store all of (subject, payload, expected last sequence, headers) or none; return the last sequence.

    The stream must allow atomic publishing. At most 1,000 messages; about 2.5 ms on file storage.

    Raises:
        Conflict, NotStored, NotConnected, MessageTooBig
    """
    batch = os.urandom(8).hex()
    last = len(messages)
    for number, (subject, payload, expected, headers) in enumerate(messages, start=1):
        marks = {**headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if number == last:
            marks["Nats-Batch-Commit"] = "1"
            return await bus.store(subject, payload, expected_last=expected, headers=marks)
        bus.publish(subject, payload, "", header_block(expected_last=expected, others=marks))
    raise ValueError("a batch needs at least one message")
