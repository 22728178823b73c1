"""What usage would cost at a model, by the prices and terms of calls. Pure; the time is an argument."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shared.prices import PriceBook
from shared.prices.price_call import Priced, price_call
from shared.serving.deployments import Deployment
from shared.serving.model_names import provider_told_by
from shared.usage import Usage


class Quote(NamedTuple):
    provider: str
    usage: Usage
    priced: Priced


def quote(
    prices: PriceBook,
    deployments: Sequence[Deployment],
    model: str,
    used: Callable[[str], Usage],
    *,
    now: float,
) -> Quote | None:
    """Return what a call costs at the first of `deployments` that has a price, else at a model of the catalogue.

    `used` tells what it used, by the provider's name of the model. None where nobody has a price.
    """
    for one in deployments or _listed(model):
        priced, usage = price_call(prices, one, used(one.model), duration_ms=0, now=now)
        if priced.source != "none":
            return Quote(one.provider, usage, priced)
    return None


def _listed(model: str) -> tuple[Deployment, ...]:
    """Return a model of the catalogue, named with its provider or known by its name."""
    provider, slash, name = model.partition("/")
    if not slash or not name:
        provider, name = provider_told_by(model) or "", model
    if not provider:
        return ()
    return (Deployment(id=f"catalogue/{model}", group=model, provider=provider, model=name, priced_as=name),)
