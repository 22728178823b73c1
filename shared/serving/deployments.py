"""A deployment: a provider, its model and a credential behind one of the configuration's model names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.config import Config, MissingVariable, ModelEntry, provider_and_model
from shared.config.sections.litellm_settings import LiteLLMSettings, Margin
from shared.config.sections.model_list import LiteLLMParams
from shared.money import usd_to_pico
from shared.prices.terms import Terms

Text = str | MissingVariable | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Deployment:
    """One entry of model_list. A MissingVariable is a reference to a variable that is not set: told when it is used.

    Several may have one id: the models of a wildcard, and one request's with the client's own credentials.
    """

    id: str
    group: str  # model_name: what clients ask for
    provider: str
    model: str  # what the provider is asked for
    priced_as: str  # the model whose price holds: base_model where given
    api_key: Text = None
    api_base: Text = None
    api_version: Text = None
    organization: Text = None
    region: Text = None
    sign_in: Mapping[str, Any] = field(default_factory=dict)  # at a cloud, by LiteLLM's names: aws_..., vertex_..., ...
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    num_retries: int | None = None
    order: int | None = None
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    drop_params: bool | None = None
    drop_always: tuple[str, ...] = ()
    extra_headers: Mapping[str, str | MissingVariable] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)  # call parameters where the client sets none
    prices: Mapping[str, float] = field(default_factory=dict)  # the operator's, USD, by LiteLLM's setting
    terms: Terms | None = None  # what the operator takes off the provider's prices and adds to them
    geo: str = ""  # the region its processing is bound to, where that costs more; "" where it is not
    max_output_tokens: int | None = None
    client_sets: Mapping[str, str | None] = field(default_factory=dict)  # credentials of theirs, and how they must look
    of_client: bool = False  # has a client's own credentials, for one request
    wildcard: str = ""  # the model name with a star that it was found by


def deployments_of(config: Config) -> tuple[Deployment, ...]:
    """Return the deployments in the order of the file."""
    return tuple(_deployment(entry, config.litellm_settings) for entry in config.model_list)


def access_groups_of(config: Config) -> dict[str, frozenset[str]]:
    """Return the model names in each access group."""
    members: dict[str, set[str]] = {}
    for entry in config.model_list:
        for group in entry.model_info.access_groups:
            members.setdefault(group, set()).add(entry.model_name)
    return {group: frozenset(models) for group, models in members.items()}


def terms_of(provider: str, settings: LiteLLMSettings) -> Terms | None:
    """Return the discount and margin of a provider; its own margin replaces the global one."""
    discount = settings.cost_discount_config.get(provider, 0.0)
    margin = settings.cost_margin_config.get(provider, settings.cost_margin_config.get("global", 0.0))
    share, fixed = (margin.percentage, margin.fixed_amount) if isinstance(margin, Margin) else (margin, 0.0)
    if not (discount or share or fixed):
        return None
    return Terms(Decimal(repr(discount)), Decimal(repr(share)), usd_to_pico(fixed))


_REGIONAL_HOST = re.compile(r"https://(\w{2})\.api\.openai\.com(?:/|$)")


def _geo(provider: str, params: LiteLLMParams) -> str:
    """Return the region that is set, or that OpenAI's regional address names; Vertex AI has a usual one."""
    location = params.sign_in().get("vertex_location")
    if provider == "vertex_ai" and isinstance(location, str):
        return location
    if isinstance(params.region_name, str):
        return params.region_name
    host = _REGIONAL_HOST.match(params.api_base) if isinstance(params.api_base, str) else None
    if host is None and provider == "vertex_ai" and params.api_key is None:
        return "us-central1"
    return host[1] if host else ""


_ZONES = {"us": "zone-us", "eu": "zone-eu", "global": "", "global-standard": ""}
"""Of Azure, in front of a model's name: LiteLLM's azure/us/gpt-4o-2024-08-06."""


def _priced_as(provider: str, model: str, base_model: object) -> tuple[str, str]:
    """Return the model whose price holds, and the zone it is bound to. LiteLLM's `base_model` may have its provider."""
    if not isinstance(base_model, str):
        return model, ""
    name = base_model.removeprefix(f"{provider}/")
    zone, slash, rest = name.partition("/")
    return (rest, _ZONES[zone]) if provider == "azure" and slash and zone in _ZONES else (name, "")


def _deployment(entry: ModelEntry, settings: LiteLLMSettings) -> Deployment:
    params, info = entry.litellm_params, entry.model_info
    provider, model = provider_and_model(params)
    organization = params.organization
    priced_as, zone = _priced_as(provider, model, info.base_model)
    return Deployment(
        id=entry.id,
        group=entry.model_name,
        provider=provider,
        model=model,
        priced_as=priced_as,
        api_key=params.api_key,
        api_base=params.api_base,
        api_version=params.api_version,
        organization=None if isinstance(organization, tuple) else organization,
        region=params.region_name,
        sign_in=params.sign_in(),
        timeout_s=params.timeout,
        stream_timeout_s=params.stream_timeout,
        num_retries=params.retries,
        order=params.order,
        weight=params.weight,
        rpm=params.rpm,
        tpm=params.tpm,
        drop_params=params.drop_params,
        drop_always=params.additional_drop_params,
        extra_headers=params.extra_headers,
        extra_body={**params.bedrock_fields(), **params.extra_body},
        defaults=params.call_defaults(),
        prices=entry.own_prices(),
        terms=terms_of(provider, settings),
        geo=zone or _geo(provider, params),
        max_output_tokens=info.max_output_tokens or info.max_tokens,
        client_sets=params.client_sets(),
    )
