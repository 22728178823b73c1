"""What usage would cost at a model, by the prices and terms of calls. Pure; the time is an argument."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.prices import Charged, Cost, PriceBook, PriceRow, Terms, charged, cost_of
from shared.prices.fees import as_billed
from shared.prices.row import of_search_size
from shared.serving.deployments import Deployment
from shared.serving.model_names import provider_told_by
from shared.usage import (
    Usage,
    usage_from_anthropic,
    usage_from_gemini,
    usage_from_openai,
    usage_in_response,
)


class Quote(NamedTuple):
    """`cost` is of the usage alone, `charged` with the operator's discount and margin."""

    provider: str
    usage: Usage
    row: PriceRow
    cost: Cost
    charged: Charged


def quote(
    prices: PriceBook, deployments: Sequence[Deployment], model: str, usage: Usage, *, now: float
) -> Quote | None:
    """Return what `usage` costs at the first of `deployments` that has a price, else at a model of the catalogue.

    None where nobody has a price.
    """
    for one in deployments or _listed(model):
        row = prices.row_for(
            one.id,
            one.provider,
            one.priced_as,
            own=one.prices,
            now=now,
            tier=usage.tier,
            geo=usage.geo or one.geo,
        )
        if row is not None:
            usage = as_billed(one.provider, usage)
            row = of_search_size(row, usage.search_size) if usage.search_size else row
            cost = cost_of(usage, row)
            return Quote(one.provider, usage, row, cost, charged(cost.pico, one.terms or Terms()))
    return None


def usage_of_answer(answer: dict[str, Any]) -> Usage | None:
    """Return the usage of an answer in any dialect that clients of the gateway get, None where it tells none."""
    usage = answer.get("usage")
    if answer.get("type") == "message":
        return usage_from_anthropic(usage)
    if "usageMetadata" in answer:
        return usage_from_gemini(answer["usageMetadata"])
    tier = answer.get("service_tier")
    return usage_from_openai(usage, tier=tier) or usage_in_response(answer)


def _listed(model: str) -> tuple[Deployment, ...]:
    """Return a model of the catalogue, named with its provider or known by its name."""
    provider, slash, name = model.partition("/")
    if not slash or not name:
        provider, name = provider_told_by(model) or "", model
    if not provider:
        return ()
    return (Deployment(id=f"catalogue/{model}", group=model, provider=provider, model=name, priced_as=name),)
