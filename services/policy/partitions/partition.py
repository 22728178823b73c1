"""The one owner of a partition's budgets and limits: decides from memory, and answers only after the journal has it.

One object is one life: opened on what was read from the journal, closed for good when a write fails or the lease is
lost. Whoever owns the partition then reads the journal anew.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from services.policy.budgets.account import Account
from services.policy.budgets.admission import Placed
from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.entries import Entry, Expired, Hold, Lost, Released
from services.policy.budgets.loans import Assumed, Repaid
from services.policy.limits.need import shortened
from services.policy.limits.room import Over
from services.policy.metrics import Counts
from services.policy.partitions.decision import Denied, Done, Wanted
from services.policy.partitions.ends import Ends
from services.policy.partitions.journal.journal_reader import ReadJournal
from services.policy.partitions.journal.journal_writer import SNAPSHOT_EVERY_GROUPS, JournalWriter, Then
from services.policy.partitions.limited import Limited
from services.policy.partitions.loans.borrowing import Borrower
from services.policy.partitions.loans.lending import Lender
from services.policy.partitions.queues.limit_queue import answer
from services.policy.partitions.queues.money_queue import MoneyQueue
from services.policy.partitions.stands import InTheWay, Stands
from services.policy.partitions.undispatched import Undispatched
from shared.bus import Bus, Conflict

log = structlog.get_logger()

BACKLOG_MAX = 20_000
"""Decisions that may wait for one group to be stored; beyond that none is taken."""


class Partition:
    """All calls come from one event loop; decisions are answered through callbacks, each exactly once."""

    def __init__(
        self,
        bus: Bus,
        number: int,
        journal: ReadJournal,
        *,
        undispatched: Undispatched,
        on_lost: Callable[[int, Lost], None],
        counts: Counts | None = None,
        on_wait: Callable[[], None] = lambda: None,
        catch_up: Callable[[Callable[[], None]], object] | None = None,
        on_closed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        snapshot_every_groups: int = SNAPSHOT_EVERY_GROUPS,
    ) -> None:
        """`on_lost` hears of each hold that expired, for the fact; `on_wait` of each request that begins to wait for
        the end of another; `catch_up` calls what it is given once all facts stored by now are folded; `on_closed` when
        a failed write closed the partition.
        """
        self.number = number
        self.books = journal.books
        self.open = False
        self.conflict = False  # closed because somebody else wrote the journal
        self.spent_in: set[str] = set()  # accounts that somebody who watches thresholds has to look at
        self.refused_by: set[str] = set()  # of them, those without enough left for a request
        self._undispatched, counts = undispatched, counts or Counts()
        self._on_lost = on_lost
        self._on_wait = on_wait
        self._on_closed = on_closed
        self._clock = clock
        self._writer = JournalWriter(
            bus,
            number,
            self.books,
            last_seq=journal.last_seq,
            groups=journal.groups,
            on_failure=self._on_failure,
            snapshot_every_groups=snapshot_every_groups,
        )
        self.is_stored = self._writer.is_stored
        self.borrower = Borrower(
            bus,
            number,
            self.books,
            write=self._write,
            retry=lambda account: self._try_those_who_wait((account,)),
            waiting_for=lambda account: self._waiting.count(account),
            clock=clock,
        )
        self.stands = Stands(number, self.books, self.borrower, self._write)
        self.lender = Lender(
            bus,
            number,
            self.books,
            stand=self.stands.stand,
            write=self._write,
            freed=lambda account: self._try_those_who_wait((account,)),
            refused=self._is_refused_by,
            clock=clock,
        )
        self._waiting = MoneyQueue(
            self.stands,
            self.borrower,
            try_again=self._try_waiting,
            no_room=lambda wanted, done, over: self.limits.put(wanted, done, over),
            on_wait=self._waits_for,
            counts=counts,
        )
        self.limits = Limited(
            self.books,
            write=self._write,
            try_again=self._try_limited,
            catch_up=catch_up or (lambda then: asyncio.get_running_loop().call_soon(then)),
            after_journal=self._writer.after,
            clock=clock,
            counts=counts,
        )
        self.ends = Ends(self.books, self.limits, ended=self._ended_in, count_facts=self._writer.count_facts)

    def start(self) -> None:
        """Begin to decide. What is known to be nobody's hold is released, what nobody was told of is told."""
        self.open = True
        self.lender.start(self._now_ms())
        self.borrower.start(self._now_ms())
        self.limits.begin()
        for request in self._undispatched.of(self.number):
            self.release(request)
        for lost in self.books.lost.values():
            if not lost.told:
                self._on_lost(self.number, lost)
        self.ends.start()

    def close(self) -> None:
        """Decide nothing more. Who waits is answered None; what is decided, as the journal has it."""
        if not self.open:
            return
        self.open = False
        self.ends.close()
        self._writer.close()
        self.borrower.close()
        self.lender.close()
        self._waiting.close()
        self.limits.close()

    async def finished(self) -> None:
        """Wait until the last decision is answered."""
        await self._writer.finished()

    def decide(self, wanted: Wanted, done: Done) -> bool:
        """Answer through `done`: at once when refused, after the journal has it when placed.

        Returns False when it has to wait for other requests' holds, or for a limit, which `done` then outlasts.
        """
        request, books = wanted.request, self.books
        if not self.open or self._writer.backlog >= BACKLOG_MAX or request in books.holds or request in books.taken:
            answer(done, None)
            return True
        in_the_way: Charge | Over | None = self.limits.ahead_of(wanted.part)
        if in_the_way is None:
            in_the_way = self._waiting.ahead_of(wanted)
        if in_the_way is None:
            in_the_way = self._try(wanted, wanted.charges, wanted.now_ms, done)
        return in_the_way is None or self._wait(wanted, done, in_the_way)

    def _wait(self, wanted: Wanted, done: Done, in_the_way: Charge | Over) -> bool:
        """Let it wait for what is in the way, where it may. Return whether it is answered instead."""
        if isinstance(in_the_way, Over):
            answered = self.limits.put(wanted, done, in_the_way)
            if not answered and in_the_way.by_ends:
                self._on_wait()
            return answered
        return self._waiting.put(wanted, done, in_the_way)

    def _waits_for(self, account: str) -> None:
        """Somebody waits for it: what others have of it is called back, and the ends of requests are looked for."""
        self.lender.recall(account)
        self._on_wait()

    @property
    def _somebody_cares(self) -> bool:
        return bool(self._waiting.size or self.lender.has_waiting or self.books.credits)

    @property
    def has_waiting(self) -> bool:
        """Whether the end of another request is waited for."""
        waits = self._waiting.size > 0 or self.limits.waits_for_ends
        return waits or self.lender.has_waiting or self.borrower.is_pressed

    @property
    def waiting(self) -> int:
        """How many requests wait, for money or for a limit."""
        return self._waiting.size + self.limits.waiting

    def leave(self, request: str) -> bool:
        """The client of `request` left: it waits no more. Return whether it waited here."""
        return self._waiting.leave(request) or self.limits.leave(request)

    def release(self, request: str) -> None:
        """The request never reached a router: its hold is nobody's, here or wherever it is owned by then."""
        if self.leave(request):
            return
        self._undispatched.add(self.number, request, self._now_ms())
        hold, taken = self.books.holds.get(request), self.books.taken.get(request)
        if (hold is None and taken is None) or not self.open:
            return

        def then(stored: bool) -> None:
            if stored:
                self._undispatched.discard(self.number, request)

        self._write(Released(request), then)
        if hold is not None:
            self._try_those_who_wait(hold.accounts)
        if taken is not None:
            self.limits.freed(taken, is_open=True)

    def tick(self, now_ms: int) -> None:
        """Once a second or so: expire holds, give up waiting, see whether a window has ended."""
        if not self.open:
            return
        for hold in self.books.overdue(now_ms):
            self._expire(hold, now_ms)
        self.books.forget_old_losses(now_ms)
        self.limits.tick(now_ms)
        self._waiting.tick(now_ms)
        self.lender.tick(now_ms)
        self.borrower.tick(now_ms)

    def note(self, entry: Entry) -> None:
        """Write down what no request asked for."""
        self._write(entry)

    def standing(self, account: str) -> Account:
        return self.books.accounts.get(account) or Account()

    def _expire(self, hold: Hold, now_ms: int) -> None:
        log.warning("a hold expired and counts as spent", request=hold.request, pico=hold.amount)

        def then(stored: bool) -> None:
            lost = self.books.lost.get(hold.request)  # gone where its end came after all
            if stored and lost is not None:
                self._on_lost(self.number, lost)

        self._write(Expired(hold.request, now_ms), then)
        self.spent_in.update(hold.accounts)
        self._touch(hold.accounts, now_ms)

    def _try_limited(self, wanted: Wanted, done: Done) -> Over | None:
        """Decide a request that has waited for a limit; where money is in its way now, it waits for that."""
        in_the_way = self._try_waiting(wanted, done)
        if in_the_way is None or isinstance(in_the_way, Over):
            return in_the_way
        self._wait(wanted, done, in_the_way)
        return None

    def _try_waiting(self, wanted: Wanted, done: Done) -> Charge | Over | None:
        """Decide a request that has waited, by its accounts as they are now."""
        charges = wanted.again()
        if charges is None:
            answer(done, None)
            return None
        return self._try(wanted, charges, self._now_ms(), done)

    def _try(self, wanted: Wanted, charges: Charges, now_ms: int, done: Done) -> Charge | Over | None:
        """Decide now if it can be; else return the limit without room, or the account in which only other holds are
        in the way.
        """
        part, longest = wanted.part, 0
        if part is not None:
            covered = partial(self.stands.covered_answer, charges, wanted.ask, now_ms) if wanted.held else None
            room = self.limits.longest_answer(part, now_ms, covered)
            if isinstance(room, Over):
                return room
            longest = room
            if not wanted.held:
                then = self._when_stored(wanted.request, done, shortened(Placed(0, None), part.need, longest))
                self.limits.take(wanted, part, longest, now_ms, then)
                return None
            if longest < wanted.ask.output_tokens and part.need.output:
                wanted = wanted._replace(ask=wanted.ask._replace(output_tokens=longest, capped=False))
        decision = self.stands.decide(wanted, charges, now_ms)
        if isinstance(decision, InTheWay):
            return decision.charge
        if isinstance(decision, Denied):
            self._is_refused_by(decision.charge.account)
            answer(done, decision)
            return None
        placed = decision
        if part is not None:
            placed = shortened(placed, part.need, longest)
            self.limits.take(wanted, part, longest if placed.max_tokens is None else placed.max_tokens, now_ms)
        entry = self.stands.held(wanted, charges, placed, now_ms)
        self._write(entry, self._when_stored(wanted.request, done, placed))
        if charges.spread:
            self._touch(entry.hold.accounts, now_ms)
        return None

    def _when_stored(self, request: str, done: Done, placed: Placed) -> Then:
        def then(stored: bool) -> None:
            if not stored:
                self._undispatched.add(self.number, request, self._now_ms())
            answer(done, placed if stored else None)

        return then

    def _write(self, entry: Entry, then: Then | None = None) -> None:
        if isinstance(entry, Repaid | Assumed):
            self.spent_in.add(entry.account)
        self.books.apply(entry)
        self._writer.write(entry, then)

    def _ended_in(self, accounts: Sequence[str]) -> None:
        self.spent_in.update(accounts)
        if self.open and self._somebody_cares:
            self._try_those_who_wait(accounts)

    def _is_refused_by(self, account: str) -> None:
        self.spent_in.add(account)
        self.refused_by.add(account)

    def _touch(self, accounts: Sequence[str], now_ms: int) -> None:
        """Something has changed in these accounts that their homes have to know."""
        if self.books.credits:
            for account in accounts:
                self.borrower.touch(account, now_ms)

    def _try_those_who_wait(self, accounts: Sequence[str]) -> None:
        """There may be more in these accounts than before."""
        now_ms = self._now_ms()
        for account in accounts:
            if account in self._waiting:
                self._waiting.serve(account)
            if self.lender.has_waiting and account not in self._waiting:
                self.lender.serve(account)
        self._touch(accounts, now_ms)

    def _on_failure(self, error: BaseException) -> None:
        self.conflict = isinstance(error, Conflict)
        log.warning("a journal write failed: reading it anew", partition=self.number, error=repr(error))
        self.close()
        self._on_closed()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
