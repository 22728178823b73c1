"""Requests of a partition that wait for money which others hold, here or in another partition."""

from collections.abc import Callable
from typing import NamedTuple

from services.policy.budgets.charges import Charge
from services.policy.limits.room import Over
from services.policy.metrics import Counts, Wait
from services.policy.partitions.decision import Done, Left, Wanted
from services.policy.partitions.loans.borrowing import Borrower
from services.policy.partitions.queues.limit_queue import answer
from services.policy.partitions.queues.waiting import WaitingRoom
from services.policy.partitions.stands import Stands

WAITING_MAX = 1_000

Try = Callable[[Wanted, Done], Charge | Over | None]
"""Decides a request that has waited; what it returns is in its way now, None where it is answered."""


class _Waiting(NamedTuple):
    """A request in the queue of the account of `charge`, which is in its way."""

    wanted: Wanted
    done: Done
    charge: Charge
    wait: Wait


class MoneyQueue:
    """All calls come from one event loop. Each account has a queue, in the order of arrival."""

    def __init__(
        self,
        stands: Stands,
        borrower: Borrower,
        *,
        try_again: Try,
        no_room: Callable[[Wanted, Done, Over], object],
        on_wait: Callable[[str], None],
        counts: Counts,
    ) -> None:
        """`no_room` gets who has the money now, but no room in a limit; `on_wait` hears of each account waited for."""
        self._stands = stands
        self._borrower = borrower
        self._try_again = try_again
        self._no_room = no_room
        self._on_wait = on_wait
        self._counts = counts
        self._waiting: WaitingRoom[_Waiting] = WaitingRoom()
        self._places: dict[str, _Waiting] = {}  # by request

    def __contains__(self, account: str) -> bool:
        return account in self._waiting

    @property
    def size(self) -> int:
        return self._waiting.size

    def count(self, account: str) -> int:
        """Return how many wait for `account`."""
        return self._waiting.count(account)

    def ahead_of(self, wanted: Wanted) -> Charge | None:
        """Return the account where others wait already: what costs something must not go before them."""
        if not self._waiting.size or not (wanted.ask.input_pico or wanted.ask.output_pico_per_token):
            return None
        return next((charge for charge in wanted.charges.must if charge.account in self._waiting), None)

    def put(self, wanted: Wanted, done: Done, charge: Charge) -> bool:
        """Let it wait for `charge`'s account. Return whether it is answered: where too many wait."""
        if self._waiting.size >= WAITING_MAX:
            answer(done, self._stands.denied(charge, wanted.now_ms, only_holds=True))
            return True
        self._add(wanted, done, charge, self._counts.begin("money", wanted.level))
        self._on_wait(charge.account)
        return False

    def leave(self, request: str) -> bool:
        """The client of `request` left. Return whether it waited here."""
        waiting = self._places.pop(request, None)
        if waiting is None:
            return False
        self._waiting.remove(waiting.charge.account, waiting)
        self._counts.end(waiting.wait, "left")
        answer(waiting.done, Left(for_limit=False))
        self.serve(waiting.charge.account)  # it may have stood before others who have enough
        return True

    def serve(self, account: str) -> None:
        """Let those who wait for `account` try again, in their order, until one still has to wait for it."""
        while (first := self._waiting.first(account)) is not None:
            wanted, done, _, wait = first
            in_the_way = self._try_again(wanted, done)
            if isinstance(in_the_way, Charge) and in_the_way.account == account:
                return
            self._waiting.take_first(account)
            self._places.pop(wanted.request, None)
            if isinstance(in_the_way, Charge):
                self._add(wanted, done, in_the_way, wait)
                continue
            self._counts.end(wait, "served")
            if in_the_way is not None:
                self._no_room(wanted, done, in_the_way)

    def tick(self, now_ms: int) -> None:
        """Let everybody try again, and refuse who has waited long enough: the first of a queue before who stands behind
        it, who may have enough once it is gone.
        """
        for account in self._waiting.accounts():
            self.serve(account)
            while (first := self._waiting.take_overdue_first(account, now_ms)) is not None:
                self._expired(first, now_ms)
                self.serve(account)
        for account in self._waiting.accounts():  # some may wait for another one by now
            for waiting in self._waiting.take_overdue(account, now_ms):
                self._expired(waiting, now_ms)

    def _expired(self, waiting: _Waiting, now_ms: int) -> None:
        self._places.pop(waiting.wanted.request, None)
        self._counts.end(waiting.wait, "expired")
        unanswered = self._borrower.is_unanswered(waiting.charge.account)
        denied = self._stands.denied(waiting.charge, now_ms, only_holds=True)
        answer(waiting.done, None if unanswered else denied)

    def _add(self, wanted: Wanted, done: Done, charge: Charge, wait: Wait) -> None:
        waiting = self._places[wanted.request] = _Waiting(wanted, done, charge, wait)
        self._waiting.add(charge.account, waiting, wanted.give_up_ms)

    def close(self) -> None:
        """Answer everybody that it could not be decided."""
        self._places = {}
        for waiting in self._waiting.take_all():
            self._counts.end(waiting.wait, "closed")
            answer(waiting.done, None)
