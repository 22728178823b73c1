"""Which price row holds for a deployment now: the operator's own first, then the catalogue's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from shared.money import PICO_PER_USD
from shared.prices.catalogue import PERIOD, catalogue_row, catalogue_rows, changes_by_the_hour
from shared.prices.row import PriceRow, Rate, exact

OPERATOR_PRICES = {  # LiteLLM's price settings -> our usage classes, USD a unit
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "output_cost_per_reasoning_token": "reasoning",
    "input_cost_per_request": "requests",
}


_PERIOD_S = PERIOD.total_seconds()


class PriceBook:
    """Finds rows and remembers them for the day, or for the quarter of an hour where a provider prices by the hour."""

    def __init__(self) -> None:
        self._day = 0
        self._rows: dict[tuple[str, str], tuple[PriceRow | None, int | None]] = {}  # and the period, where it matters

    def row_for(
        self, deployment: str, provider: str, model: str, *, own: Mapping[str, float], now: float
    ) -> PriceRow | None:
        """Return the row for one deployment, or None where neither the operator nor the catalogue has a price.

        `own` are the operator's price settings of this deployment; `now` is in seconds since 1970.
        """
        day = int(now // 86_400)
        if day != self._day:
            self._day, self._rows = day, {}
        known = self._rows.get((deployment, model))
        if known is not None and (known[1] is None or known[1] == int(now // _PERIOD_S)):
            return known[0]
        row, period = operator_row(deployment, own), None
        if row is None:
            row = catalogue_row(provider, model, _at(now))
            period = int(now // _PERIOD_S) if changes_by_the_hour(provider, model) else None
        self._rows[(deployment, model)] = (row, period)
        return row


def rows_between(
    deployment: str, provider: str, model: str, *, own: Mapping[str, float], start: float, end: float
) -> list[PriceRow]:
    """Return every row that a call between `start` and `end` can be priced by; none where there is no price."""
    row = operator_row(deployment, own)
    return [row] if row is not None else catalogue_rows(provider, model, _at(start), _at(end))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def operator_row(deployment: str, own: Mapping[str, float]) -> PriceRow | None:
    """Return the row made of the operator's settings, if any price is among them."""
    rates = {
        usage_class: Rate(exact(Decimal(repr(own[setting])) * PICO_PER_USD))
        for setting, usage_class in OPERATOR_PRICES.items()
        if own.get(setting) is not None
    }
    return PriceRow(f"config/{deployment}", "config.yaml", rates) if rates else None
