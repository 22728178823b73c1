"""The models that the price catalogue knows at a provider: what a wildcard is listed as."""

from functools import cache

from genai_prices.data_snapshot import get_snapshot

from shared.prices.catalogue import catalogue_ids


@cache
def known_models(provider: str) -> tuple[str, ...]:
    """Return the names of the provider's models, () where the catalogue has no list for it."""
    wanted = catalogue_ids().get(provider)
    found = next((listed for listed in get_snapshot().providers if listed.id == wanted), None)
    return tuple(dict.fromkeys(model.id for model in found.models)) if found and wanted else ()


@cache
def priced_providers() -> tuple[str, ...]:
    """Return the providers with a list of prices, one name for each list."""
    names: dict[str, str] = {}
    for name, prices in catalogue_ids().items():
        names.setdefault(prices, name)
    return tuple(names.values())
