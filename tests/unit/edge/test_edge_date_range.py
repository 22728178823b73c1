"""Dates of the spend routes: whole days, moments, offsets, and what is none of them."""

from datetime import UTC, datetime

import pytest

from services.edge.admin.date_range import DateRange, date_range, last_days
from shared.errors import InvalidRequest


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_day_as_the_end_counts_whole() -> None:
    assert date_range("2026-11-22", "2026-11-23") == DateRange(ms("2026-11-22"), ms("2026-11-24"))


def test_one_day_can_be_start_and_end() -> None:
    assert date_range("2026-11-23", "2026-11-23") == DateRange(ms("2026-11-23"), ms("2026-11-24"))


def test_a_moment_as_the_end_counts_itself() -> None:
    assert date_range(None, "2026-11-23 18:30:00") == DateRange(None, ms("2026-11-23T18:30:00") + 1)


def test_an_offset_is_heeded() -> None:
    assert date_range("2026-11-23T01:00:00+02:00", None) == DateRange(ms("2026-11-22T23:00:00"), None)


def test_open_ends_stay_open() -> None:
    assert date_range(None, None) == DateRange(None, None)
    assert date_range("", "") == DateRange(None, None)


@pytest.mark.parametrize(
    ("start", "end", "param"),
    [
        ("soon", None, "start_date"),
        (None, "2026-02-30", "end_date"),
        ("2026-11-24", "2026-11-23", "end_date"),
        ("2026-11-23 12:00:00", "2026-11-23 11:00:00", "end_date"),
        (None, "9999-12-31", "end_date"),
    ],
)
def test_the_wrong_parameter_is_named(start: str | None, end: str | None, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        date_range(start, end)
    assert refused.value.param == param


@pytest.mark.parametrize(("start", "end", "param"), [(None, None, "start_date"), ("2026-11-23", None, "end_date")])
def test_a_missing_date_is_named_where_both_are_needed(start: str | None, end: str | None, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        date_range(start, end, required=True)
    assert refused.value.param == param


def test_the_last_days_begin_at_midnight() -> None:
    now = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert last_days(30, now) == DateRange(ms("2026-10-24"), None)
