"""What a partition borrows of accounts that are at home elsewhere, so that it can decide by itself.

A request that needs more than is borrowed waits while its partition asks; all that need it wait for one answer. What is
not needed goes back: after a moment of rest, and at once while the home has somebody who waits for it.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Standing
from services.policy.budgets.charges import Charge
from services.policy.budgets.loans import AHEAD_REQUESTS, Borrowed, idle, is_current, usable
from services.policy.partitions.loans.lent_by import LentBy
from services.policy.partitions.loans.loan_messages import Ask, Granted, Refusal, decode_answer, decode_recall, encode
from services.policy.partitions.loans.reports import ANSWER_S, Reports, Write
from shared import subjects
from shared.bus import Bus, BusError, Message

log = structlog.get_logger()

AGAIN_S = 0.2
"""How long after a question that nobody answered it is asked again."""

REFUSED_MS = 100
REFUSED_PROVIDER_MS = 1_000
"""How long a refusal of the home holds for whoever else comes."""

RECALLED_MS = 3_000
"""How long after a recall all that is not needed goes back at once."""

KEPT_MS = 500
"""How long what was asked for stays here in spite of a recall: its request may still wait for what it needs of another
account, and two that gave back at once would take turns for ever. Not while an account before it by name is asked for:
of two that each have what the other waits for, one gives way."""

IDLE_MS = 2_000


class Need(NamedTuple):
    """What a request needs of an account: `amount`, or `least` where the account has no more. Pico-dollars.

    The home looks until `give_up_ms` for what others only hold. If it is `patient`, the request asks again then.
    """

    charge: Charge
    amount: int
    least: int
    patient: bool
    give_up_ms: int


class _Kept(NamedTuple):
    amount: int


class _Refused(NamedTuple):
    standing: Standing
    until_ms: int


class Borrower:
    """All calls come from one event loop."""

    def __init__(
        self,
        bus: Bus,
        number: int,
        books: Books,
        *,
        write: Write,
        retry: Callable[[str], None],
        waiting_for: Callable[[str], int],
        clock: Callable[[], float],
    ) -> None:
        """`write` applies and journals; `retry` lets those try again who wait for an account; `waiting_for` says how
        many they are.
        """
        self._bus = bus
        self._number = number
        self._books = books
        self._write = write
        self._retry = retry
        self._waiting_for = waiting_for
        self._clock = clock
        self._open = False
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._unanswered: set[str] = set()
        self._refused: dict[str, _Refused] = {}
        self._standings: dict[str, Standing] = {}  # as home last told them when it refused
        self._short: set[str] = set()
        self._recalled_ms: dict[str, int] = {}  # until when
        self._kept: dict[str, _Kept] = {}
        self._lent_by = LentBy()
        self._touched_ms: dict[str, int] = {}  # of accounts home does not know all of
        self._reports = Reports(bus, number, books, write=write)

    @property
    def is_pressed(self) -> bool:
        """Whether somebody elsewhere waits for what requests here do not need any more."""
        return bool(self._recalled_ms)

    def start(self, now_ms: int) -> None:
        """What the last owner told may not have been heard."""
        self._open = True
        for account in self._books.credits:
            self._touched_ms[account] = now_ms

    def close(self) -> None:
        self._open = False
        self._reports.close()
        for task in self._asking.values():
            task.cancel()

    def room(self, charge: Charge, now_ms: int) -> int:
        """Return what a hold may take of the account now: nothing of what a higher limit has lent, which goes back."""
        account = self._books.accounts.get(charge.account)
        if account is None:
            return 0
        if self._lent_by.is_higher(charge, now_ms):
            self._kept.pop(charge.account, None)
            self._give_back(charge.account, now_ms)
            return 0
        return usable(account, self._books.credits.get(charge.account), charge.pattern, now_ms)

    def knows(self, charge: Charge, now_ms: int) -> bool:
        """Whether what is counted in the account now will be told to its home."""
        account, credit = self._books.accounts.get(charge.account), self._books.credits.get(charge.account)
        return account is not None and credit is not None and is_current(account, credit, charge.pattern, now_ms)

    def limit(self, charge: Charge) -> int | None:
        """Return what may be spent of the account in all where the home has no more; None where it may have."""
        return self._books.credits[charge.account].limit if charge.account in self._short else None

    def refused(self, account: str, least: int, now_ms: int, limit: int | None = None) -> Standing | None:
        """Return how the account stands if the home has just refused so much, by no lower limit than `limit`."""
        refused = self._refused.get(account)
        if refused is None or now_ms >= refused.until_ms or (limit is not None and limit > refused.standing.limit):
            return None
        standing = refused.standing
        return standing if standing.only_holds or least > standing.limit - standing.spent else None

    def standing(self, account: str) -> Standing | None:
        """Return how the account stood at home when something was refused last."""
        return self._standings.get(account)

    def is_tight(self, account: str, now_ms: int) -> bool:
        """Whether there may be less of the account than a careful bound of a request asks for."""
        return account in self._recalled_ms or self.refused(account, 1 << 127, now_ms) is not None

    def is_unanswered(self, account: str) -> bool:
        """Whether nobody answers for the account."""
        return account in self._unanswered

    def touch(self, account: str, now_ms: int) -> None:
        """Something was held, spent or given back of it here."""
        if account in self._books.credits:
            self._touched_ms[account] = now_ms
            if account in self._recalled_ms:
                self._give_back(account, now_ms)

    def forget(self, account: str) -> None:
        """Nothing counts in it any more, here or at home."""
        for known in (self._touched_ms, self._standings, self._recalled_ms, self._kept):
            known.pop(account, None)
        self._reports.forget(account)
        self._lent_by.forget(account)

    def ask(self, need: Need) -> None:
        """See that there is more, or that it is known that there is none; one question at a time for an account."""
        name = need.charge.account
        if self._open and name not in self._asking:
            self._asking[name] = asyncio.get_running_loop().create_task(self._ask(need))

    def on_recall(self, message: Message) -> None:
        try:
            recall = decode_recall(message.data)
        except msgspec.DecodeError as error:
            log.error("a recall cannot be read", partition=self._number, error=str(error))
            return
        name, granted, now_ms = recall.account, recall.granted, self._now_ms()
        credit = self._books.credits.get(name)
        if credit is not None and credit.window > granted.window:
            return
        self._take(name, recall.home, granted)
        self._recalled_ms[name] = now_ms + RECALLED_MS
        self._give_back(name, now_ms, news=True)

    def tick(self, now_ms: int) -> None:
        for name, until_ms in list(self._recalled_ms.items()):
            if now_ms >= until_ms:
                del self._recalled_ms[name]
        for name, refused in list(self._refused.items()):
            if now_ms >= refused.until_ms:
                del self._refused[name]
        self._reports.say_again()
        for name, touched_ms in list(self._touched_ms.items()):
            self._look_after(name, touched_ms, now_ms)

    def _look_after(self, name: str, touched_ms: int, now_ms: int) -> None:
        account, credit = self._books.account(name), self._books.credits[name]
        if now_ms >= touched_ms + IDLE_MS and not self._waiting_for(name):
            if idle(account, credit) or credit.told != account.spent:
                self._give_back(name, now_ms)
            elif not account.held and not self._reports.is_unheard(name):
                del self._touched_ms[name]
                self._reports.rest(name)
                self._standings.pop(name, None)
            else:
                self._reports.say_still_here(name, now_ms)
        elif credit.told != account.spent:
            self._reports.report(name, credit.returned, now_ms)
        else:
            self._reports.say_still_here(name, now_ms)

    async def _ask(self, need: Need) -> None:
        name, asked_ms = need.charge.account, self._now_ms()
        answered = False
        try:
            answer = await self._answer_to(need)
            answered = True
            self._unanswered.discard(name)
            if isinstance(answer, Granted):
                self._keep(name, need.amount)
                if not answer.over:
                    self._lent_by.lent(need.charge, asked_ms)
                self._take(name, need.charge.home, answer)
                self._refused.pop(name, None)
                if answer.short:
                    self._short.add(name)
            else:
                kept_ms = REFUSED_PROVIDER_MS if need.charge.kind == "provider" else REFUSED_MS
                standing = Standing(answer.spent, answer.held, answer.limit, answer.ends_ms, answer.only_holds)
                self._standings[name] = standing
                if not (answer.only_holds and need.patient):
                    self._refused[name] = _Refused(standing, self._now_ms() + kept_ms)
        except (BusError, TimeoutError, msgspec.DecodeError) as error:
            log.debug("nobody lends", account=name, partition=need.charge.home, error=repr(error))
            self._unanswered.add(name)
        finally:
            self._asking.pop(name, None)
        if answered:
            self._retry(name)
            self._short.discard(name)
        elif self._open:
            asyncio.get_running_loop().call_later(AGAIN_S, self._retry, name)

    async def _answer_to(self, need: Need) -> Granted | Refusal:
        name, now_ms = need.charge.account, self._now_ms()
        account, credit = self._books.accounts.get(name, Account()), self._books.credits.get(name)
        ask = Ask(
            self._number,
            need.charge,
            account.window if credit is not None else 0,
            credit.lent if credit is not None else 0,
            need.amount,
            need.least,
            need.amount * (1 if name in self._recalled_ms else AHEAD_REQUESTS + max(1, self._waiting_for(name))),
            now_ms,
            need.give_up_ms,
            True,
        )
        patience_s = ANSWER_S + max(0, need.give_up_ms - now_ms) / 1000
        subject = subjects.lend(need.charge.home)
        return decode_answer.decode(await self._bus.request(subject, encode(ask), timeout_s=patience_s))

    def _take(self, name: str, home: int, granted: Granted) -> None:
        credit = self._books.credits.get(name)
        account = self._books.account(name)
        bounds = (granted.window, granted.starts_ms, granted.ends_ms, granted.duration)
        if credit is not None and bounds == (credit.window, account.starts_ms, account.ends_ms, account.duration):
            if granted.lent <= credit.lent:
                return
        elif credit is not None and granted.window < credit.window:
            return
        if granted.over:
            self._lent_by.forget(name)
        entry = Borrowed(name, granted.window, home, granted.lent, granted.starts_ms, granted.ends_ms, granted.duration)
        self._write(entry, None)
        self._touched_ms[name] = self._now_ms()

    def _keep(self, name: str, amount: int) -> None:
        kept = self._kept[name] = _Kept(amount)
        asyncio.get_running_loop().call_later(KEPT_MS / 1000, self._keep_no_longer, name, kept)

    def _keep_no_longer(self, name: str, kept: _Kept) -> None:
        """By the timer alone: one that fires early by the other clock must not leave the rest kept for ever."""
        if self._kept.get(name) is kept:
            del self._kept[name]
            if self._open and name in self._recalled_ms:
                self._give_back(name, self._now_ms())

    def _give_back(self, name: str, now_ms: int, *, news: bool = False) -> None:
        credit = self._books.credits.get(name)
        if credit is None:
            return
        account = self._books.account(name)
        kept = None if any(other < name for other in self._asking) else self._kept.get(name)
        unneeded = max(0, idle(account, credit) - (kept.amount if kept else 0))
        if unneeded or credit.told != account.spent or news:
            self._reports.report(name, credit.returned + unneeded, now_ms)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
