"""Walks through a partition's accounts, some at a time: opens windows that are due, and forgets who is gone.

No request waits for this, and none needs it: a request opens the windows it is counted in by itself.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from services.policy.budgets.entries import Forgotten
from services.policy.budgets.resets import due, is_forgettable
from services.policy.partitions.partition import Partition
from services.policy.thresholds.terms import Directory

ACCOUNTS_AT_ONCE = 2_000


class Sweep:
    def __init__(self, directory: Directory, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._left: WeakKeyDictionary[Partition, list[str]] = WeakKeyDictionary()

    def go_on(self, partition: Partition) -> None:
        """Look at the next accounts; after the last one it begins with the first."""
        left = self._left.get(partition)
        if not left:
            left = self._left[partition] = list(partition.books.accounts)
        now_ms = int(self._clock() * 1000)
        for _ in range(min(len(left), ACCOUNTS_AT_ONCE)):
            self._look_at(partition, left.pop(), now_ms)

    def _look_at(self, partition: Partition, name: str, now_ms: int) -> None:
        books = partition.books
        account = books.accounts.get(name)
        if account is None or not account.ends_ms or now_ms < account.ends_ms:
            return
        credit = books.credits.get(name)
        if is_forgettable(name, account, credit, now_ms):
            partition.note(Forgotten(name))
            partition.borrower.forget(name)
        elif credit is None and (account.spent or account.held):
            self._open_next(partition, name, now_ms)

    def _open_next(self, partition: Partition, name: str, now_ms: int) -> None:
        """A rolling window begins with a request. One whose duration was taken away has no end any more."""
        terms = self._directory.terms_of(name, now_ms / 1000)
        if terms is None or terms.pattern.endswith(" rolling") or not self._directory.is_home(terms, partition.number):
            return
        opened = due(name, partition.books.accounts[name], terms.pattern, terms.anchor, now_ms)
        if opened is not None and (opened.closed is not None or not opened.ends_ms):
            partition.note(opened)
