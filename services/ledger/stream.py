"""The stream of facts as a whole: which it has, and any part of it again."""

import asyncio
from typing import NamedTuple

import structlog

from services.ledger.failures import CannotGoOn, new_epoch
from shared import subjects
from shared.bus import Bus, BusError, Reader, Stored

log = structlog.get_logger()

RETRY_WAIT_S = 0.2


class FactsStream(NamedTuple):
    """The sequences of the oldest and the newest fact; of an empty stream `first` is `last` + 1."""

    first: int
    last: int


async def facts_stream(bus: Bus) -> FactsStream:
    """Ask JetStream; wait for NATS as long as it is away."""
    while True:
        try:
            state = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["state"]
            return FactsStream(max(1, state["first_seq"]), state["last_seq"])
        except (BusError, TimeoutError) as error:
            log.debug("the stream of facts cannot be looked at yet", error=str(error))
            await asyncio.sleep(RETRY_WAIT_S)


def check_reaches(stream: FactsStream, last: int, epoch: int) -> None:
    """See that the stream has fact `last`, or had it once.

    Raises:
        CannotGoOn: it ends before.
    """
    if stream.last < last:
        raise CannotGoOn(
            f"Facts up to {last} have been written, but the stream {subjects.FACTS} ends at {stream.last}: "
            f"NATS lost its end or made it anew. {new_epoch(epoch)}"
        )


async def read_facts(bus: Bus, first: int, count: int) -> list[Stored]:
    """Return `count` facts from `first` on; wait for NATS as long as it is away. They must all be in the stream."""
    reader = Reader(bus, subjects.FACTS, start=first)
    messages: list[Stored] = []
    try:
        while len(messages) < count:
            messages += await reader.next_batch(count - len(messages), 1.0)
    finally:
        await reader.close()
    return messages
