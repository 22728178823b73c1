"""Prices that change by the hour: everybody uses the one of the moment, and a ceiling knows them all."""

from datetime import UTC, datetime, time

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TimeOfDateConstraint

from shared.prices import PriceBook, rows_between
from shared.prices.catalogue import PERIOD, catalogue_row, catalogue_rows, changes_by_the_hour

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
HOURLY = [
    (provider.id, model.id)
    for provider in get_snapshot().providers
    for model in provider.models
    if isinstance(model.prices, list)
    and any(isinstance(price.constraint, TimeOfDateConstraint) for price in model.prices)
]


def test_there_are_such_prices() -> None:
    assert ("deepseek", "deepseek-chat") in HOURLY


@pytest.mark.parametrize(("provider", "model"), HOURLY)
def test_they_change_at_whole_periods(provider: str, model: str) -> None:
    info = next(one for one in get_snapshot().providers if one.id == provider).find_model(model)
    assert info is not None
    assert isinstance(info.prices, list)
    for price in info.prices:
        if isinstance(price.constraint, TimeOfDateConstraint):
            for moment in (price.constraint.start_time, price.constraint.end_time):
                assert _seconds(moment) % PERIOD.total_seconds() == 0


def _seconds(moment: time) -> int:
    return moment.hour * 3_600 + moment.minute * 60 + moment.second


def test_a_row_says_which_hours_it_is_for() -> None:
    early = catalogue_row("deepseek", "deepseek-chat", MIDNIGHT)
    late = catalogue_row("deepseek", "deepseek-chat", MIDNIGHT.replace(hour=12))
    assert early is not None
    assert late is not None
    assert early.rates != late.rates
    assert early.id != late.id
    assert {row.id for row in catalogue_rows("deepseek", "deepseek-chat", MIDNIGHT, MIDNIGHT.replace(hour=20))} == {
        early.id,
        late.id,
    }


def test_a_book_that_was_opened_in_cheap_hours_knows_when_they_are_over() -> None:
    book = PriceBook()
    for hour in (0, 12, 0, 23):
        now = MIDNIGHT.replace(hour=hour)
        row = book.row_for("d", "deepseek", "deepseek-chat", own={}, now=now.timestamp())
        assert row == catalogue_row("deepseek", "deepseek-chat", now)


def test_two_books_agree_at_every_time_of_the_day() -> None:
    opened_early, start = PriceBook(), MIDNIGHT.timestamp()
    for quarter in range(96):
        now = start + quarter * 900 + 1
        fresh = PriceBook().row_for("d", "deepseek", "deepseek-reasoner", own={}, now=now)
        assert opened_early.row_for("d", "deepseek", "deepseek-reasoner", own={}, now=now) == fresh


@pytest.mark.parametrize(
    ("day", "hour", "is_dear"),
    [(20, 2, True), (20, 12, False), (21, 2, False), (22, 9, False), (23, 2, True), (23, 4, False)],
)
def test_deepseeks_peak_hours_are_those_of_weekdays(day: int, hour: int, is_dear: bool) -> None:
    now = MIDNIGHT.replace(day=day, hour=hour, minute=30)
    row = PriceBook().row_for("d", "deepseek", "deepseek-v4-pro", own={}, now=now.timestamp())
    assert row == catalogue_row("deepseek", "deepseek-v4-pro", now)
    assert row is not None
    assert row.rates["output"].base == (3_960_000 if is_dear else 1_980_000)


def test_a_weekend_has_one_price() -> None:
    saturday = MIDNIGHT.replace(day=21)
    rows = catalogue_rows("deepseek", "deepseek-v4-pro", saturday, saturday.replace(hour=20))
    assert {row.rates["output"].base for row in rows} == {1_980_000}


def test_a_price_that_does_not_change_is_one_row() -> None:
    assert not changes_by_the_hour("openai", "gpt-4o")
    start = MIDNIGHT.timestamp()
    assert len(rows_between("d", "openai", "gpt-4o", own={}, start=start, end=start + 3_600)) == 1
    assert rows_between("d", "simulated", "echo", own={}, start=start, end=start + 3_600) == []


def test_a_price_that_changes_at_midnight_is_two_rows() -> None:
    start = MIDNIGHT.timestamp()
    rows = rows_between("d", "openai", "gpt-4o", own={}, start=start - 60, end=start + 60)
    assert [row.id[-10:] for row in rows] == ["2026-11-22", "2026-11-23"]


def test_the_operators_price_is_the_only_one() -> None:
    start = MIDNIGHT.timestamp()
    [row] = rows_between(
        "d", "deepseek", "deepseek-chat", own={"input_cost_per_token": 1e-6}, start=start, end=start + 86_400
    )
    assert row.source == "config.yaml"
