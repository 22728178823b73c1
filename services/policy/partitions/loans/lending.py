"""The home of accounts that other partitions spend from, too: lends, recalls, and hears what became of it.

What is lent counts against the limit from the moment it is decided until the borrower has said that it is returned.
So nothing here depends on a borrower's being alive, nor on a clock: who is not heard of keeps what it has.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Stand
from services.policy.budgets.charges import Charge
from services.policy.budgets.loans import Assumed, Lent, LoanEntry, Repaid, amount_to_lend
from services.policy.partitions.journal.journal_writer import Then
from services.policy.partitions.loans.loan_messages import (
    HEARD,
    Ask,
    Granted,
    Recall,
    Refusal,
    decode_ask,
    decode_report,
    encode,
)
from shared import subjects
from shared.bus import Bus, Message, NotConnected

log = structlog.get_logger()

RECALL_EVERY_MS = 50
LOST_MS = 30_000
"""Who has not been heard of for so long counts as having spent what it was lent, until it is heard of."""

SILENT_MS = 12_000
"""Who has not been heard of for so long is asked: it may have died before it knew of its loan."""

LOST_RECALL_EVERY_MS = 5_000
REFUSED_BEFORE_MS = 200
"""So long before a question gives up it is answered that others still hold what it asks for."""

WAITING_MAX = 1_000

Write = Callable[[LoanEntry, Then | None], None]


class _Asked(NamedTuple):
    ask: Ask
    reply: str


class Lender:
    """All calls come from one event loop; answers go out once the journal has what they say."""

    def __init__(
        self,
        bus: Bus,
        number: int,
        books: Books,
        *,
        stand: Callable[[Charge, int], Stand],
        write: Write,
        freed: Callable[[str], None],
        refused: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`stand` opens an account's window where it is due; `write` applies and journals; `freed` is called when an
        account has more than before, `refused` when it has not enough for a request, whatever is settled.
        """
        self._bus = bus
        self._number = number
        self._books = books
        self._stand = stand
        self._write = write
        self._freed = freed
        self._refused = refused
        self._clock = clock
        self._waiting: dict[str, deque[_Asked]] = {}
        self._recalled_ms: dict[str, int] = {}
        self._heard_ms: dict[tuple[str, int], int] = {}  # of those that may have something to return
        self._asked_ms: dict[tuple[str, int], int] = {}  # when those who are silent were asked
        self._stored: dict[tuple[str, int], tuple[int, int]] = {}  # window and what the journal has as lent in it

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def start(self, now_ms: int) -> None:
        for account, loans in self._books.loans.items():
            for borrower, loan in loans.items():
                self._stored[account, borrower] = (loan.window, loan.lent)
                if loan.held or loan.assumed:
                    self._heard_ms[account, borrower] = now_ms

    def on_ask(self, message: Message) -> None:
        try:
            ask = decode_ask(message.data)
        except msgspec.DecodeError as error:
            log.error("a question for a loan cannot be read", partition=self._number, error=str(error))
            return
        name = ask.charge.account
        if (name, ask.borrower) in self._heard_ms:
            self._heard_ms[name, ask.borrower] = self._now_ms()
        asked = _Asked(ask, message.reply)
        queue = self._waiting.get(name, deque())
        if any(other.ask.borrower == ask.borrower for other in queue):
            queue = deque(other for other in queue if other.ask.borrower != ask.borrower)  # it has asked again
            self._keep(name, queue)
        if queue or not self._try(asked):
            self._wait(asked)

    def on_report(self, message: Message) -> None:
        try:
            report = decode_report(message.data)
        except msgspec.DecodeError as error:
            log.error("a report of a loan cannot be read", partition=self._number, error=str(error))
            return
        name, borrower = report.account, report.borrower
        if (name, borrower) in self._heard_ms:
            self._heard_ms[name, borrower] = self._now_ms()
        loan = self._books.loans.get(name, {}).get(borrower)
        if loan is None or loan.window != report.window or (report.version <= loan.version and not loan.assumed):
            self._say(message.reply, HEARD)
            return
        entry = Repaid(name, report.window, borrower, report.version, report.returned, report.used)
        self._write(entry, lambda stored: self._say(message.reply, HEARD) if stored else None)
        self._freed(name)

    def serve(self, account: str) -> None:
        """Lend to those who wait for `account`, in their order, until one still has to wait."""
        queue = self._waiting.get(account)
        while queue and self._try(queue[0]):
            queue.popleft()
        if queue is not None:
            self._keep(account, queue)

    def recall(self, account: str) -> None:
        """Somebody waits for what others hold of `account`: let them return what they do not need."""
        now_ms = self._now_ms()
        loans = self._books.loans.get(account)
        if not loans or now_ms < self._recalled_ms.get(account, 0) + RECALL_EVERY_MS:
            return
        self._recalled_ms[account] = now_ms
        for borrower, loan in loans.items():
            if loan.held or loan.assumed:
                self._recall_from(account, borrower)

    def tick(self, now_ms: int) -> None:
        for name in list(self._waiting):
            self.serve(name)
            if name in self._waiting:
                self.recall(name)
        for (name, borrower), heard_ms in list(self._heard_ms.items()):
            self._look_after(name, borrower, heard_ms, now_ms)

    def close(self) -> None:
        """Those who wait ask again, whoever is the home's owner then."""
        self._waiting.clear()

    def _look_after(self, name: str, borrower: int, heard_ms: int, now_ms: int) -> None:
        loan = self._books.loans.get(name, {}).get(borrower)
        if loan is None or not (loan.held or loan.assumed):
            del self._heard_ms[name, borrower]
            self._asked_ms.pop((name, borrower), None)
            self._stored.pop((name, borrower), None)
            self._recalled_ms.pop(name, None)
            return
        if now_ms < heard_ms + LOST_MS:
            if now_ms >= max(heard_ms, self._asked_ms.get((name, borrower), 0)) + SILENT_MS:
                self._asked_ms[name, borrower] = now_ms
                self._recall_from(name, borrower)
            return
        if not loan.assumed:
            log.warning("nothing is heard of a loan: it counts as spent", account=name, partition=borrower)
            self._write(Assumed(name, loan.window, borrower), None)
        self._heard_ms[name, borrower] = now_ms - LOST_MS + LOST_RECALL_EVERY_MS
        self._recall_from(name, borrower)

    def _try(self, asked: _Asked) -> bool:
        """Answer if it can be; False means that others hold what is asked for."""
        ask = asked.ask
        name, now_ms = ask.charge.account, max(self._now_ms(), ask.now_ms)
        account, limit = self._stand(ask.charge, now_ms)
        loan = self._books.loans.get(name, {}).get(ask.borrower)
        lent = loan.lent if loan is not None else 0
        unheard = lent - ask.lent if ask.window == account.window else lent
        if limit is None:
            limit = account.spent + account.held + ask.want  # its limit was taken away meanwhile
        unspent = limit - account.spent
        free = unspent - account.held
        need = ask.need - unheard
        if limit <= 0 or ask.least > unspent:
            self._refuse(asked, now_ms, only_holds=False)
        elif need <= 0:
            self._lend(asked, lent, short=False, over=free < 0)
        elif need <= free:
            self._lend(asked, lent + amount_to_lend(free, need, max(need, ask.want - unheard)), short=False)
        elif account.held <= unheard:
            self._lend(asked, lent + max(0, free), short=True, over=free < 0)
        elif ask.waits:
            return False
        else:
            self.recall(name)
            self._refuse(asked, now_ms, only_holds=True)
        return True

    def _lend(self, asked: _Asked, lent: int, *, short: bool, over: bool = False) -> None:
        name, borrower = asked.ask.charge.account, asked.ask.borrower
        window = self._books.account(name).window
        granted = encode(self._granted(name, lent, short=short, over=over))
        if self._stored.get((name, borrower)) == (window, lent):
            self._say(asked.reply, granted)  # said before, and lost on its way
            return
        self._heard_ms[name, borrower] = self._now_ms()

        def then(stored: bool) -> None:
            if stored:
                self._stored[name, borrower] = (window, lent)
                self._say(asked.reply, granted)

        self._write(Lent(name, window, borrower, lent), then)

    def _granted(self, name: str, lent: int, *, short: bool, over: bool) -> Granted:
        account = self._books.account(name)
        return Granted(account.window, lent, account.starts_ms, account.ends_ms, account.duration, short, over)

    def _refuse(self, asked: _Asked, now_ms: int, *, only_holds: bool) -> None:
        account, limit = self._stand(asked.ask.charge, now_ms)
        if not only_holds:
            self._refused(asked.ask.charge.account)
        self._say(asked.reply, encode(Refusal(account.spent, account.held, limit or 0, account.ends_ms, only_holds)))

    def _wait(self, asked: _Asked) -> None:
        name = asked.ask.charge.account
        queue = self._waiting.setdefault(name, deque())
        if len(queue) >= WAITING_MAX:
            self._refuse(asked, self._now_ms(), only_holds=True)
            return
        queue.append(asked)
        delay_s = max(0, asked.ask.give_up_ms - REFUSED_BEFORE_MS - self._now_ms()) / 1000
        asyncio.get_running_loop().call_later(delay_s, self._give_up, asked)
        self.recall(name)

    def _give_up(self, asked: _Asked) -> None:
        """Those who wait for it are told how the account stands before they give up by themselves."""
        name = asked.ask.charge.account
        queue = self._waiting.get(name, deque())
        if asked in queue:
            queue.remove(asked)
            self._keep(name, queue)
            self._refuse(asked, self._now_ms(), only_holds=True)

    def _keep(self, account: str, queue: deque[_Asked]) -> None:
        if queue:
            self._waiting[account] = queue
        else:
            self._waiting.pop(account, None)

    def _recall_from(self, account: str, borrower: int) -> None:
        """Tell what is lent, too, should the borrower have died before it heard of it: as far as it is stored."""
        window, lent = self._stored.get((account, borrower), (0, 0))
        if window == self._books.account(account).window:
            granted = self._granted(account, lent, short=False, over=True)  # by which limit, nobody knows any more
            self._say(subjects.recall(borrower), encode(Recall(account, self._number, granted)))

    def _say(self, subject: str, payload: bytes) -> None:
        if not subject:
            return
        try:
            self._bus.publish(subject, payload)
        except NotConnected:
            log.debug("a word about a loan was lost: no connection", partition=self._number)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
