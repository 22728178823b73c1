"""What each account has spent and holds, as a fold over its partition's journal and the facts of finished requests.

Pure: no bus, no clock. The same entries in the same order always give the same books, and the whole journal folded
before the facts gives the books of the owner that folded them as they came: a cost belongs to the window its request
was admitted in, which a hold names and which an unheld request's time of admission tells.
"""

from collections.abc import Iterable, Iterator

import msgspec

from services.policy.budgets.account import Account
from services.policy.budgets.entries import (
    NO_WINDOW,
    Adjusted,
    Entry,
    Expired,
    Forgotten,
    Held,
    Hold,
    Lost,
    Opened,
    Released,
    Reset,
    ResetTold,
)
from services.policy.budgets.loans import (
    Assumed,
    Borrowed,
    Credit,
    Lent,
    Loan,
    Repaid,
    Returned,
    fold_at_borrower,
    fold_at_home,
)
from services.policy.budgets.settled import Settled
from services.policy.limits import counters as limit_counters
from services.policy.limits.counters import Counter, Stopped, Taken

DAY_MS = 24 * 3_600_000
LOST_KEPT_MS = 7 * DAY_MS
"""How long after a loss a fact of its request may be stored and still correct it."""

PROVIDER = "provider:"
"""What the name of a provider's account begins with."""


