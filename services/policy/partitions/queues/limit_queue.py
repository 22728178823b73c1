"""Requests of a partition that find no room in a limit: who may wait for it, and who is refused when.

Where the end of a request in flight would make room, nobody is refused before all ends that are stored by then are
known: a client that has its answer may count on its slot, and on the tokens it did not use.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from services.policy.limits.counters import Counter
from services.policy.limits.fair_queue import FairQueue, Place
from services.policy.limits.headers import limit_lines
from services.policy.limits.room import Over
from services.policy.metrics import Counts, Outcome, Wait
from services.policy.partitions.decision import Answer, Done, Left, NoRoom, Part, Wanted
from services.policy.partitions.journal.journal_writer import Then

log = structlog.get_logger()

WAITING_MAX = 1_000
"""How many wait at most in one partition, for all its limits together."""

CATCH_UP_MAX_MS = 2_000
"""How long at most a request is kept that may not wait, until the ends of others are known."""

WAKE_AFTER_MIN_S = 0.005

Try = Callable[[Wanted, Done], Over | None]
"""Decides a request that has waited: Over where there is still no room, None where somebody else answers it."""


@dataclass(slots=True)
class _Waiting:
    wanted: Wanted
    part: Part
    done: Done
    over: Over
    wait: Wait | None  # None: it is only kept until the ends of others are known


class LimitQueue:
    """All calls come from one event loop."""

    def __init__(
        self,
        counters: dict[str, Counter],
        *,
        try_again: Try,
        catch_up: Callable[[Callable[[], None]], object],
        after_journal: Callable[[Then], None],
        clock: Callable[[], float],
        counts: Counts,
    ) -> None:
        """`catch_up` calls what it is given once all ends stored by now are known, `after_journal` once all that is
        taken by now is stored, or lost; `clock` in seconds since 1970.
        """
        self._counters = counters
        self._try_again = try_again
        self._catch_up = catch_up
        self._after_journal = after_journal
        self._clock = clock
        self._counts = counts
        self._queue: FairQueue[_Waiting] = FairQueue()
        self._places: dict[str, Place[_Waiting]] = {}  # by request
        self._catching: list[Place[_Waiting]] = []
        self._is_catching = False
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_ms = 0

    @property
    def size(self) -> int:
        return self._queue.size

    @property
    def waits_for_ends(self) -> bool:
        """Whether the end of another request may make room for one."""
        firsts = (self._queue.first(account) for account in self._queue.accounts())
        return any(place is not None and place.waiting.over.by_ends for place in firsts)

    def ahead_of(self, part: Part) -> Over | None:
        """Return what those wait for who must not be overtaken by a request that needs `part`."""
        if not self._queue.size:
            return None
        for limit in part.limits:
            place = self._queue.first(limit.account)
            if place is not None and place.level <= part.level:
                return place.waiting.over
        return None

    def put(self, wanted: Wanted, part: Part, done: Done, over: Over) -> bool:
        """Let it wait where it may, else refuse it. Return whether it is answered."""
        now_ms = self._now_ms()
        may_wait = (
            part.give_up_ms > now_ms
            and over.frees_ms is not None
            and (over.by_ends or over.frees_ms <= part.give_up_ms)
        )
        if not (may_wait or over.by_ends) or not self._has_place(part, wanted.tenant, now_ms):
            self._refuse(part, done, over, now_ms)
            return True
        place = self._queue.add(
            over.limit.account,
            _Waiting(wanted, part, done, over, self._counts.begin("limit", part.level) if may_wait else None),
            give_up_ms=part.give_up_ms if may_wait else now_ms + CATCH_UP_MAX_MS,
            level=part.level,
            tenant=wanted.tenant if over.limit.spans_tenants else part.key,
            rank=part.rank,
            whose=wanted.tenant,
        )
        self._places[wanted.request] = place
        if over.by_ends:
            self._catching.append(place)
            if not self._is_catching:
                self._begin_to_catch_up()
        self._wake_by(_wakes_ms(place), now_ms)
        return False

    def _has_place(self, part: Part, tenant: str, now_ms: int) -> bool:
        """Whether one more may wait; where all places are taken, somebody else may have to leave, who is refused."""
        if self._queue.size < WAITING_MAX:
            return True
        surplus = self._queue.surplus(part.level, tenant)
        if surplus is None:
            return False
        self._queue.remove(surplus)
        self._ended(surplus, "refused")
        self._refuse(surplus.waiting.part, surplus.waiting.done, surplus.waiting.over, now_ms)
        return True

    def leave(self, request: str) -> bool:
        """The client of `request` left. Return whether it waited here."""
        place = self._places.pop(request, None)
        if place is None:
            return False
        self._queue.remove(place)
        self._ended(place, "left")
        answer(place.waiting.done, Left(for_limit=True))
        self.serve(place.account)  # it may have stood before others who have room
        return True

    def serve(self, account: str) -> None:
        """Let those who wait for `account` try again, in their order, until one still has no room in it."""
        while (place := self._queue.first(account)) is not None:
            waiting = place.waiting
            waiting.part = waiting.part._replace(limits=waiting.part.again())
            waiting.wanted = waiting.wanted._replace(part=waiting.part)
            over = self._try_again(waiting.wanted, waiting.done)
            if over is not None and over.frees_ms is not None and over.limit.account == account:
                waiting.over = over
                return
            self._queue.take_first(account)
            if over is None:
                self._ended(place, "served")
                continue
            waiting.over = over
            if over.frees_ms is None:
                self._ended(place, "refused")
                self._refuse(waiting.part, waiting.done, over, self._now_ms())
            else:
                self._queue.move(place, over.limit.account)

    def serve_all(self) -> None:
        """Let everybody try again whose turn it is, and refuse who has waited long enough."""
        for account in self._queue.accounts():
            self.serve(account)
        now_ms = self._now_ms()
        for account in self._queue.accounts():
            self._refuse_firsts(account, lambda place: place.give_up_ms <= now_ms)
        for place in self._queue.take_overdue(now_ms):
            self._expired(place)
        if self._queue.size:
            self._wake_by(min(map(_wakes_ms, self._queue.places())), now_ms)

    def close(self) -> None:
        """Answer everybody that it could not be decided."""
        if self._timer is not None:
            self._timer.cancel()
        for place in self._queue.take_all():
            self._ended(place, "closed")
            answer(place.waiting.done, None)

    def _begin_to_catch_up(self) -> None:
        self._is_catching = True
        batch, self._catching = self._catching, []
        self._catch_up(lambda: self._caught_up(batch))

    def _caught_up(self, batch: list[Place[_Waiting]]) -> None:
        self._is_catching = False
        for account in _accounts_of(batch):
            self.serve(account)
        now_ms, known = self._now_ms(), set(batch)
        for account in _accounts_of(batch):
            self._refuse_firsts(account, lambda place: place in known and not _may_wait(place, now_ms))
        for place in batch:
            if not place.waits or _may_wait(place, now_ms):
                continue
            first = self._queue.first(place.account)
            if first is None or first in known or _may_wait(first, now_ms):
                self._queue.remove(place)
                self._expired(place)
            else:
                self._catching.append(place)  # of the first it is not known yet whether it has room
        if self._catching:
            self._begin_to_catch_up()

    def _refuse_firsts(self, account: str, leaves: Callable[[Place[_Waiting]], bool]) -> None:
        """Refuse who stands first and has tried, where it may not stay; then whoever stood behind it may try."""
        while (first := self._queue.first(account)) is not None and leaves(first):
            self._queue.remove(first)
            self._expired(first)
            self.serve(account)

    def _expired(self, place: Place[_Waiting]) -> None:
        self._ended(place, "expired")
        self._refuse(place.waiting.part, place.waiting.done, place.waiting.over, self._now_ms())

    def _ended(self, place: Place[_Waiting], outcome: Outcome) -> None:
        self._places.pop(place.waiting.wanted.request, None)
        if place.waiting.wait is not None:
            self._counts.end(place.waiting.wait, outcome)

    def _refuse(self, part: Part, done: Done, over: Over, now_ms: int) -> None:
        """What has used the limit up may be lost with a write that fails: then this is not decided, either."""
        refusal = NoRoom(over, limit_lines(self._counters, part.limits, now_ms))
        self._after_journal(lambda stored: answer(done, refusal if stored else None))

    def _wake_by(self, at_ms: int, now_ms: int) -> None:
        if self._timer is not None and self._wakes_ms <= at_ms:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_ms = at_ms
        delay_s = max(WAKE_AFTER_MIN_S, (at_ms - now_ms) / 1000)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.serve_all()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _accounts_of(places: list[Place[_Waiting]]) -> dict[str, None]:
    """Return the lines they stand in, each once."""
    return dict.fromkeys(place.account for place in places if place.waits)


def _may_wait(place: Place[_Waiting], now_ms: int) -> bool:
    return place.waiting.part.give_up_ms > now_ms


def _wakes_ms(place: Place[_Waiting]) -> int:
    frees_ms = place.waiting.over.frees_ms
    return place.give_up_ms if frees_ms is None else min(place.give_up_ms, frees_ms)


def answer(done: Done, said: Answer) -> None:
    """Whatever one callback does must not keep others from being called, or the books from going on."""
    try:
        done(said)
    except Exception:
        log.exception("a decision could not be passed on", answer=said)
