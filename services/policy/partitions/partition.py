"""The one owner of a partition's budgets and limits: decides from memory, and answers only after the journal has it.

One object is one life: opened on what was read from the journal, closed for good when a write fails or the lease is
lost. Whoever owns the partition then reads the journal anew.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from services.policy.budgets.account import Account
from services.policy.budgets.entries import Entry, Expired, Hold, Lost, Released
from services.policy.budgets.loans import Assumed, Repaid
from services.policy.metrics import Counts
from services.policy.partitions.deciding import Decider
from services.policy.partitions.decision import Done, Wanted
from services.policy.partitions.ends import Ends
from services.policy.partitions.journal.journal_reader import ReadJournal
from services.policy.partitions.journal.journal_writer import SNAPSHOT_EVERY_GROUPS, JournalWriter, Then
from services.policy.partitions.loans.borrowing import Borrower
from services.policy.partitions.loans.lending import Lender
from services.policy.partitions.queues.limit_queue import answer
from services.policy.partitions.stands import Stands
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
        self._undispatched = undispatched
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
        self._decider = Decider(
            self.books,
            self.stands,
            self.borrower,
            write=self._write,
            unwritten=lambda request: self._undispatched.add(number, request, self._now_ms()),
            changed=self._touch,
            refused=self._is_refused_by,
            waits_for_money=self._waits_for,
            waits_for_ends=on_wait,
            catch_up=catch_up or (lambda then: asyncio.get_running_loop().call_soon(then)),
            after_journal=self._writer.after,
            clock=clock,
            counts=counts or Counts(),
        )
        self.limits, self._waiting = self._decider.limits, self._decider.waiting
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
        return self._decider.decide(wanted, done)

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
