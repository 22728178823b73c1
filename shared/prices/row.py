"""A price row: what one unit of each usage class costs at one model, from one day on. Never edited, only followed."""

from decimal import Decimal
from typing import NamedTuple


class Rate(NamedTuple):
    """Pico-dollars a unit; `tiers` are (input tokens above which it applies to the whole call, rate), ascending.

    Whole numbers are kept as int: nearly every listed price is one, and sums of them are five times faster.
    """

    base: int | Decimal
    tiers: tuple[tuple[int, int | Decimal], ...] = ()

    def at(self, prompt_tokens: int) -> int | Decimal:
        rate = self.base
        for start, tier in self.tiers:
            if prompt_tokens <= start:
                break
            rate = tier
        return rate

    @property
    def highest(self) -> int | Decimal:
        return max([self.base, *[rate for _, rate in self.tiers]])


def exact(rate: Decimal) -> int | Decimal:
    """Return `rate` as an int where it is a whole number of pico-dollars."""
    return int(rate) if rate == rate.to_integral_value() else rate


class PriceRow(NamedTuple):
    """`rates` by usage class (the fields of shared.usage.Usage); an absent class falls back as in `FALLBACKS`."""

    id: str
    source: str
    rates: dict[str, Rate]

    def rate_for(self, usage_class: str) -> Rate | None:
        """Return the rate of a class, or of what it falls back to, or None where the row cannot price it."""
        current: str | None = usage_class
        while current is not None:
            rate = self.rates.get(current)
            if rate is not None:
                return rate
            current = FALLBACKS.get(current)
        return None


FALLBACKS: dict[str, str] = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "audio_input": "input",
    "image_input": "input",
    "reasoning": "output",
    "audio_output": "output",
    "image_output": "output",
}

FREE_WHEN_UNLISTED = {"requests", "web_searches"}
"""Classes that most providers do not bill: absent from a row they cost nothing."""
