"""What the operator takes off the providers' prices and adds to them (cost_discount_config, cost_margin_config)."""

from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil
from typing import NamedTuple

from shared.prices.row import PriceRow, Rate

_ONE = Decimal(1)
MARGIN = "margin"
"""In such a row: what a request is charged beside its usage."""


class Terms(NamedTuple):
    """Shares of the cost, and an amount a request; the margin is on what is left after the discount."""

    discount: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    margin_fixed_pico: int = 0

    @property
    def factor(self) -> Decimal:
        """What a cost comes to, but for the fixed amount."""
        return (1 - self.discount) * (1 + self.margin)


class Charged(NamedTuple):
    """`pico` is the cost after `discount_pico` was taken off and `margin_pico` added."""

    pico: int
    discount_pico: int
    margin_pico: int


def charged(pico: int, terms: Terms) -> Charged:
    """Return what a request that cost `pico` is charged."""
    discount = _round(pico * terms.discount)
    left = pico - discount
    margin = _round(left * terms.margin) + terms.margin_fixed_pico
    return Charged(left + margin, discount, margin)


ROUNDED_PICO = 2
"""By how much two roundings can make a charge more than the exact product."""


def charged_row(row: PriceRow, terms: Terms) -> PriceRow:
    """Return the row whose ceilings are those of what a call by `row` is charged; never to compute a cost with."""
    factor = terms.factor
    rates = {
        name: Rate(ceil(rate.base * factor), tuple((start, ceil(tier * factor)) for start, tier in rate.tiers))
        for name, rate in row.rates.items()
    }
    return row._replace(rates={**rates, MARGIN: Rate(terms.margin_fixed_pico + ROUNDED_PICO)})


def _round(amount: Decimal) -> int:
    return int(amount.quantize(_ONE, rounding=ROUND_HALF_EVEN))
