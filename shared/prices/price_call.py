"""What a call cost: by the operator's prices, else as the provider says, else by the catalogue; then the terms."""

from typing import Literal, NamedTuple

import msgspec

from shared.prices import Cost, PriceBook, PriceRow, charged, cost_of
from shared.prices.fees import as_billed
from shared.prices.reporters import REPORTERS
from shared.prices.row import of_search_size
from shared.serving.deployments import Deployment
from shared.usage import Usage

CostSource = Literal["computed", "reported", "none"]


class Priced(NamedTuple):
    """`pico` is what is charged; `computed` what the row `row` makes of the usage, kept beside a reported cost.

    Without a row and a reported cost the cost is unknown: `source` is none and `pico` 0.
    """

    pico: int
    source: CostSource
    computed: Cost
    row: PriceRow | None
    discount_pico: int = 0
    margin_pico: int = 0


NOT_BILLED = Priced(0, "computed", Cost(0, {}, ()), None)
"""Of a call that no provider bills."""

NOT_PRICED = Priced(0, "none", Cost(0, {}, ()), None)


def price_call(
    prices: PriceBook, deployment: Deployment | None, usage: Usage, *, duration_ms: int, now: float
) -> tuple[Priced, Usage]:
    """Return what a call of `deployment` that used `usage` cost at the time `now`, seconds since 1970.

    The usage comes back with the call's duration in it, where its price is by machine time and nothing else tells it.
    """
    if deployment is None:
        return NOT_PRICED, usage
    row = prices.row_for(
        deployment.id,
        deployment.provider,
        deployment.priced_as,
        own=deployment.prices,
        now=now,
        tier=usage.tier,
        geo=usage.geo or deployment.geo,
    )
    computed = NOT_PRICED.computed
    if row is not None:
        usage = as_billed(deployment.provider, usage)
        if usage.search_size:
            row = of_search_size(row, usage.search_size)
        if "compute_ms" in row.rates and not usage.compute_ms and not usage.audio_input_ms and usage.requests:
            usage = msgspec.structs.replace(usage, compute_ms=max(0, duration_ms))
        computed = cost_of(usage, row)
    source: CostSource = "computed"
    pico = computed.pico
    reported = usage.reported_cost_pico
    if reported is not None and deployment.provider in REPORTERS and (row is None or not row.is_operators):
        source, pico = "reported", reported
    elif row is None:
        return NOT_PRICED, usage
    if deployment.terms is None:
        return Priced(pico, source, computed, row), usage
    after = charged(pico, deployment.terms)
    return Priced(after.pico, source, computed, row, after.discount_pico, after.margin_pico), usage
