"""A holder as the control plane tells it: its entry, what it has spent, and when its budgets begin anew. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from services.policy.budgets.soft import soft_budget_of, whole_window
from services.policy.control.window_answer import reset_at, window_answer
from shared.control import AccountFigures, HolderAnswer
from shared.identity.holders import Holder, account_of


def accounts_of(entries: Iterable[Holder]) -> Iterator[tuple[str, str]]:
    """Yield tenant and name of each account in which something is counted for one of `entries`."""
    for entry in entries:
        if entry.kind != "budget":
            yield entry.tenant, account_of(entry.kind, entry.id)
            for one in entry.budgets:
                if one.model or one.listed:
                    yield entry.tenant, account_of(entry.kind, entry.id, one)


def answer_of(
    entry: Holder, shared: Holder | None, figures: Mapping[str, AccountFigures], now: float, timezone: str
) -> HolderAnswer:
    """`shared` is the budget that `entry` names by its `budget_id`; `figures` are by account.

    `timezone` is of windows that do not say one.
    """
    counted = _is_counted(entry, shared)
    main = figures.get(account_of(entry.kind, entry.id)) if counted else None
    return HolderAnswer(
        entry,
        main,
        budget_reset_at=reset_at(whole_window(entry.extra), main, now, timezone),
        windows=tuple(window_answer(entry.kind, entry.id, one, figures, now, timezone) for one in entry.budgets),
        shared=shared,
        counted=counted,
    )


def _is_counted(entry: Holder, shared: Holder | None) -> bool:
    """Users, customers and tags are counted from their first budget on; what others spend is known without one."""
    if entry.counted or entry.kind in ("organization", "team", "member"):
        return True
    if soft_budget_of(entry, shared) is not None:
        return True
    windows = entry.budgets or (shared.budgets if shared is not None else ())
    return any(not one.model and not one.listed for one in windows)
