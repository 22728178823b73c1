"""One window of a budget as the control plane tells it: what is spent in it, and when it begins anew. Pure."""

from collections.abc import Mapping

from services.policy.budgets.budget_window import window_at
from services.policy.budgets.charges import pattern_of
from shared.control import AccountFigures, WindowAnswer
from shared.identity.holders import AccountKind, Window, account_of


def window_answer(
    kind: AccountKind,
    holder_id: str,
    one: Window,
    figures: Mapping[str, AccountFigures],
    now: float,
    timezone: str,
) -> WindowAnswer:
    """`figures` are by account; one that is missing is not known. `timezone` is of windows that do not say one."""
    found = figures.get(account_of(kind, holder_id, one))
    return WindowAnswer(found, reset_at(one, found, now, timezone))


def reset_at(one: Window, figures: AccountFigures | None, now: float, timezone: str) -> float | None:
    """Return when the window ends: as its account says, else as the calendar does; None for one that never ends.

    A rolling window that no request has begun yet has no end either.
    """
    if figures is not None and figures.window_end is not None and figures.window_end > now:
        return figures.window_end
    if not one.duration or one.rolling:
        return None
    return window_at(pattern_of(one, timezone), now, one.anchor)[1]
