"""Which edition of the catalogue holds: the one that came with the package, or a newer one that was fetched."""

from datetime import UTC
from importlib.metadata import version
from typing import NamedTuple

from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.update_prices import DEFAULT_UPDATE_URL, UpdatePrices

__all__ = ["DEFAULT_UPDATE_URL", "apply", "covered", "edition_of", "fetch", "generation", "load", "problem_of"]

LEAST_SHARE = 0.5
"""Of the models known now, that a new edition must have: less is a broken file, not a price list."""


class _Editions(NamedTuple):
    number: int
    before: DataSnapshot | None


_editions = _Editions(0, None)


def load() -> None:
    """Read the edition that came with the package: 0.15 s that the first priced request would wait for."""
    get_snapshot()


def generation() -> int:
    """Return a number that is another one whenever the catalogue has changed."""
    return _editions.number


def covered() -> tuple[DataSnapshot, ...]:
    """Return the editions whose prices a call that is admitted now may get: processes change over one by one."""
    now, before = get_snapshot(), _editions.before
    return (now,) if before is None else (now, before)


def edition_of(snapshot: DataSnapshot) -> str:
    """Return whose prices these are, and as of when they were fetched."""
    of = f"genai-prices {version('genai-prices')}"
    if not snapshot.from_auto_update:
        return of
    return f"{of} updated {snapshot.timestamp.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def fetch(url: str) -> DataSnapshot | None:
    """Return the edition at `url`; blocks. What it raises is for the library to say: it could not be had, or read."""
    return UpdatePrices(url=url).fetch()


def problem_of(snapshot: DataSnapshot | None, least_share: float = LEAST_SHARE) -> str:
    """Return why an edition is not to be used, "" where it is."""
    if snapshot is None:
        return "it is empty"
    known, new = (sum(len(provider.models) for provider in each.providers) for each in (get_snapshot(), snapshot))
    if new < known * least_share or not new:
        return f"it has {new} models, {known} are known"
    return ""


def apply(snapshot: DataSnapshot) -> None:
    """Use it from now on."""
    global _editions
    _editions = _Editions(_editions.number + 1, get_snapshot())
    set_custom_snapshot(snapshot)
