"""When does an account's window end, and where does the next one begin? Pure.

A window is left for the next one only when a request comes: then its end is in the past, or the budget's pattern is
another one than the window was opened with. What was spent in a window that still runs stays when its end moves.
"""

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Opened
from services.policy.budgets.budget_window import window_at


def due(name: str, account: Account, pattern: str, anchor: float, now_ms: int) -> Opened | None:
    """Return what is to be journalled before anything is counted in `account` at `now_ms`, or None.

    `pattern` is how its windows follow each other (`charges.pattern_of`; "" where nothing resets it), `anchor` when
    that was set (seconds since 1970; 0: not known, it counts as set now). A window opens where the one before it ended
    at the earliest, so that every request belongs to exactly one by its time alone.
    """
    if not pattern:
        return Opened(name, account.window, account.starts_ms, 0, "") if account.duration else None
    ended = account.ends_ms != 0 and now_ms >= account.ends_ms
    if pattern == account.duration and not ended:
        return None
    end_ms = account.ends_ms
    anchor_known, anchor = anchor, anchor or now_ms / 1000
    if pattern != account.duration and not (end_ms and end_ms <= anchor * 1000):
        # The pattern was set while the window ran: the window goes on, and ends where one of that pattern does.
        end_ms = _ms(window_at(pattern, min(anchor, now_ms / 1000), anchor_known)[1])
        if now_ms < end_ms:
            return Opened(name, account.window, account.starts_ms, end_ms, pattern)
    begins, ends = window_at(pattern, now_ms / 1000, anchor_known)
    return Opened(name, account.window + 1, max(_ms(begins), end_ms), _ms(ends), pattern)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
