"""The one owner of a partition's budgets: decides from memory, and answers only after the journal has it.

One object is one life: opened on what was read from the journal, closed for good when a write fails or the lease is
lost. Whoever owns the partition then reads the journal anew.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from services.policy.budgets.accounts import Account, Expired, Held, Hold, Lost, Released, Settled
from services.policy.budgets.admission import Ask, Placed, Refused, Standing, covers, place
from services.policy.budgets.resets import due
from services.policy.partitions.journal_reader import ReadJournal
from services.policy.partitions.journal_writer import SNAPSHOT_EVERY_GROUPS, JournalWriter
from services.policy.partitions.undispatched import Undispatched
from services.policy.partitions.waiting import WaitingRoom
from shared.bus import Bus, Conflict
from shared.keys import Key

log = structlog.get_logger()

WAITING_MAX = 1_000
BACKLOG_MAX = 20_000
"""Decisions that may wait for one group to be stored; beyond that none is taken."""


class Wanted(NamedTuple):
    """A request that needs a hold on its key's budget. Times in milliseconds since 1970."""

    request: str
    key: Key
    ask: Ask
    model: str
    now_ms: int
    expires_ms: int
    give_up_ms: int  # how long it may wait for money that others only hold


Answer = Placed | Standing | None
"""Placed: journalled, go ahead. Standing: refused. None: it could not be decided; nothing is held."""

Done = Callable[[Answer], None]


