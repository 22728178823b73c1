"""Keeps the windows of all partitions of a process, twice a second."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from services.policy.partitions.partition import Partition
from services.policy.thresholds.terms import Directory
from services.policy.windows.reset_teller import ResetTeller
from services.policy.windows.sweep import Sweep
from shared.bus import Bus, BusError, Outbox

log = structlog.get_logger()

LOOK_EVERY_S = 0.5


class WindowKeeper:
    def __init__(
        self, bus: Bus, outbox: Outbox, directory: Directory, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._teller = ResetTeller(bus, outbox, directory, clock)
        self._sweep = Sweep(directory, clock)

    async def run(self, partitions: Iterable[Partition], holds: Callable[[int], bool]) -> None:
        """Until cancelled, look at the partitions of this process."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for partition in list(partitions):
                if not holds(partition.number):
                    continue
                try:
                    await self.look(partition)
                except (BusError, TimeoutError) as error:
                    log.debug("resets are told later", partition=partition.number, error=str(error))
                except Exception:  # budgets go on being kept, whatever fails here
                    log.exception("windows could not be looked after", partition=partition.number)

    async def look(self, partition: Partition) -> None:
        """Open what is due, forget what is over, and tell what was reset.

        Raises:
            BusError, TimeoutError: it is told the next time.
        """
        self._sweep.go_on(partition)
        await self._teller.tell(partition)
