"""Usage times price, exactly: a sum over disjoint classes, rounded once, half-even."""

from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil
from typing import NamedTuple

from shared.prices.row import FREE_BESIDES, FREE_WHEN_UNLISTED, PriceRow
from shared.prices.terms import MARGIN
from shared.usage.classes import INPUT_CLASSES, OUTPUT_CLASSES, Usage

_ONE = Decimal(1)


class Cost(NamedTuple):
    """`pico` is what the call cost; `parts` its unrounded shares by class, rounded each; `unpriced` classes cost 0."""

    pico: int
    parts: dict[str, int]
    unpriced: tuple[str, ...]


def cost_of(usage: Usage, row: PriceRow) -> Cost:
    """Return what `usage` costs at `row`, in pico-dollars.

    A unit that the row does not list is free beside what it lists: a picture made of tokens that have a price. Where
    the row lists nothing of what was used, it is unpriced.
    """
    prompt_tokens = usage.prompt_tokens
    total: int | Decimal = 0
    parts: dict[str, int] = {}
    unpriced: list[str] = []
    unlisted: list[str] = []
    priced = False
    for name, count in usage.counts().items():
        rate = row.rate_for(name)
        if rate is None:
            (unlisted if name in FREE_WHEN_UNLISTED else unpriced).append(name)
            continue
        priced = True
        share = count * rate.at(prompt_tokens)
        if share:
            parts[name] = _round(share)
            total += share
    if not priced:
        unpriced += [name for name in unlisted if name not in FREE_BESIDES]
    return Cost(_round(total), parts, tuple(unpriced))


def ceiling_pico(row: PriceRow, *, input_tokens: int, output_tokens: int) -> int:
    """Return what a call of at most these sizes can cost at most, whatever class its tokens turn out to be.

    Searches, pages and other units come on top of it: `unit_rate_ceiling`.
    """
    per_request = unit_rate_ceiling(row, "requests") + unit_rate_ceiling(row, MARGIN)
    tokens = input_tokens * input_rate_ceiling(row) + output_tokens * output_rate_ceiling(row)
    return ceil(tokens + per_request)


def input_rate_ceiling(row: PriceRow) -> int | Decimal:
    """Return the dearest pico-dollars an input token can cost."""
    return _highest(row, INPUT_CLASSES)


def output_rate_ceiling(row: PriceRow) -> int | Decimal:
    """Return the dearest pico-dollars an output token can cost."""
    return _highest(row, OUTPUT_CLASSES)


def unit_rate_ceiling(row: PriceRow, usage_class: str) -> int | Decimal:
    """Return the dearest pico-dollars a unit of any class can cost, 0 where the row cannot price it."""
    if usage_class == "input":  # a provider may keep it, or find it, in its cache
        return input_rate_ceiling(row)
    of_sizes = (f"{usage_class}_low", f"{usage_class}_high", f"{usage_class}_preview")  # of searches
    rates = (row.rate_for(usage_class), *[row.rates.get(name) for name in of_sizes])
    return max([rate.highest for rate in rates if rate is not None], default=0)


def _highest(row: PriceRow, classes: tuple[str, ...]) -> int | Decimal:
    rates = [rate.highest for name in classes if (rate := row.rate_for(name)) is not None]
    return max(rates, default=0)


def _round(amount: int | Decimal) -> int:
    if isinstance(amount, int):
        return amount
    return int(amount.quantize(_ONE, rounding=ROUND_HALF_EVEN))
