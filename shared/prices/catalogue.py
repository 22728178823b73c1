"""Price rows out of genai-prices, the published catalogue of the providers' prices."""

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import TimeOfDateConstraint

from shared.money import PICO_PER_USD
from shared.prices.fees import fees_of, has_long_price, tier_factor
from shared.prices.row import PriceRow, Rate, exact, multiplied
from shared.prices.snapshots import covered, edition_of

_MILLION, _THOUSAND, _HOUR_MS = 1_000_000, 1_000, 3_600_000
_PRICE_KEYS = {  # the catalogue's price keys -> our usage classes, and how many units a price is for
    "input_mtok": ("input", _MILLION),
    "cache_read_mtok": ("cached_input", _MILLION),
    "cache_write_mtok": ("cache_write", _MILLION),
    "cache_write_1h_mtok": ("cache_write_1h", _MILLION),
    "input_audio_mtok": ("audio_input", _MILLION),
    "input_image_mtok": ("image_input", _MILLION),
    "input_video_mtok": ("video_input", _MILLION),
    "cache_audio_read_mtok": ("cached_audio_input", _MILLION),
    "cache_image_read_mtok": ("cached_image_input", _MILLION),
    "output_mtok": ("output", _MILLION),
    "output_reasoning_mtok": ("reasoning", _MILLION),
    "output_citation_mtok": ("citations", _MILLION),
    "output_audio_mtok": ("audio_output", _MILLION),
    "output_image_mtok": ("image_output", _MILLION),
    "output_video_mtok": ("video_output", _MILLION),
    "input_mchars": ("input_characters", _MILLION),
    "requests_kcount": ("requests", _THOUSAND),
    "web_searches_kcount": ("web_searches", _THOUSAND),
    "storage_searches_kcount": ("file_searches", _THOUSAND),
    "code_executions_kcount": ("code_sessions", _THOUSAND),
    "rerank_searches_kcount": ("search_units", _THOUSAND),
    "input_document_kpages": ("pages", _THOUSAND),
    "input_annotated_document_kpages": ("annotated_pages", _THOUSAND),
    "audio_hours": ("audio_input_ms", _HOUR_MS),
    "input_audio_hours": ("audio_input_ms", _HOUR_MS),
    "output_audio_hours": ("audio_output_ms", _HOUR_MS),
}


PERIOD = timedelta(minutes=15)
"""Prices that change by the hour do so at multiples of this."""


def catalogue_row(
    provider: str, model: str, at: datetime, tier: str = "", snapshot: DataSnapshot | None = None
) -> PriceRow | None:
    """Return the row the catalogue has for `provider`'s `model` at the time `at`, or None.

    A service tier for which nobody publishes a price costs what the usual one does. `snapshot` is an edition, else the
    current one.
    """
    snapshot = snapshot or get_snapshot()
    found = _find(provider, model, snapshot)
    if found is None:
        return _unlisted_row(provider, model, at.astimezone(UTC))
    provider_id, info = found
    at = _billed_as_at(provider_id, at.astimezone(UTC))
    prices = info.get_prices(at, _CONTEXTS[tier] if tier else None)
    rates = {
        usage_class: rate
        for key, (usage_class, per) in _PRICE_KEYS.items()
        if (rate := _rate(getattr(prices, key, None), per)) is not None
    }
    if not rates:
        return _unlisted_row(provider, model, at)
    if not has_long_price(provider, model, at.date()):
        rates = {usage_class: Rate(rate.base) for usage_class, rate in rates.items()}
    rates = {**fees_of(provider, model, at.date(), known=True), **rates}
    served = f"#{tier}" if tier else ""
    row = PriceRow(f"{provider_id}/{info.id}@{at:%Y-%m-%d}{_hours(info, at)}{served}", edition_of(snapshot), rates)
    factor = tier_factor(provider, model, tier, at.date()) if tier and prices == info.get_prices(at) else None
    return row if factor is None else multiplied(row, factor, f"{factor}")