class Books(msgspec.Struct, forbid_unknown_fields=True):
    """All accounts of a partition, and what is used of limits. `facts_seq`: every fact up to it is folded in."""

    accounts: dict[str, Account] = {}
    holds: dict[str, Hold] = {}
    lost: dict[str, Lost] = {}
    facts_seq: int = 0
    loans: dict[str, dict[int, Loan]] = {}  # of accounts at home here, by borrower
    credits: dict[str, Credit] = {}  # of accounts at home elsewhere
    counters: dict[str, Counter] = {}
    taken: dict[str, Taken] = {}
    taken_ms: int = 0  # when something was last taken
    resets: dict[str, Reset] = {}

    def apply(self, entry: Entry) -> None:
        """Fold one journal entry. The two that each request writes are looked for first."""
        match entry:
            case Held(hold):
                if hold.request in self.holds:
                    return
                self.holds[hold.request] = hold
                self._place(hold)
            case Taken(request):
                if request not in self.taken:
                    self.taken[request] = entry
                    limit_counters.reserve(self.counters, entry.reservation)
                    self.taken_ms = max(self.taken_ms, entry.reservation.at_ms)
            case Opened(name, window, starts_ms, ends_ms, duration, closed, at_ms):
                account = self.account(name)
                if window != account.window:
                    account.spent = account.held = 0
                    self.loans.pop(name, None)
                    if closed is not None:
                        self.resets[f"{closed.window}:{name}"] = Reset(name, closed)
                account.window, account.starts_ms, account.ends_ms = window, starts_ms, ends_ms
                account.duration, account.since_ms = duration, at_ms
            case Adjusted(name, window, serial, by, settles):
                account = self.account(name)
                if serial > account.corrected:
                    account.corrected = serial
                    if window == account.window:
                        account.spent += by
                        self._settle_losses(settles)
            case ResetTold(reset):
                self.resets.pop(reset, None)
            case Forgotten(name):
                for known in (self.accounts, self.loans, self.credits):
                    known.pop(name, None)
            case Expired(request, at_ms):
                overdue = self.holds.pop(request, None)
                if overdue is not None:
                    self._take_off(overdue)
                    self.lost[request] = Lost(overdue, at_ms)
                    for account in self._still(overdue):
                        account.spent += overdue.amount
            case Released(request):
                undelivered = self.holds.pop(request, None)
                if undelivered is not None:
                    self._take_off(undelivered)
                unused = self.taken.pop(request, None)
                if unused is not None:
                    limit_counters.give_back(self.counters, unused.reservation)
            case Lent() | Repaid() | Assumed():
                fold_at_home(entry, self.account(entry.account), self.loans)
            case Borrowed() | Returned():
                fold_at_borrower(entry, self.account(entry.account), self.credits)
            case Stopped(request):
                stopped = self.taken.get(request)
                if stopped is not None:
                    left = limit_counters.stop(self.counters, stopped.reservation)
                    self.taken[request] = Taken(request, stopped.expires_ms, left)

    def settle(self, settled: Settled) -> bool:
        """Fold the end of a request; return whether it changed anything (a second time it does not)."""
        if settled.held:
            hold = self.holds.pop(settled.request, None)
            if hold is not None:
                self._take_off(hold)
                self._count(hold, settled, instead_of=0)
                return True
            lost = self.lost.get(settled.request)
            if lost is not None and settled.stored_ms <= lost.at_ms + LOST_KEPT_MS:
                del self.lost[settled.request]
                self._count(lost.hold, settled, instead_of=lost.hold.amount)
                return True
            return False
        if not settled.cost:
            return False
        changed = False
        for name in (settled.account, *settled.also):
            account = self.account(name)
            if settled.admitted_ms >= account.starts_ms:
                account.spent += settled.cost
                changed = True
        return changed

    def settle_limits(self, settled: Settled) -> Taken | None:
        """Fold the end of a request into the limits it took part of; return what it had taken."""
        taken = self.taken.pop(settled.request, None)
        if taken is not None:
            counts = taken.reservation.counts
            used = limit_counters.used_tokens(counts, settled.prompt_tokens, settled.completion_tokens)
            limit_counters.settle(self.counters, taken.reservation, used)
        return taken

    def told(self, request: str) -> None:
        """The fact of a loss is stored."""
        lost = self.lost.get(request)
        if lost is not None:
            self.lost[request] = Lost(lost.hold, lost.at_ms, told=True)

    @property
    def records(self) -> int:
        """How much there is to write down."""
        money = len(self.accounts) + len(self.holds) + len(self.lost) + len(self.loans) + len(self.credits)
        return money + len(self.counters) + len(self.taken) + len(self.resets)

    def account(self, name: str) -> Account:
        account = self.accounts.get(name)
        if account is None:
            account = self.accounts[name] = Account()
        return account

    def overdue(self, now_ms: int) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.expires_ms <= now_ms]

    def forgotten(self, now_ms: int) -> list[str]:
        """Return the requests of whose part in limits nothing will be heard any more."""
        return [
            request
            for request, taken in self.taken.items()
            if taken.expires_ms <= now_ms and not taken.reservation.running
        ]

    def forget_old_losses(self, now_ms: int) -> None:
        """Drop what no fact can correct any more; a day later than that, so that every owner has read those facts."""
        for request in [name for name, lost in self.lost.items() if lost.at_ms < now_ms - LOST_KEPT_MS - DAY_MS]:
            del self.lost[request]

    def _settle_losses(self, requests: Iterable[str]) -> None:
        for request in requests:
            lost = self.lost.get(request)
            if lost is not None:
                hold = msgspec.structs.replace(lost.hold, window=NO_WINDOW)
                self.lost[request] = msgspec.structs.replace(lost, hold=hold)

    def _place(self, hold: Hold) -> None:
        account = self.account(hold.account)
        if account.window == hold.window:
            account.held += hold.amount
        for share in hold.also:
            account = self.account(share.account)
            if account.window == share.window:
                account.held += hold.amount

    def _take_off(self, hold: Hold) -> None:
        accounts = self.accounts
        account = accounts.get(hold.account)
        if account is not None and account.window == hold.window:
            account.held -= hold.amount
        for share in hold.also:
            account = accounts.get(share.account)
            if account is not None and account.window == share.window:
                account.held -= hold.amount

    def _count(self, hold: Hold, settled: Settled, *, instead_of: int) -> None:
        """Of the providers that might have served a request, only the one that did is paid."""
        spent = settled.cost - instead_of
        account = self.accounts.get(hold.account)
        if account is not None and account.window == hold.window:
            account.spent += spent
        for share in hold.also:
            account = self.accounts.get(share.account)
            if account is not None and account.window == share.window:
                unpaid = share.account.startswith(PROVIDER) and share.account != PROVIDER + settled.provider
                account.spent += -instead_of if unpaid else spent

    def _still(self, hold: Hold) -> Iterator[Account]:
        """Yield those of its accounts that are still in the window the hold was placed in."""
        account = self.accounts.get(hold.account)
        if account is not None and account.window == hold.window:
            yield account
        for share in hold.also:
            account = self.accounts.get(share.account)
            if account is not None and account.window == share.window:
                yield account
