"""What usage costs: dated price rows, and one pure function that policy, router and ledger agree on."""

from shared.prices.book import PriceBook, rows_between
from shared.prices.cost import Cost, ceiling_pico, cost_of
from shared.prices.dearest import batch_rows, dearest_rows
from shared.prices.limits import max_output_tokens, own_output_limit
from shared.prices.row import PriceRow, Rate
from shared.prices.terms import Charged, Terms, charged

__all__ = [
    "Charged",
    "Cost",
    "PriceBook",
    "PriceRow",
    "Rate",
    "Terms",
    "batch_rows",
    "ceiling_pico",
    "charged",
    "cost_of",
    "dearest_rows",
    "max_output_tokens",
    "own_output_limit",
    "rows_between",
]
