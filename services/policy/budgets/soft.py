"""Soft budgets, what nobody is refused for and somebody is told of; and what is counted without any budget. Pure."""

from collections.abc import Mapping
from typing import Any

from shared.identity.holders import Holder, Window
from shared.identity.keys import Key


def whole_window(terms: Mapping[str, Any]) -> Window:
    """Return how a holder's main window begins and ends, by the terms its entry keeps; no limit is in it."""
    duration = terms.get("budget_duration") or ""
    return Window(
        0,
        duration,
        (terms.get("budget_anchor") or 0.0) if duration else 0.0,
        timezone=terms.get("budget_timezone") or "",
        rolling=bool(terms.get("budget_rolling")),
    )


def soft_budget_of(entry: Holder | Key, shared: Holder | None) -> int | None:
    """Return the soft budget, pico-dollars: its own, else that of the shared budget it names."""
    if entry.soft_budget_pico is not None or shared is None:
        return entry.soft_budget_pico
    return shared.soft_budget_pico


def soft_window(holder: Holder, shared: Holder | None) -> Window | None:
    """Return the window in which spend is counted for the soft budget alone, None where there is none."""
    whose = holder if holder.soft_budget_pico is not None else shared
    if whose is None or whose.soft_budget_pico is None:
        return None
    return whole_window(whose.extra)


def counted_window(holder: Holder, shared: Holder | None) -> Window:
    """Return the window in which the spend of `holder` is counted while it has no hard budget."""
    own = shared is None or holder.extra.get("budget_duration")
    return soft_window(holder, shared) or whole_window(holder.extra if own or shared is None else shared.extra)