_WEEKENDS_ARE_CHEAP = datetime(2026, 8, 23, tzinfo=UTC)
"""Since then DeepSeek's peak hours are those of Monday to Friday, in UTC and in Beijing alike; the catalogue has them
for all days. https://api-docs.deepseek.com/quick_start/pricing"""
_PEAK_HOURS = frozenset((1, 2, 3, 6, 7, 8, 9))


def _billed_as_at(provider_id: str, at: datetime) -> datetime:
    """Return a time of the same day whose price the catalogue tells rightly, for one where it does not."""
    if provider_id == "deepseek" and at.hour in _PEAK_HOURS and at.weekday() >= 5 and at >= _WEEKENDS_ARE_CHEAP:
        return at.replace(hour=12, minute=0)
    return at


def _unlisted_row(provider: str, model: str, at: datetime) -> PriceRow | None:
    fees = fees_of(provider, model, at.date(), known=False)
    return PriceRow(f"{provider}/{model}@{at:%Y-%m-%d}", FEES, fees) if fees else None


FEES = "fees.toml"
"""The source of rows that the catalogue knows nothing of."""


_CONTEXTS = {  # by our tier: what the catalogue's variants are chosen by
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "provisioned": {},  # in none of its prices
}


def catalogue_rows(provider: str, model: str, start: datetime, end: datetime, tier: str = "") -> list[PriceRow]:
    """Return every row that holds at some time from `start` to `end`, two days apart at most, in any edition in use."""
    moments = [start, end]  # dated prices begin at midnight
    if changes_by_the_hour(provider, model):
        moments += [start + PERIOD * step for step in range(1, int((end - start) / PERIOD) + 1)]
    rows = {
        (row.id, row.source): row
        for snapshot in covered()
        for moment in moments
        if (row := catalogue_row(provider, model, moment, tier, snapshot))
    }
    return list(rows.values())


def changes_by_the_hour(provider: str, model: str) -> bool:
    """Return whether the price is another one at other times of the day."""
    found = _find(provider, model)
    return found is not None and any(isinstance(one, TimeOfDateConstraint) for one in _constraints(found[1]))


def context_window(provider: str, model: str) -> int | None:
    found = _find(provider, model)
    return found[1].context_window if found else None


@cache
def catalogue_ids() -> dict[str, str]:
    """Return the catalogue's id of each provider it prices, by our name of the provider (LiteLLM's)."""
    return tomllib.loads(Path(__file__).with_name("providers.toml").read_text(encoding="utf-8"))


def _find(provider_name: str, model: str, snapshot: DataSnapshot | None = None) -> tuple[str, Any] | None:
    provider_id = catalogue_ids().get(provider_name)
    providers = (snapshot or get_snapshot()).providers
    if provider_id == "aws":
        model = model.rpartition("/")[2]  # what stands in front tells the API, the region, or the rest of an ARN
    for provider in providers:
        if provider.id == provider_id:
            info = provider.find_model(model, all_providers=providers)
            return (provider_id, info) if info is not None else None
    return None


def _constraints(info: Any) -> list[Any]:
    return [price.constraint for price in info.prices] if isinstance(info.prices, list) else []


def _hours(info: Any, at: datetime) -> str:
    """Return which hours of the day the price at `at` holds for, "" where it holds for all that no other is for."""
    for constraint in reversed(_constraints(info)):
        if constraint is None or constraint.active(at):
            break
    else:
        return ""
    return f"T{constraint.start_time:%H%M}" if isinstance(constraint, TimeOfDateConstraint) else ""


def _rate(price: Any, per: int) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return Rate(_pico(price, per))
    return Rate(_pico(price.base, per), tuple((tier.start, _pico(tier.price, per)) for tier in price.tiers))


def _pico(usd: Decimal, per: int) -> int | Decimal:
    return exact(usd * PICO_PER_USD / per)
