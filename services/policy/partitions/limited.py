"""What one partition keeps of limits: who has taken what, who waits for it, and who has died holding it."""

from collections.abc import Callable, Iterable, Sequence

import structlog

from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Entry
from services.policy.budgets.settled import Settled
from services.policy.limits.counters import Reservation, Stopped, Sweeper, Taken
from services.policy.limits.headers import limit_lines
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over, gains_by_counting, longest_answer, over_limit
from services.policy.metrics import Counts
from services.policy.partitions.decision import Done, Part, Wanted
from services.policy.partitions.journal.journal_writer import Then
from services.policy.partitions.queues.limit_queue import LimitQueue, Try
from services.policy.partitions.slot_watch import SlotWatch

log = structlog.get_logger()

SWEPT_A_TICK = 500
"""Counters that are looked at each second, whether anything counts in them yet."""


class Limited:
    """All calls come from one event loop; `books` are written to here and in the partition alone."""

    def __init__(
        self,
        books: Books,
        *,
        write: Callable[[Entry, Then | None], None],
        try_again: Try,
        catch_up: Callable[[Callable[[], None]], object],
        after_journal: Callable[[Then], None],
        clock: Callable[[], float],
        counts: Counts,
    ) -> None:
        """`write` folds an entry and stores it; the others as LimitQueue takes them."""
        self._books = books
        self._write = write
        self._clock = clock
        self._queue = LimitQueue(
            books.counters,
            try_again=try_again,
            catch_up=catch_up,
            after_journal=after_journal,
            clock=clock,
            counts=counts,
        )
        self._slots = SlotWatch()
        self._sweeper = Sweeper()

    def begin(self) -> None:
        """From now on, who has a slot must be heard of."""
        running = [request for request, taken in self._books.taken.items() if taken.reservation.running]
        self._slots.begin(running, self._now_ms())

    def close(self) -> None:
        self._queue.close()

    @property
    def waiting(self) -> int:
        return self._queue.size

    @property
    def waits_for_ends(self) -> bool:
        return self._queue.waits_for_ends

    def ahead_of(self, part: Part | None) -> Over | None:
        return self._queue.ahead_of(part) if part is not None else None

    def put(self, wanted: Wanted, done: Done, over: Over) -> bool:
        """Let it wait for `over` where it may, else refuse it. Return whether it is answered."""
        assert wanted.part is not None, "nothing else is over a limit"
        return self._queue.put(wanted, wanted.part, done, over)

    def leave(self, request: str) -> bool:
        """The client of `request` left. Return whether it waited for a limit."""
        return self._queue.leave(request)

    def longest_answer(self, part: Part, now_ms: int, covered: Callable[[], int] | None = None) -> int | Over:
        """Return how many tokens each of its answers may have, or the limit that has no room.

        `covered` is how many its budgets cover: what they shorten needs no room in limits.
        """
        counters, need = self._books.counters, part.need
        over = over_limit(counters, part.limits, need, now_ms)
        if over is not None and over.type == "tokens" and covered is not None:
            shorter = need.shortened(max(1, covered()))
            if shorter is not need:
                need, over = shorter, over_limit(counters, part.limits, shorter, now_ms)
        return longest_answer(counters, part.limits, need) if over is None else over

    def gains_by_counting(self, limits: Sequence[Limit], need: Need) -> bool:
        """Whether to count the tokens of a request instead of its bytes."""
        return gains_by_counting(self._books.counters, limits, need)

    def may_fit(self, limits: Sequence[Limit], need: Need, now_ms: int) -> bool:
        """Whether there is room now, or may be once requests in flight end; in limits at home elsewhere, too."""
        over = over_limit(self._books.counters, limits, need, now_ms)
        return over is None or over.by_ends

    def take(self, wanted: Wanted, part: Part, answers_of: int, now_ms: int, then: Then | None = None) -> None:
        """Write down that it takes its part, which is there, with answers of so many tokens at most.

        Time in the books does not go back.
        """
        tokens = part.need.with_answers_of(answers_of)
        at_ms = max(now_ms, self._books.taken_ms)
        accounts = tuple([limit.account for limit in part.limits])
        daily = tuple([limit.account for limit in part.limits if limit.tpd is not None])
        reservation = Reservation(at_ms, tokens, accounts, daily, part.counts, requests=part.need.requests)
        entry = Taken(wanted.request, wanted.expires_ms, reservation)
        self._write(entry, then)
        self._slots.begin((wanted.request,), now_ms)

    def lines(self, part: Part, now_ms: int) -> str:
        """Return the headers that tell a client how its limits stand."""
        return limit_lines(self._books.counters, part.limits, now_ms)

    def hear_of(self, requests: Iterable[str]) -> None:
        """A router works on these."""
        self._slots.hear(requests, self._now_ms())

    def settle(self, settled: Settled, *, is_open: bool) -> None:
        """Fold the end of a request."""
        taken = self._books.settle_limits(settled)
        if taken is not None:
            self.freed(taken, is_open=is_open)

    def freed(self, taken: Taken, *, is_open: bool) -> None:
        """What it had taken may be somebody else's now."""
        self._slots.end(taken.request)
        if is_open and self._queue.size:
            for account in taken.reservation.accounts:
                self._queue.serve(account)

    def tick(self, now_ms: int) -> None:
        """Once a second or so."""
        for request in self._slots.take_silent(now_ms):
            self._stop(request)
        for request in self._books.forgotten(now_ms):
            self._books.taken.pop(request)
        self._sweeper.sweep(self._books.counters, now_ms, SWEPT_A_TICK)
        if self._queue.size:
            self._queue.serve_all()

    def _stop(self, request: str) -> None:
        taken = self._books.taken.get(request)
        if taken is None or not taken.reservation.running:
            return
        log.warning("nobody works on a request any more: its slots are free", request=request)
        self._write(Stopped(request), None)
        self.freed(taken, is_open=True)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
