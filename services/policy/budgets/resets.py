"""When does an account's window end, and where does the next one begin? Pure.

A window is left for the next one only when a request comes: then its end is in the past, or the budget's pattern is
another one than the window was opened with. What was spent in a window that still runs stays when its end moves.

End users come and go without an end: their accounts are forgotten when nothing counts in them any more. The number of a
window must not come again, and so it is the second in which it is opened where nothing is known of an account.
"""

from services.policy.budgets.account import Account
from services.policy.budgets.budget_window import window_at
from services.policy.budgets.entries import Closed, Opened
from services.policy.budgets.loans import Credit

FORGETTABLE = "end_user"
"""What the names of accounts begin with of which there is no end."""

KEPT_AFTER_MS = 60_000
"""How long an account is kept after its window: longer than clocks of processes differ."""

_UNUSED = Account()


def due(name: str, account: Account, pattern: str, anchor: float, now_ms: int) -> Opened | None:
    """Return what is to be journalled before anything is counted in `account` at `now_ms`, or None.

    `pattern` is how its windows follow each other (`charges.pattern_of`; "" where nothing resets it), `anchor` when
    that was set (seconds since 1970; 0: not known, it counts as set now). A window opens where the one before it ended
    at the earliest, so that every request belongs to exactly one by its time alone.

    A pattern that is older than the present one was given to the account later than it was set: a shared budget that is
    named anew, say, or unblocked. Nobody knows when; it counts as given now, so that nothing spent is forgotten by it.
    """
    if pattern and name.startswith(FORGETTABLE) and account == _UNUSED:
        begins, ends = window_at(pattern, now_ms / 1000, anchor or now_ms / 1000)
        return Opened(name, now_ms // 1000, _ms(begins), _ms(ends), pattern, at_ms=now_ms)
    if not pattern:
        return Opened(name, account.window, account.starts_ms, 0, "", at_ms=now_ms) if account.duration else None
    ended = account.ends_ms != 0 and now_ms >= account.ends_ms
    if pattern == account.duration and not ended:
        return None
    end_ms = account.ends_ms
    anchor_known, anchor = anchor, anchor or now_ms / 1000
    if anchor * 1000 < account.since_ms:
        anchor = now_ms / 1000
    if pattern != account.duration and not (end_ms and end_ms <= anchor * 1000):
        # The pattern was set while the window ran: the window goes on, and ends where one of that pattern does.
        end_ms = _ms(window_at(pattern, min(anchor, now_ms / 1000), anchor_known)[1])
        if now_ms < end_ms:
            return Opened(name, account.window, account.starts_ms, end_ms, pattern, at_ms=now_ms)
    begins, ends = window_at(pattern, now_ms / 1000, anchor_known)
    closed = Closed(account.window, account.starts_ms, end_ms, account.spent, account.held)
    return Opened(name, account.window + 1, max(_ms(begins), end_ms), _ms(ends), pattern, closed, now_ms)


def is_forgettable(name: str, account: Account, credit: Credit | None, now_ms: int) -> bool:
    """Return whether nothing counts in `account` any more: its window is over, and nobody has to be told of it."""
    if not name.startswith(FORGETTABLE) or not account.ends_ms or account.held or account.corrected:
        return False  # what was said of its spend would count a second time
    if now_ms < account.ends_ms + KEPT_AFTER_MS:
        return False
    return account.spent == (0 if credit is None else credit.told)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
