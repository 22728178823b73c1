"""What a borrower tells the homes of its accounts: what it returned and spent, written down first, said until heard."""

import asyncio
from collections.abc import Callable

import structlog

from services.policy.budgets.accounts import Books
from services.policy.budgets.loans import LoanEntry, Returned
from services.policy.partitions.journal.journal_writer import Then
from services.policy.partitions.loans.loan_messages import Report, encode
from shared import subjects
from shared.bus import Bus, BusError

log = structlog.get_logger()

ANSWER_S = 1.0
"""How long a home may take to answer."""

NEWS_EVERY_MS = 10_000

Write = Callable[[LoanEntry, Then | None], None]


class Reports:
    """All calls come from one event loop; times are milliseconds since 1970."""

    def __init__(self, bus: Bus, number: int, books: Books, *, write: Write) -> None:
        """`write` applies and journals."""
        self._bus = bus
        self._number = number
        self._books = books
        self._write = write
        self._open = True
        self._told_ms: dict[str, int] = {}  # when each account's home was told last
        self._unheard: dict[str, Report] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        self._open = False
        for task in self._telling:
            task.cancel()

    def is_unheard(self, name: str) -> bool:
        """Whether the last report of the account has not been heard."""
        return name in self._unheard

    def forget(self, name: str) -> None:
        """Nothing counts in the account any more."""
        self._told_ms.pop(name, None)
        self._unheard.pop(name, None)

    def rest(self, name: str) -> None:
        """There is nothing to be said of the account until something happens to it: what comes then is said at once."""
        self._told_ms.pop(name, None)

    def report(self, name: str, returned: int, now_ms: int) -> None:
        """Write down what is returned in all, and tell it when that is stored."""
        credit, spent = self._books.credits[name], self._books.account(name).spent
        report = Report(self._number, name, credit.window, credit.version + 1, returned, spent)

        def then(stored: bool) -> None:
            if stored and self._open:
                self._unheard[name] = report
                self._tell(credit.home, report)

        self._told_ms[name] = now_ms
        self._write(Returned(name, credit.window, report.version, returned, spent), then)

    def say_still_here(self, name: str, now_ms: int) -> None:
        """Home forgets who says nothing."""
        if now_ms >= self._told_ms.get(name, 0) + NEWS_EVERY_MS:
            self._told_ms[name] = now_ms
            credit = self._books.credits[name]
            report = Report(self._number, name, credit.window, credit.version, credit.returned, credit.told)
            self._unheard.setdefault(name, report)
            self._tell(credit.home, self._unheard[name])

    def say_again(self) -> None:
        """Tell once more what was not heard."""
        for name, report in list(self._unheard.items()):
            self._tell(self._books.credits[name].home, report)

    def _tell(self, home: int, report: Report) -> None:
        async def tell() -> None:
            try:
                await self._bus.request(subjects.repay(home), encode(report), timeout_s=ANSWER_S)
            except (BusError, TimeoutError) as error:
                log.debug("a loan's home does not hear", account=report.account, partition=home, error=repr(error))
                return
            if self._unheard.get(report.account) == report:
                del self._unheard[report.account]

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