class Partition:
    """All calls come from one event loop; decisions are answered through callbacks, each exactly once."""

    def __init__(
        self,
        bus: Bus,
        number: int,
        journal: ReadJournal,
        *,
        key_of: Callable[[str], Key | None],
        undispatched: Undispatched,
        on_lost: Callable[[int, Lost], None],
        on_wait: Callable[[], None] = lambda: None,
        on_closed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        snapshot_every_groups: int = SNAPSHOT_EVERY_GROUPS,
    ) -> None:
        """`key_of` gives a key as it is now, None if it may not call any more; `on_lost` hears of each hold that
        expired, for the fact; `on_wait` of each request that begins to wait for money; `on_closed` when a failed write
        closed the partition.
        """
        self.number = number
        self.books = journal.books
        self.open = False
        self.conflict = False  # closed because somebody else wrote the journal
        self._key_of = key_of
        self._undispatched = undispatched
        self._on_lost = on_lost
        self._on_wait = on_wait
        self._on_closed = on_closed
        self._clock = clock
        self._waiting: WaitingRoom[tuple[Wanted, Done]] = WaitingRoom()
        self._facts_before = 0  # facts folded since the last snapshot, before it was open
        self._writer = JournalWriter(
            bus,
            number,
            self.books,
            last_seq=journal.last_seq,
            groups=journal.groups,
            on_failure=self._on_failure,
            snapshot_every_groups=snapshot_every_groups,
        )

    def start(self) -> None:
        """Begin to decide. What is known to be nobody's hold is released, what nobody was told of is told."""
        self.open = True
        for request in self._undispatched.of(self.number):
            self.release(request)
        for lost in self.books.lost.values():
            if not lost.told:
                self._on_lost(self.number, lost)
        self._writer.count_facts(self._facts_before)

    def close(self) -> None:
        """Decide nothing more. Who waits for money is answered None; what is decided, as the journal has it."""
        if not self.open:
            return
        self.open = False
        self._writer.close()
        for _, done in self._waiting.take_all():
            _answer(done, None)

    async def finished(self) -> None:
        """Wait until the last decision is answered."""
        await self._writer.finished()

    def decide(self, wanted: Wanted, done: Done) -> bool:
        """Answer through `done`: at once when refused, after the journal has it when placed.

        Returns False when it has to wait for other requests' holds, which `done` then outlasts.
        """
        if not self.open or self._writer.backlog >= BACKLOG_MAX or wanted.request in self.books.holds:
            _answer(done, None)
            return True
        token, ask = wanted.key.token, wanted.ask
        costs_nothing = not (ask.input_pico or ask.output_pico_per_token)
        if (costs_nothing or token not in self._waiting) and self._try(wanted, wanted.key, wanted.now_ms, done):
            return True
        if self._waiting.size >= WAITING_MAX:
            _answer(done, self._standing(wanted.key, only_holds=True))
            return True
        self._waiting.add(token, (wanted, done), wanted.give_up_ms)
        self._on_wait()
        return False

    @property
    def has_waiting(self) -> bool:
        return self._waiting.size > 0

    def needs_window(self, key: Key, now_ms: int) -> bool:
        """Return whether a window of `key` has to be opened before anything may be counted in it."""
        account = self.standing(key.token)
        return due(key.token, account, key.budget_duration, key.budget_anchor, now_ms) is not None

    def covers(self, key: Key, ask: Ask) -> bool:
        """Return whether `ask` fits beside what is spent and held, as it is."""
        return covers(self.standing(key.token), key.max_budget_pico, ask)

    def may_cover(self, key: Key, ask: Ask) -> bool:
        """Return whether `ask` fits in some way: now or once holds are settled, whole or with a shorter answer."""
        decision = place(self.standing(key.token), key.max_budget_pico, ask)
        return isinstance(decision, Placed) or decision.only_holds

    def release(self, request: str) -> None:
        """The request never reached a router: its hold is nobody's, here or wherever it is owned by then."""
        self._undispatched.add(self.number, request, self._now_ms())
        hold = self.books.holds.get(request)
        if hold is None or not self.open:
            return

        def then(stored: bool) -> None:
            if stored:
                self._undispatched.discard(self.number, request)

        entry = Released(request)
        self.books.apply(entry)
        self._writer.write(entry, then)
        self._try_waiting(hold.account, self._now_ms())

    def settle(self, seq: int, settled: Settled) -> None:
        """Fold the fact stored at `seq`; one that is in the books already changes nothing."""
        if seq <= self.books.facts_seq:
            return
        hold = self.books.holds.get(settled.request)
        if hold is not None and settled.cost > hold.amount and self.open:
            log.error("a request cost more than it could", request=hold.request, held=hold.amount, cost=settled.cost)
        if self.books.settle(settled) and settled.account in self._waiting and self.open:
            self._try_waiting(settled.account, self._now_ms())

    def told(self, seq: int, request: str) -> None:
        """The fact of a loss is stored at `seq`."""
        if seq > self.books.facts_seq:
            self.books.told(request)

    def read_facts_to(self, seq: int, count: int) -> None:
        """All facts up to `seq` are folded, `count` more than before."""
        if seq > self.books.facts_seq:
            self.books.facts_seq = seq
            if self.open:
                self._writer.count_facts(count)
            else:
                self._facts_before += count

    def tick(self, now_ms: int) -> None:
        """Once a second or so: expire holds, give up waiting, see whether a window has ended."""
        if not self.open:
            return
        for hold in self.books.overdue(now_ms):
            self._expire(hold, now_ms)
        self.books.forget_old_losses(now_ms)
        for account in self._waiting.accounts():
            self._try_waiting(account, now_ms)
            for wanted, done in self._waiting.take_overdue(account, now_ms):
                _answer(done, self._standing(wanted.key, only_holds=True))

    def standing(self, token: str) -> Account:
        return self.books.accounts.get(token) or Account()

    def _expire(self, hold: Hold, now_ms: int) -> None:
        log.warning("a hold expired and counts as spent", request=hold.request, pico=hold.amount)

        def then(stored: bool) -> None:
            lost = self.books.lost.get(hold.request)  # gone where its end came after all
            if stored and lost is not None:
                self._on_lost(self.number, lost)

        entry = Expired(hold.request, now_ms)
        self.books.apply(entry)
        self._writer.write(entry, then)

    def _try(self, wanted: Wanted, key: Key, now_ms: int, done: Done) -> bool:
        """Decide now if it can be; False means that only other holds are in the way."""
        opened = due(key.token, self.standing(key.token), key.budget_duration, key.budget_anchor, now_ms)
        if opened is not None:
            self.books.apply(opened)
            self._writer.write(opened)
        account = self.books.account(key.token)
        decision = place(account, key.max_budget_pico, wanted.ask)
        if isinstance(decision, Refused):
            if not decision.only_holds:
                _answer(done, self._standing(key, only_holds=False))
            return not decision.only_holds
        entry = Held(
            Hold(
                wanted.request,
                key.token,
                account.window,
                decision.amount,
                wanted.expires_ms,
                now_ms,
                key.tenant,
                wanted.model,
            )
        )

        def then(stored: bool) -> None:
            if not stored:
                self._undispatched.add(self.number, wanted.request, self._now_ms())
            _answer(done, decision if stored else None)

        self.books.apply(entry)
        self._writer.write(entry, then)
        return True

    def _try_waiting(self, account: str, now_ms: int) -> None:
        """Let those who wait on an account try again, in their order, until one still has to wait."""
        while (first := self._waiting.first(account)) is not None:
            wanted, done = first
            key = self._key_of(account)
            if key is None:
                _answer(done, None)
            elif not self._try(wanted, key, now_ms, done):
                return
            self._waiting.take_first(account)

    def _standing(self, key: Key, *, only_holds: bool) -> Standing:
        account = self.standing(key.token)
        return Standing(account.spent, account.held, key.max_budget_pico or 0, account.ends_ms, only_holds)

    def _on_failure(self, error: BaseException) -> None:
        self.conflict = isinstance(error, Conflict)
        log.warning("a journal write failed: reading it anew", partition=self.number, error=repr(error))
        self.close()
        self._on_closed()

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _answer(done: Done, answer: Answer) -> None:
    """Whatever one callback does must not keep others from being called, or the books from going on."""
    try:
        done(answer)
    except Exception:
        log.exception("a decision could not be passed on", answer=answer)


__all__ = ["Answer", "Partition", "Placed", "Standing", "Wanted"]
