"""The partitions this process decides for now, and the holds it has to give back wherever they are owned by then."""

import time
from collections.abc import Iterator

from services.policy.metrics import Counts
from services.policy.partitions.partition import Partition
from services.policy.partitions.undispatched import Undispatched


class OpenPartitions:
    def __init__(self) -> None:
        self.undispatched = Undispatched()
        self.counts = Counts()
        self._open: dict[int, Partition] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Partition]:
        return iter(list(self._open.values()))

    def get(self, number: int) -> Partition | None:
        return self._open.get(number)

    def add(self, partition: Partition) -> None:
        self._open[partition.number] = partition

    def remove(self, partition: Partition) -> None:
        if self._open.get(partition.number) is partition:
            del self._open[partition.number]

    def leave(self, request: str) -> bool:
        """The client of `request` left. Return whether it waited in one of them."""
        return any(partition.leave(request) for partition in self._open.values())

    def release(self, number: int, request: str) -> None:
        """The request never reached a router: whoever owns its hold gives it back."""
        partition = self._open.get(number)
        if partition is not None:
            partition.release(request)
        else:
            self.undispatched.add(number, request, time.time_ns() // 1_000_000)
