"""Amounts of money and lengths of time as a request writes them. Pure.

Raises InvalidRequest, naming the field, for whatever cannot be meant.
"""

from collections.abc import Callable
from math import inf
from typing import Any, TypeVar

from services.policy.budgets.budget_window import end_of, parse_duration
from services.policy.control.terms.refusal import refused
from shared.money import usd_to_pico

T = TypeVar("T")

MAX_USD = 10**15
"""Of larger amounts pico-dollars are not computed."""


def pico_of(name: str, amount: Any) -> int:
    """Return `amount`, in USD, as pico-dollars."""
    try:
        pico = -1 if isinstance(amount, bool) else usd_to_pico(amount)
    except (ValueError, TypeError):
        pico = -1
        if isinstance(amount, (int, float)) and MAX_USD < amount < inf:
            raise refused(name, f"{name} must be at most {MAX_USD:,} USD. Received: {amount}") from None
    if pico < 0:
        raise refused(name, f"{name} must be a non-negative finite number. Received: {amount}")
    return pico


def check_is_not_too_little(name: str, amount: Any, pico: int) -> None:
    """Refuse what would count as 0, which is another thing to mean."""
    if pico == 0 and isinstance(amount, float) and amount > 0:
        raise refused(name, f"{name} must be 0, or at least 0.000000000001 USD. Received: {amount}")


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
