"""Keeps the windows of all partitions of a process, twice a second."""

import time
from collections.abc import Callable, Iterable

from services.policy.partitions.owning.rounds import look_at_all
from services.policy.partitions.partition import Partition
from services.policy.thresholds.terms import Directory
from services.policy.windows.reset_teller import ResetTeller
from services.policy.windows.sweep import Sweep
from shared.bus import Bus, Outbox


class WindowKeeper:
    def __init__(
        self, bus: Bus, outbox: Outbox, directory: Directory, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._teller = ResetTeller(bus, outbox, directory, clock)
        self._sweep = Sweep(directory, clock)

    async def run(self, partitions: Iterable[Partition], holds: Callable[[int], bool]) -> None:
        """Until cancelled, look at the partitions of this process."""
        await look_at_all(partitions, holds, self.look, task="windows")

    async def look(self, partition: Partition) -> None:
        """Open what is due, forget what is over, and tell what was reset.

        Raises:
            BusError, TimeoutError: it is told the next time.
        """
        self._sweep.go_on(partition)
        await self._teller.tell(partition)
