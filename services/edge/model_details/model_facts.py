"""What is known of each deployment and each model name, in LiteLLM's forms; credentials are never in it."""

import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from shared.config import Config, MissingVariable, ModelEntry
from shared.prices import PriceBook, max_output_tokens
from shared.prices.catalogue import context_window
from shared.serving.deployments import Deployment, deployments_of
from shared.serving.model_groups import ModelGroups

_SHOWN_PARAMS = (
    "model",
    "custom_llm_provider",
    "api_base",
    "api_version",
    "region_name",
    "rpm",
    "tpm",
    "weight",
    "order",
    "tags",
    "timeout",
    "stream_timeout",
    "num_retries",
    "max_retries",
    "drop_params",
)
"""Settings of `litellm_params` that hold no secret."""

_SHOWN_PRICES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "output_cost_per_reasoning_token": "reasoning",
}


class ModelFacts:
    """Rows by deployment and by model name, made when asked for: prices change by date."""

    def __init__(self, config: Config) -> None:
        self._deployments = tuple(zip(config.model_list, deployments_of(config), strict=True))
        self._entries = {one.id: entry for entry, one in self._deployments}
        self._groups = ModelGroups(one for _, one in self._deployments)
        self._prices = PriceBook()

    def deployments(self, groups: Iterable[str]) -> list[dict[str, Any]]:
        """Return LiteLLM's row of each deployment that serves one of `groups`, in the order of the configuration."""
        allowed = set(groups)
        return [self._row(entry, one) for entry, one in self._deployments if one.group in allowed]

    def group(self, group: str) -> dict[str, Any] | None:
        """Return what is known of a model name over all its deployments, None where none serves it."""
        members = [(self._entries[one.id], one) for one in self._groups.get(group)]
        if not members:
            return None
        infos = [self._info(entry, one) for entry, one in members]
        return {
            "model_group": group,
            "providers": list(dict.fromkeys(one.provider for _, one in members)),
            "mode": infos[0]["mode"],
            "tpm": _sum(one.tpm for _, one in members),
            "rpm": _sum(one.rpm for _, one in members),
            **{
                name: _largest(info[name] for info in infos)
                for name in ("max_input_tokens", "max_output_tokens", *_SHOWN_PRICES)
            },
        }

    def serving(self, group: str) -> Sequence[Deployment]:
        """Return the deployments of a model name, none where none serves it."""
        return self._groups.get(group)

    def provider_model(self, group: str) -> str | None:
        """Return what the first deployment of a model name calls its model, None where none serves it."""
        return next((one.model for one in self._groups.get(group)), None)

    def _row(self, entry: ModelEntry, one: Deployment) -> dict[str, Any]:
        params = {name: getattr(entry.litellm_params, name) for name in _SHOWN_PARAMS}
        shown = {name: value for name, value in params.items() if value not in (None, ()) and _is_set(value)}
        return {
            "model_name": one.group,
            "litellm_params": {**shown, **entry.litellm_params.prices()},
            "model_info": self._info(entry, one),
        }

    def _info(self, entry: ModelEntry, one: Deployment) -> dict[str, Any]:
        info = entry.model_info
        given = {name: value for name, value in info.model_dump(exclude_none=True).items() if _is_set(value)}
        own = entry.own_prices()
        row = self._prices.row_for(one.id, one.provider, one.priced_as, own=one.prices, now=time.time())
        prices: dict[str, float | None] = dict.fromkeys(_SHOWN_PRICES)
        if row is not None:
            for name, usage_class in _SHOWN_PRICES.items():
                rate = row.rates.get(usage_class)
                prices[name] = None if rate is None else float(Decimal(rate.base).scaleb(-12))
        most_output = one.max_output_tokens or max_output_tokens(one.provider, one.priced_as)
        return {
            **prices,
            **given,
            "id": one.id,
            "db_model": False,
            "key": f"{one.provider}/{one.model}",
            "litellm_provider": one.provider,
            "mode": info.mode or "chat",
            "max_tokens": most_output,
            "max_input_tokens": info.max_input_tokens or context_window(one.provider, one.priced_as),
            "max_output_tokens": most_output,
            "pricing_overrides": sorted(own),
        }


def _is_set(value: Any) -> bool:
    return not isinstance(value, MissingVariable)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
