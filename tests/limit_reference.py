"""A count of its own of what limits had room for, from the journals and from what routers and clients saw.

It knows nothing of how policy decides: what was taken when, what it used, when its end was stored. All times by the
clock of policy, in milliseconds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from services.policy.budgets.entries import Released
from services.policy.limits.counters import Taken
from services.policy.partitions.journal import journal

WINDOW_MS = 60_000

Type = Literal["requests", "tokens", "slots"]


class Limited(NamedTuple):
    """A limit that concerns a key."""

    account: str
    type: Type
    maximum: int


class Ends(NamedTuple):
    """By request: what it used, and when its end was stored."""

    used: Mapping[str, int]
    stored_ms: Mapping[str, int]


def taken_in(messages: Iterable[bytes]) -> dict[str, list[Taken]]:
    """Return by account what was taken and not given back, in order of time."""
    taken: dict[tuple[str, tuple[str, ...]], Taken] = {}
    released: set[str] = set()
    for message in messages:
        said = journal.decode(message)
        for entry in said.entries if isinstance(said, journal.Group) else ():
            if isinstance(entry, Taken):
                taken[entry.request, entry.reservation.accounts] = entry
            elif isinstance(entry, Released):
                released.add(entry.request)
    found: dict[str, list[Taken]] = {}
    for entry in sorted(taken.values(), key=lambda one: one.reservation.at_ms):
        for account in entry.reservation.accounts:
            if entry.request not in released:
                found.setdefault(account, []).append(entry)
    return found


class Reference:
    """What each account had taken of its limits at any moment."""

    def __init__(self, taken: Mapping[str, list[Taken]], ends: Ends) -> None:
        self._taken = taken
        self._times = {name: [entry.reservation.at_ms for entry in entries] for name, entries in taken.items()}
        self._ends = ends

    def most(self, account: str, type_: Literal["requests", "tokens"]) -> int:
        """Return the most that was in any window; tokens as they turned out to be used."""
        entries, times = self._taken.get(account, []), self._times.get(account, [])
        most = 0
        for index, at in enumerate(times):
            inside = entries[bisect_right(times, at - WINDOW_MS) : index + 1]
            if type_ == "requests":
                most = max(most, len(inside))
            else:
                most = max(most, sum(self._ends.used.get(one.request, one.reservation.tokens) for one in inside))
        return most

    def had_room(self, limits: Iterable[Limited], tokens: int, since_ms: int, until_ms: int) -> bool:
        """Return whether all limits had room for one more request, at every moment of that time."""
        return all(
            self._counted(limit, at) + (tokens if limit.type == "tokens" else 1) <= limit.maximum
            for limit in limits
            for at in self._moments(limit.account, since_ms, until_ms)
        )

    def _moments(self, account: str, since_ms: int, until_ms: int) -> list[int]:
        """Return when there was least room: at first, and whenever something was taken."""
        times = self._times.get(account, [])
        return [since_ms, *times[bisect_right(times, since_ms) : bisect_right(times, until_ms)]]

    def _counted(self, limit: Limited, at: int) -> int:
        times = self._times.get(limit.account, [])
        first, last = bisect_right(times, at - WINDOW_MS), bisect_right(times, at)
        if limit.type == "requests":
            return last - first
        inside = self._taken.get(limit.account, [])[first:last]
        if limit.type == "slots":
            return sum(self._runs(one, at) for one in inside)
        return sum(
            one.reservation.tokens if self._runs(one, at) else self._ends.used.get(one.request, one.reservation.tokens)
            for one in inside
        )

    def _runs(self, taken: Taken, at: int) -> bool:
        """Whether its end was not stored yet. What never reached a router, because policy died, has none."""
        return self._ends.stored_ms.get(taken.request, at + 1) > at
