"""The ends of requests, as facts tell them, folded into a partition's books in the order in which they are stored."""

from collections.abc import Callable, Sequence

import structlog

from services.policy.budgets.accounts import Books
from services.policy.budgets.settled import Settled
from services.policy.partitions.limited import Limited

log = structlog.get_logger()


class Ends:
    """All calls come from one event loop. A fact that is in the books already changes nothing."""

    def __init__(
        self,
        books: Books,
        limits: Limited,
        *,
        ended: Callable[[Sequence[str]], None],
        count_facts: Callable[[int], None],
    ) -> None:
        """`ended` hears in which accounts something was settled; `count_facts` how many facts were folded since."""
        self._books = books
        self._limits = limits
        self._ended = ended
        self._count_facts = count_facts
        self._open = False
        self._folded_before = 0  # since the last snapshot, before it was open

    def start(self) -> None:
        self._open = True
        self._count_facts(self._folded_before)

    def close(self) -> None:
        self._open = False

    def settle_limits(self, seq: int, settled: Settled) -> None:
        """Fold the fact stored at `seq` into the limits alone: what it cost is another partition's."""
        if seq > self._books.facts_seq:
            self._limits.settle(settled, is_open=self._open)

    def settle(self, seq: int, settled: Settled) -> None:
        """Fold the fact stored at `seq`."""
        books = self._books
        if seq <= books.facts_seq:
            return
        self._limits.settle(settled, is_open=self._open)
        lost = books.lost.get(settled.request)
        hold = books.holds.get(settled.request, lost.hold if lost is not None else None)
        if hold is not None and settled.cost > hold.amount and self._open:
            log.error("a request cost more than it could", request=hold.request, held=hold.amount, cost=settled.cost)
        if books.settle(settled):
            self._ended(hold.accounts if hold is not None else [settled.account, *settled.also])

    def told(self, seq: int, request: str) -> None:
        """The fact of a loss is stored at `seq`."""
        if seq > self._books.facts_seq:
            self._books.told(request)

    def read_to(self, seq: int, count: int) -> None:
        """All facts up to `seq` are folded, `count` more than before."""
        if seq <= self._books.facts_seq:
            return
        self._books.facts_seq = seq
        if self._open:
            self._count_facts(count)
        else:
            self._folded_before += count
