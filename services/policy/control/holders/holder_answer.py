"""A holder as the control plane tells it: its entry, what it has spent, and when its budgets begin anew. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from services.policy.budgets.budget_window import window_at
from services.policy.budgets.charges import pattern_of
from shared.control import AccountFigures, HolderAnswer, WindowAnswer
from shared.holders import Holder, Window, account_of


def accounts_of(entries: Iterable[Holder]) -> Iterator[tuple[str, str]]:
    """Yield tenant and name of each account in which something is counted for one of `entries`."""
    for entry in entries:
        if entry.kind != "budget":
            yield entry.tenant, account_of(entry.kind, entry.id)
            for one in entry.budgets:
                if one.model or one.listed:
                    yield entry.tenant, account_of(entry.kind, entry.id, one)


def answer_of(entry: Holder, shared: Holder | None, figures: Mapping[str, AccountFigures], now: float) -> HolderAnswer:
    """`shared` is the budget that `entry` names by its `budget_id`; `figures` are by account."""
    main = figures.get(account_of(entry.kind, entry.id))
    extra = entry.extra
    zone, rolling = extra.get("budget_timezone") or "UTC", bool(extra.get("budget_rolling"))
    whole = Window(0, extra.get("budget_duration") or "", extra.get("budget_anchor") or 0.0, "", zone, rolling)
    return HolderAnswer(
        entry,
        main,
        budget_reset_at=reset_at(whole, main, now),
        windows=tuple(_window_answer(entry, one, figures, now) for one in entry.budgets),
        shared=shared,
    )


def _window_answer(entry: Holder, one: Window, figures: Mapping[str, AccountFigures], now: float) -> WindowAnswer:
    found = figures.get(account_of(entry.kind, entry.id, one))
    return WindowAnswer(found, reset_at(one, found, now))


def reset_at(one: Window, figures: AccountFigures | None, now: float) -> float | None:
    """Return when the window ends: as its account says, else as the calendar does; None for one that never ends.

    A rolling window that no request has begun yet has no end either.
    """
    if figures is not None and figures.window_end is not None and figures.window_end > now:
        return figures.window_end
    if not one.duration or one.rolling:
        return None
    return window_at(pattern_of(one), now, one.anchor)[1]
