"""A key as the control plane tells it: its entry, what it has spent, and when its budgets begin anew. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from services.policy.budgets.soft import whole_window
from services.policy.control.window_answer import reset_at, window_answer
from shared.control import AccountFigures, KeyAnswer
from shared.identity.holders import account_of
from shared.identity.keys import Key


def accounts_of(keys: Iterable[Key]) -> Iterator[tuple[str, str]]:
    """Yield tenant and name of each account in which something is counted for one of `keys`."""
    for key in keys:
        yield key.tenant, key.token
        for one in key.budgets:
            if one.model or one.listed:
                yield key.tenant, account_of("key", key.token, one)


def answer_of(entry: Key, figures: Mapping[str, AccountFigures], now: float, timezone: str) -> KeyAnswer:
    """`figures` are by account; one that is missing is not known. `timezone` is of windows that do not say one."""
    main = figures.get(entry.token)
    whole = whole_window(
        {**entry.extra, "budget_duration": entry.budget_duration, "budget_anchor": entry.budget_anchor}
    )
    return KeyAnswer(
        entry,
        main,
        budget_reset_at=reset_at(whole, main, now, timezone),
        windows=tuple(window_answer("key", entry.token, one, figures, now, timezone) for one in entry.budgets),
    )
