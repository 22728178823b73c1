"""Who waits for a limit, and who goes first: by priority, then each tenant in turn, then in order. Pure.

A request stands in the line of the one account that has no room for it. Lines are short-lived. Where all together are
full, whoever keeps most places has to leave one to somebody who has fewer, and the lower priority to the higher.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Place(Generic[T]):
    """Where a request stands. `rank` orders those of one tenant: the lower goes first. `whose` is who keeps it."""

    __slots__ = ("account", "give_up_ms", "level", "number", "rank", "tenant", "waiting", "waits", "whose")

    def __init__(
        self, account: str, level: int, tenant: str, rank: int, number: int, give_up_ms: int, waiting: T, whose: str
    ):
        self.account = account
        self.whose = whose
        self.level = level
        self.tenant = tenant
        self.rank = rank
        self.number = number
        self.give_up_ms = give_up_ms
        self.waiting = waiting
        self.waits = False  # whether it stands in a line now

    def __lt__(self, other: "Place[T]") -> bool:
        return (self.rank, self.number) < (other.rank, other.number)


class _Line(Generic[T]):
    """Of one account: by level, the tenants in turn, each with its own."""

    def __init__(self) -> None:
        self.levels: dict[int, dict[str, list[Place[T]]]] = {}
        self.turns: dict[int, deque[str]] = {}

    def add(self, place: Place[T]) -> None:
        tenants = self.levels.setdefault(place.level, {})
        if place.tenant not in tenants:
            tenants[place.tenant] = []
            self.turns.setdefault(place.level, deque()).append(place.tenant)
        heappush(tenants[place.tenant], place)

    def first(self) -> Place[T]:
        level = min(self.levels)
        return self.levels[level][self.turns[level][0]][0]

    def take_first(self) -> Place[T]:
        level = min(self.levels)
        turn = self.turns[level]
        tenant = turn.popleft()
        own = self.levels[level][tenant]
        place = heappop(own)
        if own:
            turn.append(tenant)
        else:
            self._leave(level, tenant)
        return place

    def remove(self, place: Place[T]) -> None:
        own = self.levels[place.level][place.tenant]
        own.remove(place)
        own.sort()
        if not own:
            self.turns[place.level].remove(place.tenant)
            self._leave(place.level, place.tenant)

    def _leave(self, level: int, tenant: str) -> None:
        del self.levels[level][tenant]
        if not self.levels[level]:
            del self.levels[level], self.turns[level]


class FairQueue(Generic[T]):
    """`size` counts all that wait."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._numbers = count()
        self._kept: dict[tuple[int, str], int] = {}  # how many places, by level and whose they are
        self.size = 0

    def __contains__(self, account: str) -> bool:
        return account in self._lines

    def accounts(self) -> list[str]:
        return list(self._lines)

    def add(
        self,
        account: str,
        waiting: T,
        *,
        give_up_ms: int,
        level: int = 0,
        tenant: str = "",
        rank: int = 0,
        whose: str = "",
    ) -> Place[T]:
        """Let it stand in the line of `account`, no longer than until `give_up_ms`. The lowest `level` goes first.

        Within the line, each `tenant` has its turn; of all places together, `whose` has its share.
        """
        place = Place(account, level, tenant, rank, next(self._numbers), give_up_ms, waiting, whose)
        self._put(place)
        return place

    def surplus(self, level: int, whose: str) -> Place[T] | None:
        """Return who has to leave where there is no place for one more, None where nobody has: the newest of the last
        level, of those of whom most wait.
        """
        if not self._kept:
            return None
        most = max(self._kept, key=lambda one: (one[0], self._kept[one]))
        if most[0] < level or (most[0] == level and self._kept[most] <= self._kept.get((level, whose), 0) + 1):
            return None
        theirs = (place for place in self.places() if (place.level, place.whose) == most)
        return max(theirs, key=lambda place: place.number)

    def move(self, place: Place[T], account: str) -> None:
        """Let one that was taken stand in another line, where it keeps its age."""
        place.account = account
        self._put(place)

    def first(self, account: str) -> Place[T] | None:
        line = self._lines.get(account)
        return line.first() if line is not None else None

    def take_first(self, account: str) -> Place[T]:
        """Remove and return the first; its tenant's turn is over."""
        place = self._lines[account].take_first()
        self._left(place)
        return place

    def remove(self, place: Place[T]) -> None:
        """Let it leave, wherever it stands."""
        self._lines[place.account].remove(place)
        self._left(place)

    def take_overdue(self, now_ms: int) -> list[Place[T]]:
        """Remove and return those who have waited long enough, wherever they stand."""
        overdue = [place for place in self.places() if place.give_up_ms <= now_ms]
        for place in overdue:
            self.remove(place)
        return overdue

    def take_all(self) -> list[Place[T]]:
        everybody = list(self.places())
        for place in everybody:
            place.waits = False
        self._lines, self._kept, self.size = {}, {}, 0
        return everybody

    def _put(self, place: Place[T]) -> None:
        line = self._lines.get(place.account)
        if line is None:
            line = self._lines[place.account] = _Line()
        line.add(place)
        place.waits = True
        self.size += 1
        kept = (place.level, place.whose)
        self._kept[kept] = self._kept.get(kept, 0) + 1

    def _left(self, place: Place[T]) -> None:
        self.size -= 1
        kept = (place.level, place.whose)
        self._kept[kept] -= 1
        if not self._kept[kept]:
            del self._kept[kept]
        place.waits = False
        if not self._lines[place.account].levels:
            del self._lines[place.account]

    def places(self) -> Iterator[Place[T]]:
        for line in self._lines.values():
            for tenants in line.levels.values():
                for own in tenants.values():
                    yield from own
