"""A price row: what one unit of each usage class costs at one model, from one day on. Never edited, only followed."""

from decimal import Decimal
from typing import NamedTuple

from shared.usage.classes import INPUT_CLASSES, OUTPUT_CLASSES, UNIT_CLASSES

OPERATORS = "config.yaml"
"""The source of rows that the operator has set."""


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
    """`rates` by usage class (the counts of shared.usage.Usage); an absent class falls back as in `FALLBACKS`.

    Beside those, `web_searches_low`, `web_searches_high` and `web_searches_preview` are what searches of another size,
    or by another tool, than the usual cost, and `requests_low` what a request costs whose search is part of it.
    """

    id: str
    source: str
    rates: dict[str, Rate]

    @property
    def is_operators(self) -> bool:
        """Whether the operator set it, and not the catalogue."""
        return self.source == OPERATORS

    def rate_for(self, usage_class: str) -> Rate | None:
        """Return the rate of a class, or of what it falls back to, or None where the row cannot price it."""
        current: str | None = usage_class
        while current is not None:
            rate = self.rates.get(current)
            if rate is not None:
                return rate
            current = FALLBACKS.get(current)
            if current == "audio_input" and usage_class == "cached_audio_input" and current not in self.rates:
                current = "cached_input"  # sound costs what text does, and so does what is cached of it
        return None


def multiplied(row: PriceRow, factor: Decimal, why: str) -> PriceRow:
    """Return the row with every price of a token times `factor`; `why` ends its id."""
    rates = {
        name: Rate(exact(rate.base * factor), tuple((start, exact(tier * factor)) for start, tier in rate.tiers))
        if name in _TOKENS
        else rate
        for name, rate in row.rates.items()
    }
    return PriceRow(f"{row.id}*{why}", row.source, rates)


def of_search_size(row: PriceRow, size: str) -> PriceRow:
    """Return the row with the price of a web search, or request, of that size (low, high, preview) where it has one."""
    found = {name: row.rates.get(f"{name}_{size}") for name in ("web_searches", "requests")}
    rates = {name: rate for name, rate in found.items() if rate is not None}
    return row._replace(rates={**row.rates, **rates}) if rates else row


_TOKENS = frozenset(INPUT_CLASSES + OUTPUT_CLASSES)

FALLBACKS: dict[str, str] = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "audio_input": "input",
    "image_input": "input",
    "video_input": "image_input",
    "cached_audio_input": "audio_input",
    "cached_image_input": "cached_input",  # xAI's bill: https://github.com/BerriAI/litellm/pull/37407
    "reasoning": "output",
    "citations": "output",
    "audio_output": "output",
    "image_output": "output",
    "video_output": "image_output",
    "news_searches": "web_searches",
}

FREE_WHEN_UNLISTED = frozenset(UNIT_CLASSES)
"""Units that are not tokens: most providers bill some of them and no others; absent from a row they cost nothing."""

FREE_BESIDES = frozenset(
    (
        "requests",
        "web_searches",
        "file_searches",
        "document_searches",
        "news_searches",
        "map_searches",
        "code_sessions",
        "tool_image_input",
        "tool_image_output",
        "tool_images",
        "search_sources",
        "compute_ms",
        "images",
    )
)
"""Of these, the ones that never are all that a call is paid for: alone they leave no call without a price."""
