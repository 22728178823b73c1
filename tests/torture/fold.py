"""Budgets added up from the steps of a history, independently of policy's own books; every step is looked at. Pure."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from tests.torture.history import (
    Admitted,
    Crossed,
    Expired,
    Finished,
    Held,
    Lost,
    Place,
    Released,
    Snapshot,
    Step,
)


class Ended(NamedTuple):
    """A hold that is over, and what it counts as. `assumed`: it expired, and its true cost may still come."""

    hold: Held
    cost: int
    assumed: bool


class Fold:
    """`violations` has a sentence for every step that must never happen."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        """`limits` in pico-dollars, by account; those that are not in it have none."""
        self.limits = limits
        self.open: dict[str, Held] = {}
        self.ended: dict[str, Ended] = {}
        self.released: dict[str, Held] = {}
        self.spent: Counter[Place] = Counter()
        self.held: Counter[Place] = Counter()
        self.over: dict[Place, int] = {}  # by how much at most
        self.most: Counter[Place] = Counter()  # that was ever spent
        self.crossed: set[Crossed] = set()
        self.finished: dict[str, int] = {}
        self.lost_facts: dict[str, int] = {}
        self.expired: set[str] = set()
        self.admitted: dict[str, int] = {}
        self.violations: dict[str, list[str]] = defaultdict(list)
        self.late_ends = 0
        self.steps = 0

    def add(self, step: Step) -> None:
        self.steps += 1
        match step:
            case Held():
                self._hold(step)
            case Expired(request):
                self._expire(request)
            case Released(request):
                self._release(request)
            case Snapshot():
                self._compare(step)
            case Admitted(request, amount):
                self.admitted[request] = amount
            case Finished(request, cost):
                self._finish(request, cost)
            case Lost(request, cost):
                if request in self.lost_facts:
                    self._wrong("double", f"{request}: its loss was told twice")
                self.lost_facts[request] = cost
            case Crossed(place, percent):
                if step in self.crossed:
                    self._wrong("double", f"{place.account}: {percent} % was told twice in window {place.window}")
                self.crossed.add(step)

    def at_the_end(self) -> None:
        """Look at what only shows when nothing more will come."""
        for request, hold in self.open.items():
            self._wrong("stranded", f"{request}: {hold.amount} is held for ever")
        for request, amount in self.admitted.items():
            hold = self._hold_of(request)
            if hold is None:
                self._wrong("two owners", f"{request} was admitted, and no journal has it")
            elif hold.amount != amount:
                self._wrong("disagreement", f"{request}: admitted at {amount}, journalled at {hold.amount}")
        for request in self.expired - self.lost_facts.keys():
            self._wrong("lost", f"{request}: it expired, and no fact says so")
        for request in self.lost_facts.keys() - self.expired:
            self._wrong("disagreement", f"{request}: a fact says that it was lost, the journal does not")

    def places(self) -> set[Place]:
        return {*self.spent, *self.held}

    def hold_of(self, request: str) -> Held | None:
        """Return the hold a request had, however it ended."""
        return self._hold_of(request)

    def _hold(self, hold: Held) -> None:
        request = hold.request
        if self._hold_of(request) is not None:
            self._wrong("double", f"{request} was admitted twice")
            return
        if request in self.finished:
            self._wrong("disagreement", f"{request} was admitted after it had ended")
        self.open[request] = hold
        for place in hold.places:
            self.held[place] += hold.amount
            self._look_at(place)

    def _expire(self, request: str) -> None:
        if request in self.finished:  # its owner had not read the fact yet: it corrects the loss at once
            self.expired.add(request)
            return
        hold = self.open.pop(request, None)
        if hold is None:
            self._wrong("disagreement", f"{request} expired without being held")
            return
        self.expired.add(request)
        self._end(hold, hold.amount, assumed=True)

    def _release(self, request: str) -> None:
        hold = self.open.pop(request, None)
        if hold is None:
            self._wrong("disagreement", f"{request} was given back without being held")
            return
        for place in hold.places:
            self.held[place] -= hold.amount
        self.released[request] = hold

    def _finish(self, request: str, cost: int) -> None:
        if request in self.finished:
            self._wrong("double", f"{request} was settled twice")
            return
        self.finished[request] = cost
        hold = self.open.pop(request, None)
        if hold is not None:
            self._end(hold, cost, assumed=False)
            return
        before = self.ended.get(request)
        if before is not None:
            self.late_ends += 1
            for place in before.hold.places:
                self.spent[place] += cost - before.cost
                self._look_at(place)
            self.ended[request] = Ended(before.hold, cost, False)
        elif request in self.released:
            self._wrong("lost", f"{request} was given back, and cost {cost}")
        else:
            self._wrong("lost", f"{request} cost {cost}, and was never held")

    def _end(self, hold: Held, cost: int, *, assumed: bool) -> None:
        for place in hold.places:
            self.held[place] -= hold.amount
            self.spent[place] += cost
            self._look_at(place)
        self.ended[hold.request] = Ended(hold, cost, assumed)

    def _compare(self, snapshot: Snapshot) -> None:
        """A snapshot stands for entries that were decided while it was written, and are in no group."""
        there = {**snapshot.open, **snapshot.lost}
        for request in [name for name, hold in self.open.items() if hold.partition == snapshot.partition]:
            if request not in there:
                self._release(request)
        for request, hold in there.items():
            known = self._hold_of(request)
            if known is None:
                self._hold(hold)
            elif known != hold:
                self._wrong("disagreement", f"{request}: a snapshot says {hold}, the journal {known}")
            if request in snapshot.lost and request in self.open:
                self._expire(request)

    def _hold_of(self, request: str) -> Held | None:
        if request in self.open:
            return self.open[request]
        if request in self.ended:
            return self.ended[request].hold
        return self.released.get(request)

    def _look_at(self, place: Place) -> None:
        self.most[place] = max(self.most[place], self.spent[place])
        limit = self.limits.get(place.account)
        if limit is None:
            return
        over = self.spent[place] + self.held[place] - limit
        if over > 0:
            if place not in self.over:
                self._wrong("overshoot", f"{place.account} passed its limit {limit} by {over}")
            self.over[place] = max(over, self.over.get(place, 0))

    def _wrong(self, kind: str, sentence: str) -> None:
        self.violations[kind].append(sentence)
