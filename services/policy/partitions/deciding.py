"""The decision of one request: refused, placed in its budgets and limits, or in line for what is in its way."""

from collections.abc import Callable, Sequence
from functools import partial

from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Placed
from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.entries import Entry
from services.policy.limits.need import shortened
from services.policy.limits.room import Over
from services.policy.metrics import Counts
from services.policy.partitions.decision import Denied, Done, Wanted
from services.policy.partitions.journal.journal_writer import Then
from services.policy.partitions.limited import Limited
from services.policy.partitions.loans.borrowing import Borrower
from services.policy.partitions.queues.limit_queue import answer
from services.policy.partitions.queues.money_queue import MoneyQueue
from services.policy.partitions.stands import InTheWay, Stands


class Decider:
    """All calls come from one event loop; decisions are answered through callbacks, each exactly once."""

    def __init__(
        self,
        books: Books,
        stands: Stands,
        borrower: Borrower,
        *,
        write: Callable[[Entry, Then | None], None],
        unwritten: Callable[[str], object],
        changed: Callable[[Sequence[str], int], None],
        refused: Callable[[str], None],
        waits_for_money: Callable[[str], None],
        waits_for_ends: Callable[[], None],
        catch_up: Callable[[Callable[[], None]], object],
        after_journal: Callable[[Then], None],
        clock: Callable[[], float],
        counts: Counts,
    ) -> None:
        """`unwritten` gets a request whose place the journal could not store; `changed` accounts whose homes have to
        know, and when; `refused` the account that refused; `waits_for_money` one that somebody waits for;
        `waits_for_ends` hears that the end of another request is waited for. The others as Limited takes them.
        """
        self._stands = stands
        self._write = write
        self._unwritten = unwritten
        self._changed = changed
        self._refused = refused
        self._waits_for_ends = waits_for_ends
        self._clock = clock
        self.waiting = MoneyQueue(
            stands,
            borrower,
            try_again=self._try_waiting,
            no_room=lambda wanted, done, over: self.limits.put(wanted, done, over),
            on_wait=waits_for_money,
            counts=counts,
        )
        self.limits = Limited(
            books,
            write=write,
            try_again=self._try_limited,
            catch_up=catch_up,
            after_journal=after_journal,
            clock=clock,
            counts=counts,
        )

    def decide(self, wanted: Wanted, done: Done) -> bool:
        """Answer through `done`: at once when refused, after the journal has it when placed.

        Returns False when it has to wait for other requests' holds, or for a limit, which `done` then outlasts.
        """
        in_the_way: Charge | Over | None = self.limits.ahead_of(wanted.part)
        if in_the_way is None:
            in_the_way = self.waiting.ahead_of(wanted)
        if in_the_way is None:
            in_the_way = self._try(wanted, wanted.charges, wanted.now_ms, done)
        return in_the_way is None or self._wait(wanted, done, in_the_way)

    def _wait(self, wanted: Wanted, done: Done, in_the_way: Charge | Over) -> bool:
        """Let it wait for what is in the way, where it may. Return whether it is answered instead.

        What its budgets refuse whenever a limit has room is refused by them: it need not come again.
        """
        if isinstance(in_the_way, Over):
            spent = self._stands.refusal(wanted.charges, wanted.ask, wanted.now_ms) if wanted.held else None
            if spent is not None:
                self._deny(spent, done)
                return True
            answered = self.limits.put(wanted, done, in_the_way)
            if not answered and in_the_way.by_ends:
                self._waits_for_ends()
            return answered
        return self.waiting.put(wanted, done, in_the_way)

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
        return self._try(wanted, charges, int(self._clock() * 1000), done)

    def _try(self, wanted: Wanted, charges: Charges, now_ms: int, done: Done) -> Charge | Over | None:
        """Decide now if it can be; else return the limit without room, or the account in which only other holds are
        in the way.
        """
        part, longest = wanted.part, 0
        if part is not None:
            covered = partial(self._stands.covered_answer, charges, wanted.ask, now_ms) if wanted.held else None
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
        decision = self._stands.decide(wanted, charges, now_ms)
        if isinstance(decision, InTheWay):
            return decision.charge
        if isinstance(decision, Denied):
            self._deny(decision, done)
            return None
        placed = decision
        if part is not None:
            placed = shortened(placed, part.need, longest)
            self.limits.take(wanted, part, longest if placed.max_tokens is None else placed.max_tokens, now_ms)
        entry = self._stands.held(wanted, charges, placed, now_ms)
        self._write(entry, self._when_stored(wanted.request, done, placed))
        if charges.spread:
            self._changed(entry.hold.accounts, now_ms)
        return None

    def _deny(self, denied: Denied, done: Done) -> None:
        self._refused(denied.charge.account)
        answer(done, denied)

    def _when_stored(self, request: str, done: Done, placed: Placed) -> Then:
        def then(stored: bool) -> None:
            if not stored:
                self._unwritten(request)
            answer(done, placed if stored else None)

        return then
