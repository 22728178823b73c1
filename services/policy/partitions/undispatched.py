"""Holds whose requests this process knows no router ever got, until their release is in the journal.

A hold can be stored although its owner was told otherwise, or was never told: then the request was refused, and the
hold is nobody's. Whoever owns the partition by then releases it.
"""

KEPT_MS = 2 * 3_600_000
"""Longer than a hold lives: afterwards it has expired, and counts as spent."""
MOST = 100_000


class Undispatched:
    """By partition and request. Times in milliseconds since 1970."""

    def __init__(self) -> None:
        self._since: dict[tuple[int, str], int] = {}  # in order of time

    def __len__(self) -> int:
        return len(self._since)

    def add(self, partition: int, request: str, now_ms: int) -> None:
        self._since.pop((partition, request), None)
        self._since[(partition, request)] = now_ms
        if len(self._since) > MOST:
            del self._since[next(iter(self._since))]

    def discard(self, partition: int, request: str) -> None:
        self._since.pop((partition, request), None)

    def of(self, partition: int) -> list[str]:
        return [request for number, request in self._since if number == partition]

    def partitions(self) -> set[int]:
        return {number for number, _ in self._since}

    def forget_old(self, now_ms: int) -> None:
        while self._since:
            oldest = next(iter(self._since))
            if self._since[oldest] > now_ms - KEPT_MS:
                return
            del self._since[oldest]
