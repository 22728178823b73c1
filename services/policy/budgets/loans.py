"""What partitions lend each other of accounts that several of them spend from. Pure.

An account is at home in one partition. Any other borrows from it: it may spend, and hold, what it was lent and has not
returned. Both sides keep two sums of the account's present window that only grow: `lent`, which home writes down before
it tells it, and `returned`, which the borrower writes down before it tells it. So a message that is lost, late or comes
twice can only make home believe in more than the borrower still has, and never the other way round. Home counts
`lent - returned` against the limit, whatever became of it.
"""

import msgspec

from services.policy.budgets.account import Account

AHEAD_SHARE = 16
"""At most so small a part of what is left is lent beyond what was asked for."""

AHEAD_REQUESTS = 31
"""So many requests more than those that wait are asked for."""


class Loan(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """At home: what one partition was lent in the present window. Pico-dollars.

    `used` is what it spent, as it last told; `version` counts what it tells. `assumed`: it has not been heard of for
    long, so that all it was lent counts as spent until it is.
    """

    window: int
    lent: int = 0
    returned: int = 0
    used: int = 0
    version: int = 0
    assumed: bool = False

    @property
    def spent(self) -> int:
        return max(self.used, self.lent - self.returned) if self.assumed else self.used

    @property
    def held(self) -> int:
        return max(0, self.lent - self.returned - self.spent)


class Credit(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """At a borrower: what it was lent of an account in the window that its own account of that name is in.

    `home` is the partition it was lent by; `told` what it last told home to have spent, `version` how often it told
    something.
    """

    window: int
    home: int
    lent: int = 0
    returned: int = 0
    version: int = 0
    told: int = 0

    @property
    def limit(self) -> int:
        return self.lent - self.returned


class Lent(msgspec.Struct, tag="lent", frozen=True, forbid_unknown_fields=True):
    """Journal of the home: `borrower` may spend `lent` in all in this window. It is told only after this is stored."""

    account: str
    window: int
    borrower: int
    lent: int


class Repaid(msgspec.Struct, tag="repaid", frozen=True, forbid_unknown_fields=True):
    """Journal of the home: what a borrower told."""

    account: str
    window: int
    borrower: int
    version: int
    returned: int
    used: int


class Assumed(msgspec.Struct, tag="assumed", frozen=True, forbid_unknown_fields=True):
    """Journal of the home: a borrower is not heard of any more; what it was lent counts as spent."""

    account: str
    window: int
    borrower: int


class Borrowed(msgspec.Struct, tag="borrowed", frozen=True, forbid_unknown_fields=True):
    """Journal of a borrower: what it was lent in all in this window, whose bounds the home has set."""

    account: str
    window: int
    home: int
    lent: int
    starts_ms: int
    ends_ms: int
    duration: str


class Returned(msgspec.Struct, tag="returned", frozen=True, forbid_unknown_fields=True):
    """Journal of a borrower: what it has returned in all and spent. Home is told only after this is stored."""

    account: str
    window: int
    version: int
    returned: int
    used: int


LoanEntry = Lent | Repaid | Assumed | Borrowed | Returned

Loans = dict[str, dict[int, Loan]]
"""By account and borrower."""

Credits = dict[str, Credit]
"""By account."""


def fold_at_home(entry: Lent | Repaid | Assumed, account: Account, loans: Loans) -> None:
    """Fold an entry of an account's home; what concerns another window than the present one changes nothing."""
    if account.window != entry.window:
        return
    of_account = loans.setdefault(entry.account, {})
    loan = of_account.get(entry.borrower)
    if loan is None:
        loan = of_account[entry.borrower] = Loan(entry.window)
    account.spent -= loan.spent
    account.held -= loan.held
    match entry:
        case Lent():
            loan.lent = max(loan.lent, entry.lent)
        case Repaid():
            if entry.version > loan.version:
                loan.version, loan.returned, loan.used = entry.version, entry.returned, entry.used
            loan.assumed = False
        case Assumed():
            loan.assumed = True
    account.spent += loan.spent
    account.held += loan.held


def fold_at_borrower(entry: Borrowed | Returned, account: Account, credits: Credits) -> None:
    """Fold an entry of a borrower. A later window than the present one begins it, with nothing spent."""
    credit = credits.get(entry.account)
    match entry:
        case Borrowed():
            if entry.window < account.window and credit is not None:
                return
            if credit is None or credit.window != entry.window:
                credit = credits[entry.account] = Credit(entry.window, entry.home)
                account.spent = account.held = 0
            credit.lent = max(credit.lent, entry.lent)
            account.window, account.duration = entry.window, entry.duration
            account.starts_ms, account.ends_ms = entry.starts_ms, entry.ends_ms
        case Returned():
            if credit is not None and credit.window == entry.window and entry.version > credit.version:
                credit.version, credit.returned, credit.told = entry.version, entry.returned, entry.used


def usable(account: Account, credit: Credit | None, pattern: str, now_ms: int) -> int:
    """Return what a borrower may still hold now: nothing once the window has ended, or was set to end elsewhere."""
    if credit is None or not is_current(account, credit, pattern, now_ms):
        return 0
    return max(0, credit.limit - account.spent - account.held)


def is_current(account: Account, credit: Credit, pattern: str, now_ms: int) -> bool:
    """Return whether what a borrower counts now belongs to the window that home has told it."""
    if credit.window != account.window or account.duration != pattern:
        return False
    return not account.ends_ms or now_ms < account.ends_ms


def idle(account: Account, credit: Credit) -> int:
    """Return what a borrower has and needs for nothing: what it can return."""
    return max(0, credit.limit - account.spent - account.held)


def amount_to_lend(free: int, need: int, want: int) -> int:
    """Return how much to lend where `free` is left and at least `need` of it is asked for, at most `want`.

    Far from the limit more than is needed, so that the next requests find it; close to it no more.
    """
    ahead = min(want - need, (free - need) // AHEAD_SHARE)
    return need + (ahead if ahead >= need else 0)
