"""Requests that wait for money which requests in flight hold, in order by account, none longer than it may. Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Waiter(NamedTuple, Generic[T]):
    waiting: T
    give_up_ms: int


class WaitingRoom(Generic[T]):
    """`size` counts all that wait."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Waiter[T]]] = {}
        self.size = 0

    def __contains__(self, account: str) -> bool:
        return account in self._queues

    def count(self, account: str) -> int:
        """Return how many wait for `account`."""
        return len(self._queues.get(account, ()))

    def accounts(self) -> list[str]:
        return list(self._queues)

    def add(self, account: str, waiting: T, give_up_ms: int) -> None:
        self._queues.setdefault(account, deque()).append(Waiter(waiting, give_up_ms))
        self.size += 1

    def first(self, account: str) -> T | None:
        queue = self._queues.get(account)
        return queue[0].waiting if queue else None

    def take_first(self, account: str) -> None:
        self._queues[account].popleft()
        self._forget(account, 1)

    def take_overdue_first(self, account: str, now_ms: int) -> T | None:
        """Remove and return the first, if it has waited long enough."""
        queue = self._queues.get(account)
        if not queue or queue[0].give_up_ms > now_ms:
            return None
        first = queue[0].waiting
        self.take_first(account)
        return first

    def take_overdue(self, account: str, now_ms: int) -> list[T]:
        """Remove and return those who have waited long enough, wherever they stand."""
        queue = self._queues.get(account, deque())
        overdue = [waiter.waiting for waiter in queue if waiter.give_up_ms <= now_ms]
        if overdue:
            self._queues[account] = deque(waiter for waiter in queue if waiter.give_up_ms > now_ms)
            self._forget(account, len(overdue))
        return overdue

    def remove(self, account: str, waiting: T) -> None:
        """Let one leave, wherever it stands."""
        queue = self._queues[account]
        queue.remove(next(waiter for waiter in queue if waiter.waiting is waiting))
        self._forget(account, 1)

    def take_all(self) -> Iterator[T]:
        queues, self._queues, self.size = self._queues, {}, 0
        for queue in queues.values():
            for waiter in queue:
                yield waiter.waiting

    def _forget(self, account: str, count: int) -> None:
        self.size -= count
        if not self._queues[account]:
            del self._queues[account]
