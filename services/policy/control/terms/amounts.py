"""Amounts of money and lengths of time as a request writes them. Pure.

Raises InvalidRequest, naming the field, for whatever cannot be meant.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from services.policy.budgets.budget_window import end_of, parse_duration
from services.policy.control.terms.refusal import refused
from shared.money import usd_to_pico

T = TypeVar("T")


def pico_of(name: str, amount: Any) -> int:
    """Return `amount`, in USD, as pico-dollars."""
    try:
        pico = -1 if isinstance(amount, bool) else usd_to_pico(amount)
    except (ValueError, TypeError):
        pico = -1
    if pico < 0:
        raise refused(name, f"{name} must be a non-negative finite number. Received: {amount}")
    return pico


def expiry_of(name: str, duration: Any, now: float) -> float:
    """Return when what lasts `duration` from `now` on ends; seconds since 1970."""
    return _parsed(
        name,
        lambda: end_of(parse_duration(duration), now),
        f"Unsupported duration unit, passed duration: {duration}. Use a format like '30s', '24h', '7d' or '1mo'.",
    )


def window_of(name: str, duration: Any) -> str:
    """Return the length of a budget's window in the form it is kept in."""
    parsed = _parsed(
        name,
        lambda: parse_duration(duration),
        f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'.",
    )
    return f"{parsed.number}{parsed.unit}"


def _parsed(name: str, parse: Callable[[], T], otherwise: str) -> T:
    try:
        return parse()
    except (ValueError, AttributeError):
        raise refused(name, otherwise) from None
