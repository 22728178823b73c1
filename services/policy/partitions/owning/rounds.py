"""Looking at every partition of a process, again and again, beside the deciding."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog

from services.policy.partitions.partition import Partition
from shared.bus import BusError

log = structlog.get_logger()

LOOK_EVERY_S = 0.5


async def look_at_all(
    partitions: Iterable[Partition],
    holds: Callable[[int], bool],
    look: Callable[[Partition], Awaitable[None]],
    *,
    task: str,
) -> None:
    """Until cancelled, `look` at each partition whose lease `holds`. Budgets go on being kept, whatever fails in it.

    `look` may raise BusError or TimeoutError where it could not finish: it is called again the next time anyway.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for partition in list(partitions):
            if not holds(partition.number):
                continue
            try:
                await look(partition)
            except (BusError, TimeoutError) as error:
                log.debug("a look at a partition is put off", task=task, partition=partition.number, error=str(error))
            except Exception:
                log.exception("a look at a partition failed", task=task, partition=partition.number)
