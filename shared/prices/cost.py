"""Usage times price, exactly: a sum over disjoint classes, rounded once, half-even."""

from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil
from typing import NamedTuple

import msgspec

from shared.prices.row import FREE_WHEN_UNLISTED, PriceRow
from shared.usage import Usage

_CLASSES = tuple(field.name for field in msgspec.structs.fields(Usage))
_ONE = Decimal(1)


class Cost(NamedTuple):
    """`pico` is what the call cost; `parts` its unrounded shares by class, rounded each; `unpriced` classes cost 0."""

    pico: int
    parts: dict[str, int]
    unpriced: tuple[str, ...]


def cost_of(usage: Usage, row: PriceRow) -> Cost:
    """Return what `usage` costs at `row`, in pico-dollars."""
    prompt_tokens = usage.prompt_tokens
    total: int | Decimal = 0
    parts: dict[str, int] = {}
    unpriced: list[str] = []
    for name in _CLASSES:
        count = getattr(usage, name)
        if not count:
            continue
        rate = row.rate_for(name)
        if rate is None:
            if name not in FREE_WHEN_UNLISTED:
                unpriced.append(name)
            continue
        share = count * rate.at(prompt_tokens)
        if share:
            parts[name] = _round(share)
            total += share
    return Cost(_round(total), parts, tuple(unpriced))


_INPUT = ("input", "cached_input", "cache_write", "cache_write_1h", "audio_input", "image_input")
_OUTPUT = ("output", "reasoning", "audio_output", "image_output")


def ceiling_pico(row: PriceRow, *, input_tokens: int, output_tokens: int) -> int:
    """Return what a call of at most these sizes can cost at most, whatever class its tokens turn out to be."""
    per_request = row.rates["requests"].highest if "requests" in row.rates else 0
    tokens = input_tokens * input_rate_ceiling(row) + output_tokens * output_rate_ceiling(row)
    return ceil(tokens + per_request)


def input_rate_ceiling(row: PriceRow) -> int | Decimal:
    """Return the dearest pico-dollars an input token can cost."""
    return _highest(row, _INPUT)


def output_rate_ceiling(row: PriceRow) -> int | Decimal:
    """Return the dearest pico-dollars an output token can cost."""
    return _highest(row, _OUTPUT)


def _highest(row: PriceRow, classes: tuple[str, ...]) -> int | Decimal:
    rates = [rate.highest for name in classes if (rate := row.rate_for(name)) is not None]
    return max(rates, default=0)


def _round(amount: int | Decimal) -> int:
    if isinstance(amount, int):
        return amount
    return int(amount.quantize(_ONE, rounding=ROUND_HALF_EVEN))
