"""Percentiles."""

from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of `ordered` do not exceed (nearest rank).

    Raises:
        ValueError: there is no value.
    """
    if not ordered:
        raise ValueError("a percentile of no values")
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def spread_ms(seconds: Sequence[float]) -> Spread | None:
    """Return the percentiles in milliseconds, None of no values."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Spread(p50=1000 * percentile(ordered, 0.50), p99=1000 * percentile(ordered, 0.99))
