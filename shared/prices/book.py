"""Which price row holds for a call now: the operator's own first, then the catalogue's, with the region's uplift."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from shared.prices.catalogue import PERIOD, catalogue_row, catalogue_rows, changes_by_the_hour
from shared.prices.operator import operator_row
from shared.prices.row import PriceRow, multiplied
from shared.prices.snapshots import generation
from shared.prices.terms import Terms, charged_row
from shared.prices.uplift import uplift_of

_PERIOD_S = PERIOD.total_seconds()

ROWS_KEPT = 10_000


class PriceBook:
    """Finds rows and remembers them for the day, or for the quarter of an hour where a provider prices by the hour."""

    def __init__(self) -> None:
        self._day = 0
        self._generation = generation()
        # And the period, where it matters.
        self._rows: dict[tuple[str, str, str, str], tuple[PriceRow | None, int | None]] = {}

    def row_for(
        self,
        deployment: str,
        provider: str,
        model: str,
        *,
        own: Mapping[str, float],
        now: float,
        tier: str = "",
        geo: str = "",
    ) -> PriceRow | None:
        """Return the row for one deployment, or None where neither the operator nor the catalogue has a price.

        `own` are the operator's price settings of this deployment; `now` is in seconds since 1970; `tier` and `geo` are
        how the call was served (shared.usage.Usage).
        """
        day = int(now // 86_400)
        if day != self._day or generation() != self._generation:
            self._day, self._generation, self._rows = day, generation(), {}
        asked = (deployment, model, tier, geo)
        known = self._rows.get(asked)
        if known is not None and (known[1] is None or known[1] == int(now // _PERIOD_S)):
            return known[0]
        row, period = operator_row(deployment, own, tier=tier, geo=geo), None
        if row is not None:
            row = row._replace(id=f"{row.id}@{_at(now):%Y-%m-%d}")
        else:
            row = _with_uplift(catalogue_row(provider, model, _at(now), tier), provider, model, geo, _at(now))
            period = int(now // _PERIOD_S) if changes_by_the_hour(provider, model) else None
        if len(self._rows) >= ROWS_KEPT:
            self._rows = {}  # a wildcard serves any number of models, which clients choose
        self._rows[asked] = (row, period)
        return row


def rows_between(
    deployment: str,
    provider: str,
    model: str,
    *,
    own: Mapping[str, float],
    start: float,
    end: float,
    tiers: Iterable[str] = ("",),
    geos: Iterable[str] = ("",),
    terms: Terms | None = None,
) -> list[PriceRow]:
    """Return every row that a call between `start` and `end` can be priced by; none where there is no price.

    `tiers` and `geos` are all that the call may be served on. With `terms` the rows are for ceilings alone.
    """
    found: list[PriceRow] = []
    for tier in tiers:
        for geo in geos:
            row = operator_row(deployment, own, tier=tier, geo=geo)
            if row is not None:
                found.append(row)
                continue
            rows = catalogue_rows(provider, model, _at(start), _at(end), tier)
            # Of the last day: an uplift, once it holds, goes on.
            raised = [_with_uplift(row, provider, model, geo, _at(end)) for row in rows]
            found += [row for row in (*rows, *raised) if row is not None]
    unique = {(row.id, row.source): row for row in found}.values()
    return list(unique) if terms is None else [charged_row(row, terms) for row in unique]


def _with_uplift(row: PriceRow | None, provider: str, model: str, geo: str, at: datetime) -> PriceRow | None:
    uplift = uplift_of(provider, model, geo, at.date()) if row is not None else None
    return row if row is None or uplift is None else multiplied(row, uplift.factor, geo)


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
