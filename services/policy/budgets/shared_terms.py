"""What a shared budget fills in for who names it by `budget_id` and does not say it itself. Pure."""

from msgspec.structs import replace

from services.policy.budgets.soft import whole_window
from shared.identity.holders import Holder, Window
from shared.identity.keys import Key


def lent_windows(shared: Holder | None) -> tuple[Window, ...]:
    """Return the hard windows of a shared budget; one that is blocked lets nothing be spent, and its windows go on."""
    if shared is None:
        return ()
    if not shared.blocked:
        return shared.budgets
    whole = [window for window in shared.budgets if not window.listed and not window.model]
    return tuple(replace(window, limit_pico=0) for window in whole or (whole_window(shared.extra),))


def increase_of(entry: Holder | Key, lends: Holder | None) -> tuple[int, int]:
    """Return the temporary increase, pico-dollars, and its end in milliseconds since 1970.

    It is that of `lends`, the shared budget, unless that is None: then its own. One that is blocked gives nothing.
    """
    if lends is not None and lends.blocked:
        return 0, 0
    whose = lends if lends is not None else entry
    return whose.increase_pico, int(whose.increase_until * 1000)
