"""When does an account's window end, and where does the next one begin? Pure.

A window is left for the next one only when a request comes: then its end is in the past, or the key's duration is
another one than the window was opened with. What was spent in a window that still runs stays when its end moves.
"""

from services.policy.budgets.accounts import Account, Opened
from services.policy.budgets.budget_window import window


def due(name: str, account: Account, duration: str | None, anchor: float, now_ms: int) -> Opened | None:
    """Return what is to be journalled before anything is counted in `account` at `now_ms`, or None.

    `duration` is the key's, `anchor` when it was set (seconds since 1970). A window opens where the one before it
    ended at the earliest, so that every request belongs to exactly one by its time alone.
    """
    if not duration:
        return Opened(name, account.window, account.starts_ms, 0, "") if account.duration else None
    ended = account.ends_ms != 0 and now_ms >= account.ends_ms
    if duration == account.duration and not ended:
        return None
    end_ms = account.ends_ms
    if duration != account.duration and not (end_ms and end_ms <= anchor * 1000):
        # The duration was set while the window ran: the window goes on, and ends where one of that duration does.
        end_ms = _ms(window(duration, min(anchor, now_ms / 1000), anchor)[1])
        if now_ms < end_ms:
            return Opened(name, account.window, account.starts_ms, end_ms, duration)
    begins, ends = window(duration, now_ms / 1000, anchor)
    return Opened(name, account.window + 1, max(_ms(begins), end_ms), _ms(ends), duration)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
