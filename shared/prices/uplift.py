"""What a provider charges more for keeping the processing in one region."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

GLOBAL = ("", "global")


class Uplift(NamedTuple):
    """One row of uplifts.toml; `geos` empty: any region."""

    providers: frozenset[str]
    models: re.Pattern[str]
    geos: frozenset[str]
    factor: Decimal
    since: date
    source: str


def uplift_of(provider: str, model: str, geo: str, day: date) -> Uplift | None:
    """Return the uplift that holds on `day` for a model whose processing is bound to `geo`, None without one."""
    if geo in GLOBAL:
        return None
    for uplift in uplifts():
        holds = provider in uplift.providers and day >= uplift.since and (not uplift.geos or geo in uplift.geos)
        if holds and uplift.models.search(model):
            return uplift
    return None


@cache
def uplifts() -> tuple[Uplift, ...]:
    """Return the rows of uplifts.toml."""
    table = tomllib.loads(Path(__file__).with_name("uplifts.toml").read_text(encoding="utf-8"))
    return tuple(
        Uplift(
            frozenset(row["providers"]),
            re.compile(row["models"]),
            frozenset() if row["geos"] == ["*"] else frozenset(row["geos"]),
            1 + Decimal(row["percent"]) / 100,
            row["from"],
            row["source"],
        )
        for row in table["uplift"]
    )
