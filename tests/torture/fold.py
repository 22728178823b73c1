"""Budgets added up from the steps of a history, independently of policy's own books; every step is looked at. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.torture.history import (
    PROVIDER,
    Admitted,
    Closed,
    Crossed,
    Expired,
    Finished,
    Held,
    Lost,
    Opened,
    Place,
    Released,
    Reset,
    Set,
    Snapshot,
    Step,
    Took,
    costs,
)
from tests.torture.set_spend import Said, SetSpends


class Ended(NamedTuple):
    """A hold that is over, and what it counts as. `assumed`: it expired, and its true cost may still come."""

    hold: Held
    cost: int
    assumed: bool


class Fold:
    """`violations` has a sentence for every step that must never happen."""

    def __init__(self, limits: Mapping[str, int], said: Said | None = None) -> None:
        """`limits` in pico-dollars, by account; those that are not in it have none. `said`: what spend was set to."""
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
        self.expired_late: set[str] = set()  # after their end
        self.admitted: dict[str, int] = {}
        self.violations: dict[str, list[str]] = defaultdict(list)
        self.bounds: dict[Place, Opened] = {}
        self.closed: set[Place] = set()
        self.resets: dict[Place, Reset] = {}
        self.took: set[tuple[str, int]] = set()  # requests that have part of limits, with the partition that gave it
        self.sets = SetSpends(said or {}, self.spent, self._wrong)
        self.late_ends = 0
        self.steps = 0

    def add(self, step: Step) -> None:
        self.steps += 1
        match step:
            case Opened():
                self._open_window(step)
            case Closed(place):
                self.closed.add(place)
            case Reset(place):
                if place in self.resets:
                    self._wrong("double", f"{place.account}: the end of window {place.window} was told twice")
                self.resets[place] = step
            case Held():
                self._hold(step)
            case Expired(request):
                self._expire(request)
            case Released(request, partition):
                if (request, partition) not in self.took or self._counts_hold(request, partition):
                    self._release(request)
            case Took(request, partition):
                self.took.add((request, partition))
            case Set(place, _, _, settles):
                self._settle(place, settles)
                self.sets.set(step)
                self._look_at(place)
            case Snapshot():
                self._compare(step)
            case Admitted(request, amount):
                self.admitted[request] = amount
            case Finished():
                self._finish(step)
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
        for place in self.closed - self.resets.keys():
            self._wrong("untold", f"{place.account}: nobody was told that window {place.window} has ended")
        for place in self.resets.keys() - self.closed:
            self._wrong("disagreement", f"{place.account}: the end of window {place.window} was told, and is no entry")
        for place, (_, spent, held) in self.resets.items():
            if self.spent[place] > spent + held:
                told = f"{spent} spent and {held} in flight"
                self._wrong("disagreement", f"{place.account}: {told} told, {self.spent[place]} in the end")
        for request in self.lost_facts.keys() - self.expired - self.expired_late:
            self._wrong("disagreement", f"{request}: a fact says that it was lost, the journal does not")

    def places(self) -> set[Place]:
        return {*self.spent, *self.held}

    def hold_of(self, request: str) -> Held | None:
        """Return the hold a request had, however it ended."""
        return self._hold_of(request)

    def assumed(self, account: str) -> int:
        """Return what of the account's spend is that of requests whose end is unknown."""
        lost = [ended for ended in self.ended.values() if ended.assumed]
        return sum(ended.cost for ended in lost if any(place.account == account for place in ended.hold.places))

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
            self._is_in_its_window(hold, place)

    def _expire(self, request: str) -> None:
        if request in self.finished:
            # Its owner had not read the fact yet: it corrects the loss at once, and need not tell of it.
            self.expired_late.add(request)
            ended = self.ended.get(request)
            if ended is not None:
                for place in ended.hold.places:
                    counted = self.spent[place] + ended.hold.amount - ended.cost
                    self.most[place] = max(self.most[place], counted)
            return
        hold = self.open.pop(request, None)
        if hold is None:
            self._wrong("disagreement", f"{request} expired without being held")
            return
        self.expired.add(request)
        self._end(hold, hold.amount, None, assumed=True)

    def _counts_hold(self, request: str, partition: int) -> bool:
        """Whether it is a hold there that a release gives back: of one that had expired, and counts as spent, only the
        part of limits is left.
        """
        hold = self._hold_of(request)
        return hold is not None and hold.partition == partition and request not in self.expired

    def _release(self, request: str) -> None:
        hold = self.open.pop(request, None)
        if hold is None:
            self._wrong("disagreement", f"{request} was given back without being held")
            return
        for place in hold.places:
            self.held[place] -= hold.amount
        self.released[request] = hold

    def _finish(self, end: Finished) -> None:
        request, cost = end.request, end.cost
        if request in self.finished:
            self._wrong("double", f"{request} was settled twice")
            return
        self.finished[request] = cost
        hold = self.open.pop(request, None)
        if hold is not None:
            self._was_it_held_for(hold, end)
            self._end(hold, cost, end.provider, assumed=False, seq=end.seq)
            return
        before = self.ended.get(request)
        if before is not None:
            self.late_ends += 1
            self._was_it_held_for(before.hold, end)
            for place in before.hold.places:
                if (request, place.account) in self.sets.settled:
                    self.sets.late(place.account, before.cost, cost)
                    continue
                by = costs(place, cost, end.provider) - before.cost
                self.spent[place] += by
                self.sets.ended(place, end.seq, request, by)
                self._look_at(place)
            self.ended[request] = Ended(before.hold, cost, False)
        elif request in self.released:
            self._wrong("lost", f"{request} was given back, and cost {cost}")
        else:
            self._wrong("lost", f"{request} cost {cost}, and was never held")

    def _end(self, hold: Held, cost: int, provider: str | None, *, assumed: bool, seq: int = 0) -> None:
        for place in hold.places:
            self.held[place] -= hold.amount
            by = cost if provider is None else costs(place, cost, provider)
            self.spent[place] += by
            if not assumed:
                self.sets.ended(place, seq, hold.request, by)
            self._look_at(place)
        self.ended[hold.request] = Ended(hold, cost, assumed)

    def _settle(self, place: Place, requests: Iterable[str]) -> None:
        for request in requests:
            hold = self._hold_of(request)
            if hold is None:
                self._wrong("disagreement", f"{request} is in what was said of {place.account}, and was never held")
            elif (request, place.account) not in self.sets.settled:
                self.sets.settle(place.account, request, place.window, hold.amount, self.finished.get(request))

    def _was_it_held_for(self, hold: Held, end: Finished) -> None:
        providers = [place.account for place in hold.places if place.account.startswith(PROVIDER)]
        if end.cost and providers and PROVIDER + end.provider not in providers:
            self._wrong("overshoot", f"{hold.request} was served by {end.provider}, and held for {providers} only")

    def _open_window(self, opened: Opened) -> None:
        place = opened.place
        before = self.bounds.get(Place(place.account, str(int(place.window) - 1)))
        if before is not None and opened.starts_ms < before.ends_ms:
            self._wrong("window", f"{place.account}: window {place.window} begins before the one before it has ended")
        self.bounds[place] = opened

    def _is_in_its_window(self, hold: Held, place: Place) -> None:
        bounds = self.bounds.get(place)
        if bounds is None:
            return
        if hold.at_ms < bounds.starts_ms or 0 < bounds.ends_ms <= hold.at_ms:
            where = f"window {place.window} of {place.account}, {bounds.starts_ms} to {bounds.ends_ms}"
            self._wrong("window", f"{hold.request} of {hold.at_ms} was counted in {where}")

    def _compare(self, snapshot: Snapshot) -> None:
        """A snapshot stands for entries that were decided while it was written, and are in no group."""
        there = {**snapshot.open, **snapshot.lost}
        self.took.update((request, snapshot.partition) for request in snapshot.taken)
        for request in [name for name, hold in self.open.items() if hold.partition == snapshot.partition]:
            if request not in there:
                self._release(request)
        for request, hold in there.items():
            known = self._hold_of(request)
            if known is None:
                self._hold(hold)
            elif known != _placed_as(hold, known):
                self._wrong("disagreement", f"{request}: a snapshot says {hold}, the journal {known}")
            if request in snapshot.lost and request in self.open:
                self._expire(request)
        for request in snapshot.settled:
            known = self._hold_of(request)
            if known is not None:
                self._settle(known.places[0], (request,))
        for place, stood in snapshot.stood.items():
            self.sets.stood(place, stood)
            self._look_at(place)

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


def _placed_as(hold: Held, known: Held) -> Held:
    """Return `hold` as it was placed: one that was settled has no window in its key's account any more."""
    if hold.places[0] == Place(known.places[0].account, "0"):
        return hold._replace(places=(known.places[0], *hold.places[1:]))
    return hold
