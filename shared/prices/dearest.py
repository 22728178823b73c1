"""Every price that a call of a deployment may turn out to have: what a hold must cover, and the router keep to."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.prices.book import rows_between
from shared.prices.cost import output_rate_ceiling, unit_rate_ceiling
from shared.prices.row import PriceRow, Rate
from shared.prices.terms import MARGIN, Terms
from shared.usage import tier_of

GEOS = {"anthropic": ("us",)}
"""Regions that the account of a provider may bind a call to, whatever the call says."""


SEARCHES_MAX = {"perplexity": 100}
"""Providers that search without being asked to."""

UNSEEN_TOKENS = {"deep-research": 400_000}
"""By a part of the model's name: tokens of reasoning and citations that no maximum of the answer bounds.
https://docs.perplexity.ai/getting-started/models/models/sonar-deep-research"""


class Priced(Protocol):
    """What is read of a shared.serving.deployments.Deployment."""

    @property
    def id(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def priced_as(self) -> str: ...
    @property
    def prices(self) -> Mapping[str, float]: ...
    @property
    def terms(self) -> Terms | None: ...
    @property
    def geo(self) -> str: ...
    @property
    def defaults(self) -> Mapping[str, Any]: ...
    @property
    def extra_body(self) -> Mapping[str, Any]: ...


def batch_rows(deployment: Priced, *, start: float, end: float) -> list[PriceRow]:
    """Return the rows of a line of a batch that ends between two times, terms included; none without a price."""
    return rows_between(
        deployment.id,
        deployment.provider,
        deployment.priced_as,
        own=deployment.prices,
        start=start,
        end=end,
        tiers=("batch",),
        geos={"", deployment.geo, *GEOS.get(deployment.provider, ())},
        terms=deployment.terms,
    )


def dearest_rows(deployment: Priced, tier: str, *, start: float, end: float) -> list[PriceRow]:
    """Return the rows of a call that asks for `tier` between two times, terms included; none without a price.

    The usual tier is always among them: a provider without room on a cheaper one serves by it.
    """
    own = deployment.extra_body.get("service_tier") or deployment.defaults.get("service_tier")
    rows = rows_between(
        deployment.id,
        deployment.provider,
        deployment.priced_as,
        own=deployment.prices,
        start=start,
        end=end,
        tiers={"", tier, tier_of(own)},
        geos={"", deployment.geo, *GEOS.get(deployment.provider, ())},
        terms=deployment.terms,
    )
    return [with_unseen(row, deployment) for row in rows]


def with_unseen(row: PriceRow, deployment: Priced) -> PriceRow:
    """Return the row, with what the deployment does by itself in the price of every call."""
    searches = SEARCHES_MAX.get(deployment.provider, 0)
    tokens = max([most for name, most in UNSEEN_TOKENS.items() if name in deployment.priced_as], default=0)
    if not searches and not tokens:
        return row
    beside = row.rates[MARGIN].base if MARGIN in row.rates else 0
    beside += searches * unit_rate_ceiling(row, "web_searches") + tokens * output_rate_ceiling(row)
    return row._replace(rates={**row.rates, MARGIN: Rate(beside)})
