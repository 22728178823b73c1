"""What was said of the spend of keys, held against what journal and facts come to. Pure.

An owner has folded the facts up to some point when it writes down what was said: so what it counted by then must be
what all steps come to, but for the newest ends.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from tests.torture.history import Place, Set, Stood

Said = Mapping[tuple[str, int], int]
"""By key and the version of its event: what its spend was set to, as its fact has it. Pico-dollars."""


class Attempt(NamedTuple):
    """A wish to set the spend of `key`. `confirmed`: it was answered that it counts. Milliseconds."""

    key: str
    pico: int
    confirmed: bool
    answered_ms: int


class _End(NamedTuple):
    seq: int
    request: str
    by: int


class SetSpends:
    """`by` is what all that was said comes to; `beyond`, by account, by how much its spend differs from the costs."""

    def __init__(self, said: Said, spent: Counter[Place], wrong: Callable[[str, str], None]) -> None:
        """`spent` is changed by what was said."""
        self._said = said
        self._spent = spent
        self._wrong = wrong
        self.serials: dict[str, int] = {}
        self.by: Counter[Place] = Counter()
        self.beyond: Counter[str] = Counter()
        self.settled: set[tuple[str, str]] = set()  # requests whose ends correct nothing in an account any more
        self._ends: dict[Place, list[_End]] = defaultdict(list)

    def ended(self, place: Place, seq: int, request: str, by: int) -> None:
        """The fact `seq` of the stream, an end, has changed what is spent."""
        self._ends[place].append(_End(seq, request, by))

    def settle(self, account: str, request: str, window: str, assumed: int, cost: int | None) -> None:
        """What `request` was assumed to cost is in what was said; `cost` where its end has come already."""
        self.settled.add((request, account))
        place = Place(account, window)
        if cost is not None:
            self._ends[place] = [end for end in self._ends[place] if end.request != request]
            self._spent[place] += assumed - cost
            self.beyond[account] += assumed - cost

    def late(self, account: str, assumed: int, cost: int) -> None:
        """The end of a request that is settled has come."""
        self.beyond[account] += assumed - cost

    def set(self, step: Set) -> None:
        place, serial, by, _ = step
        if serial <= self.serials.get(place.account, 0):
            self._wrong("double", f"{place.account}: what was said as {serial} counts twice")
            return
        said = self._said.get((place.account, serial))
        if said is None:
            self._wrong("disagreement", f"{place.account}: its spend was set as {serial}, and no fact says so")
        elif by and not self._has_been(place, said - by):
            told = f"{said - by} counted by its owner when it was set to {said}, {self._spent[place]} by the steps"
            self._wrong("disagreement", f"{place.account}: {told}")
        self._count(place, serial, by)

    def stood(self, place: Place, stood: Stood) -> None:
        """A snapshot stands for what was said while it was written."""
        if stood.serial <= self.serials.get(place.account, 0):
            return
        if (place.account, stood.serial) not in self._said:
            self._wrong("disagreement", f"{place.account}: its spend was set as {stood.serial}, and no fact says so")
        newer = sum(end.by for end in self._ends[place] if end.seq > stood.facts_seq)
        self._count(place, stood.serial, stood.spent - (self._spent[place] - newer))

    def missing(self, attempts: Collection[Attempt]) -> None:
        """Look for what was confirmed and never came."""
        serials = {(key, pico): serial for (key, serial), pico in self._said.items()}
        for key, pico, confirmed, _ in attempts:
            serial = serials.get((key, pico))
            if confirmed and (serial is None or self.serials.get(key, 0) < serial):
                self._wrong("lost", f"{key}: its spend was set to {pico}, and no journal has it")

    def _count(self, place: Place, serial: int, by: int) -> None:
        self.serials[place.account] = serial
        self._spent[place] += by
        self.by[place] += by
        self.beyond[place.account] += by

    def _has_been(self, place: Place, counted: int) -> bool:
        known = self._spent[place]
        for end in reversed(self._ends[place]):
            if known == counted:
                return True
            known -= end.by
        return known == counted
