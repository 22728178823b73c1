"""The one owner of a partition's budgets: decides from memory, and answers only after the journal has it.

One object is one life: opened on what was read from the journal, closed for good when a write fails or the lease is
lost. Whoever owns the partition then reads the journal anew.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from services.policy.budgets.accounts import (
    Account,
    Expired,
    Held,
    Hold,
    Lost,
    Opened,
    Released,
    Settled,
    Share,
)
from services.policy.budgets.admission import Ask, Placed, Refused, Stand, Standing, covers, place
from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.resets import due
from services.policy.partitions.decision import Answer, Denied, Done, Wanted
from services.policy.partitions.journal_reader import ReadJournal
from services.policy.partitions.journal_writer import SNAPSHOT_EVERY_GROUPS, JournalWriter
from services.policy.partitions.undispatched import Undispatched
from services.policy.partitions.waiting import WaitingRoom
from shared.bus import Bus, Conflict

log = structlog.get_logger()

WAITING_MAX = 1_000
BACKLOG_MAX = 20_000
"""Decisions that may wait for one group to be stored; beyond that none is taken."""


class _Waiting(NamedTuple):
    """A request in the queue of the account of `charge`, which is in its way."""

    wanted: Wanted
    done: Done
    charge: Charge


_UNUSED = Account()


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
        on_wait: Callable[[], None] = lambda: None,
        on_closed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        snapshot_every_groups: int = SNAPSHOT_EVERY_GROUPS,
    ) -> None:
        """`on_lost` hears of each hold that expired, for the fact; `on_wait` of each request that begins to wait for
        money; `on_closed` when a failed write closed the partition.
        """
        self.number = number
        self.books = journal.books
        self.open = False
        self.conflict = False  # closed because somebody else wrote the journal
        self._undispatched = undispatched
        self._on_lost = on_lost
        self._on_wait = on_wait
        self._on_closed = on_closed
        self._clock = clock
        self._waiting: WaitingRoom[_Waiting] = WaitingRoom()
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
        for waiting in self._waiting.take_all():
            _answer(waiting.done, None)

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
        in_the_way = self._queue_of(wanted) if self._waiting.size else None
        if in_the_way is None:
            in_the_way = self._try(wanted, wanted.charges, wanted.now_ms, done)
            if in_the_way is None:
                return True
        if self._waiting.size >= WAITING_MAX:
            _answer(done, self._denied(in_the_way, wanted.now_ms, only_holds=True))
            return True
        self._waiting.add(in_the_way.account, _Waiting(wanted, done, in_the_way), wanted.give_up_ms)
        self._on_wait()
        return False

    def _queue_of(self, wanted: Wanted) -> Charge | None:
        """Return the account where others wait already: what costs something must not go before them."""
        if not (wanted.ask.input_pico or wanted.ask.output_pico_per_token):
            return None
        return next((charge for charge in wanted.charges.must if charge.account in self._waiting), None)

    @property
    def has_waiting(self) -> bool:
        return self._waiting.size > 0

    def needs_window(self, charges: Charges, now_ms: int) -> bool:
        """Return whether a window has to be opened before anything may be counted in these accounts."""
        return any(self._due(charge, now_ms) is not None for charge in charges.must)

    def counts_from(self, charges: Charges) -> int:
        """Return when the newest window of these accounts began: what is admitted belongs to it."""
        return max(self.standing(charge.account).starts_ms for charge in charges.must)

    def covers(self, charges: Charges, ask: Ask, now_ms: int) -> bool:
        """Return whether `ask` fits beside what is spent and held, as it is."""
        return all(
            covers(self.standing(charge.account), charge.limit_at(now_ms), ask)
            for charge in charges.must
            if charge.home == self.number
        )

    def may_cover(self, charges: Charges, ask: Ask, now_ms: int) -> bool:
        """Return whether `ask` fits in some way: now or once holds are settled, whole or with a shorter answer."""
        decision = place(
            [
                Stand(self.standing(charge.account), charge.limit_at(now_ms))
                for charge in charges.must
                if charge.home == self.number
            ],
            ask,
        )
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
        self._try_those_who_wait(hold.accounts)

    def settle(self, seq: int, settled: Settled) -> None:
        """Fold the fact stored at `seq`; one that is in the books already changes nothing."""
        if seq <= self.books.facts_seq:
            return
        lost = self.books.lost.get(settled.request)
        hold = self.books.holds.get(settled.request, lost.hold if lost is not None else None)
        if hold is not None and settled.cost > hold.amount and self.open:
            log.error("a request cost more than it could", request=hold.request, held=hold.amount, cost=settled.cost)
        if self.books.settle(settled) and self._waiting.size and self.open:
            self._try_those_who_wait(hold.accounts if hold is not None else [settled.account, *settled.also])

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
            for waiting in self._waiting.take_overdue(account, now_ms):
                _answer(waiting.done, self._denied(waiting.charge, now_ms, only_holds=True))

    def standing(self, account: str) -> Account:
        return self.books.accounts.get(account) or Account()

    def _expire(self, hold: Hold, now_ms: int) -> None:
        log.warning("a hold expired and counts as spent", request=hold.request, pico=hold.amount)

        def then(stored: bool) -> None:
            lost = self.books.lost.get(hold.request)  # gone where its end came after all
            if stored and lost is not None:
                self._on_lost(self.number, lost)

        entry = Expired(hold.request, now_ms)
        self.books.apply(entry)
        self._writer.write(entry, then)

    def _try(self, wanted: Wanted, charges: Charges, now_ms: int, done: Done) -> Charge | None:
        """Decide now if it can be; else return the account in which only other holds are in the way."""
        must, providers = charges.must, charges.providers
        stands = [self._stand(charge, now_ms) for charge in must]
        decision = place(stands, wanted.ask, [self._stand(charge, now_ms) for charge in providers])
        if isinstance(decision, Refused):
            charge = providers[decision.by] if decision.alternative else must[decision.by]
            if decision.only_holds:
                return charge
            _answer(done, self._denied(charge, now_ms, only_holds=False))
            return None
        also = [
            Share(charge.account, stand.account.window)
            for charge, stand in zip(must[1:], stands[1:], strict=True)
            if charge.home == self.number
        ]
        for place_of, charge in enumerate(providers):
            if charge.limit is not None and charge.home == self.number and place_of not in decision.excluded:
                also.append(Share(charge.account, self.standing(charge.account).window))
        entry = Held(
            Hold(
                wanted.request,
                must[0].account,
                stands[0].account.window,
                decision.amount,
                wanted.expires_ms,
                now_ms,
                wanted.tenant,
                wanted.model,
                tuple(also),
                wanted.whom,
            )
        )

        def then(stored: bool) -> None:
            if not stored:
                self._undispatched.add(self.number, wanted.request, self._now_ms())
            _answer(done, decision if stored else None)

        self.books.apply(entry)
        self._writer.write(entry, then)
        return None

    def _stand(self, charge: Charge, now_ms: int) -> Stand:
        """Return how an account stands in its present window, which is opened where it has to be."""
        if charge.home != self.number:
            return Stand(_UNUSED, None)  # what other partitions count is not decided here
        account = self.books.accounts.get(charge.account, _UNUSED)
        if charge.pattern != account.duration or 0 < account.ends_ms <= now_ms:
            opened = self._due(charge, now_ms)
            if opened is not None:
                self.books.apply(opened)
                self._writer.write(opened)
                account = self.books.account(charge.account)
        return Stand(account, charge.limit_at(now_ms))

    def _due(self, charge: Charge, now_ms: int) -> Opened | None:
        return due(charge.account, self.standing(charge.account), charge.pattern, charge.anchor, now_ms)

    def _try_those_who_wait(self, accounts: Sequence[str]) -> None:
        now_ms = self._now_ms()
        for account in accounts:
            if account in self._waiting:
                self._try_waiting(account, now_ms)

    def _try_waiting(self, account: str, now_ms: int) -> None:
        """Let those who wait on an account try again, in their order, until one still has to wait for it."""
        while (first := self._waiting.first(account)) is not None:
            wanted, done, _ = first
            charges = wanted.again()
            in_the_way = None
            if charges is None:
                _answer(done, None)
            else:
                in_the_way = self._try(wanted, charges, now_ms, done)
            if in_the_way is not None and in_the_way.account == account:
                return
            self._waiting.take_first(account)
            if in_the_way is not None:
                self._waiting.add(in_the_way.account, _Waiting(wanted, done, in_the_way), wanted.give_up_ms)

    def _denied(self, charge: Charge, now_ms: int, *, only_holds: bool) -> Denied:
        account = self.standing(charge.account)
        limit = charge.limit_at(now_ms) or 0
        return Denied(charge, Standing(account.spent, account.held, limit, account.ends_ms, only_holds))

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
