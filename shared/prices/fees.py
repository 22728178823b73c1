"""What providers publish beside the catalogue (fees.toml): fees of tools, what is free, what holds no more, the least
that is billed.
"""

import re
import tomllib
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from shared.money import PICO_PER_USD
from shared.prices.row import Rate, exact
from shared.usage.classes import Usage


class Fee(NamedTuple):
    """One row. `alone`: it prices a model that the catalogue does not know."""

    providers: frozenset[str]
    models: re.Pattern[str]
    usage_class: str
    rate: Rate
    since: date
    alone: bool
    source: str


def fees_of(provider: str, model: str, day: date, *, known: bool) -> dict[str, Rate]:
    """Return the rates by usage class that hold on `day`; the later of two wins. `known`: the catalogue has a price."""
    name = model.rpartition("/")[2]
    return {
        fee.usage_class: fee.rate
        for fee in _table().fees
        if provider in fee.providers and day >= fee.since and (known or fee.alone) and fee.models.search(name)
    }


def tier_factor(provider: str, model: str, tier: str, day: date) -> Decimal | None:
    """Return what the tier's price is to the usual one, None where nothing is published."""
    for row in _table().tiers:
        if tier == row.tier and provider in row.providers and day >= row.since and row.models.search(model):
            return row.factor
    return None


def has_long_price(provider: str, model: str, day: date) -> bool:
    """Return whether what the catalogue says of long prompts still holds."""
    return not any(
        day >= row.since and provider in row.providers and row.models.search(model) for row in _table().ended
    )


def as_billed(provider: str, usage: Usage) -> Usage:
    """Return the usage with no class below the least that `provider` bills of it, where there is any of it."""
    for usage_class, units in _table().least.get(provider, ()):
        if 0 < getattr(usage, usage_class) < units:
            usage = msgspec.structs.replace(usage, **{usage_class: units})
    return usage


class _Tier(NamedTuple):
    providers: frozenset[str]
    models: re.Pattern[str]
    tier: str
    factor: Decimal
    since: date


class _Ended(NamedTuple):
    """Of models that had a price of long prompts, which the catalogue has for all days."""

    providers: frozenset[str]
    models: re.Pattern[str]
    since: date


class _Table(NamedTuple):
    fees: tuple[Fee, ...]
    tiers: tuple[_Tier, ...]
    ended: tuple[_Ended, ...]
    least: dict[str, tuple[tuple[str, int], ...]]


@cache
def _table() -> _Table:
    table = tomllib.loads(Path(__file__).with_name("fees.toml").read_text(encoding="utf-8"))
    fees = [
        Fee(
            frozenset(row["providers"]),
            re.compile(row["models"]),
            row["class"],
            Rate(exact(Decimal(row["usd"]) * PICO_PER_USD / row["per"])),
            row["from"],
            row.get("alone", False),
            row["source"],
        )
        for row in table["fee"]
    ]
    least: dict[str, tuple[tuple[str, int], ...]] = {}
    for row in table["least"]:
        for provider in row["providers"]:
            least[provider] = (*least.get(provider, ()), (row["class"], row["units"]))
    tiers = [
        _Tier(frozenset(row["providers"]), re.compile(row["models"]), row["tier"], Decimal(row["factor"]), row["from"])
        for row in table["tier"]
    ]
    ended = [
        _Ended(frozenset(row["providers"]), re.compile(row["models"]), row["from"]) for row in table["ended_long_price"]
    ]
    return _Table(tuple(sorted(fees, key=lambda fee: fee.since)), tuple(tiers), tuple(ended), least)
