"""Reading figures out of what a provider sent: what is no figure is not there."""

from decimal import Decimal
from typing import Any

from shared.money import PICO_PER_USD, usd_to_pico

COUNT_MAX = 2**53
"""No call uses more of anything; a larger number is a provider's mistake, and no JSON reader keeps it exactly."""

USD_MAX = 1_000_000
"""No call costs more."""


def count(fields: object, name: str) -> int | None:
    """Return a whole number from 0 on, None where there is none; 12.0 is one too."""
    value = fields.get(name) if isinstance(fields, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
        return value
    return None


def count_or_0(fields: object, name: str) -> int:
    """Return a count where nothing said means none."""
    return count(fields, name) or 0


def unread(fields: dict[str, Any], *names: str) -> str:
    """Return which of these figures are there and no counts, in words; "" where all can be read."""
    found = [name for name in names if fields.get(name) is not None and count(fields, name) is None]
    return f"{' and '.join(found)} cannot be read" if found else ""


def first_count(*sources: tuple[object, str]) -> int:
    """Return the first count above 0 among several names for the same thing, else 0."""
    return next((found for fields, name in sources if (found := count(fields, name))), 0)


def milliseconds(fields: object, name: str) -> int:
    """Return seconds, whole or not, as milliseconds; 0 where there are none."""
    value = fields.get(name) if isinstance(fields, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < COUNT_MAX:
        return 0
    return round(Decimal(repr(value)) * 1_000)


def pico(usd: object) -> int | None:
    """Return an amount in USD as pico-dollars, None where it is none."""
    if isinstance(usd, bool) or not isinstance(usd, int | float | str):
        return None
    try:
        amount = usd_to_pico(usd)
    except ValueError:
        return None
    return amount if 0 <= amount <= USD_MAX * PICO_PER_USD else None
