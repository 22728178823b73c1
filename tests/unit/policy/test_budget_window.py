from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.budget_window import Duration, end_of, parse_duration, window, window_at


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", Duration(30, "s")),
        ("30m", Duration(30, "m")),
        ("24h", Duration(24, "h")),
        ("7d", Duration(7, "d")),
        ("1w", Duration(1, "w")),
        ("30d", Duration(30, "d")),
        ("1mo", Duration(1, "mo")),
        (" 1mo ", Duration(1, "mo")),
        ("36500d", Duration(36500, "d")),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: Duration) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "5x", "d", "5", "1.5h", "-1d", "1 d", "1day", "1hr", "1M", "1d\n1", "٣d", "0d", "0mo", "36601d", "9" * 400],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


WINDOWS = [
    # LiteLLM's special cases: midnight, Monday, first of the month; the anchor does not matter
    ("1d", "2026-11-23 00:31:35", "2026-11-01 15:00", "2026-11-23 00:00:00", "2026-11-24 00:00:00"),
    ("24h", "2026-11-23 23:59:59", "2026-11-01 15:00", "2026-11-23 00:00:00", "2026-11-24 00:00:00"),
    ("1d", "2024-02-29 12:00:00", "2024-02-29 12:00", "2024-02-29 00:00:00", "2024-03-01 00:00:00"),
    ("1d", "2026-12-31 23:00:00", "2026-01-01 00:00", "2026-12-31 00:00:00", "2027-01-01 00:00:00"),
    ("7d", "2026-11-22 23:59:59", "2026-11-19 08:00", "2026-11-16 00:00:00", "2026-11-23 00:00:00"),
    ("7d", "2026-11-23 00:00:00", "2026-11-19 08:00", "2026-11-23 00:00:00", "2026-11-30 00:00:00"),
    ("1w", "2026-12-30 10:00:00", "2026-11-19 08:00", "2026-12-28 00:00:00", "2027-01-04 00:00:00"),
    ("30d", "2026-11-23 00:31:35", "2026-11-23 00:31", "2026-11-01 00:00:00", "2026-12-01 00:00:00"),
    ("1mo", "2026-12-31 23:59:59", "2026-11-23 00:31", "2026-12-01 00:00:00", "2027-01-01 00:00:00"),
    ("1mo", "2024-02-29 23:59:59", "2024-01-31 09:00", "2024-02-01 00:00:00", "2024-03-01 00:00:00"),
    ("30d", "2026-02-28 23:59:59", "2026-01-31 09:00", "2026-02-01 00:00:00", "2026-03-01 00:00:00"),
    ("30d", "2026-03-01 00:00:00", "2026-01-31 09:00", "2026-03-01 00:00:00", "2026-04-01 00:00:00"),
    # multiples of what divides a day, an hour, a minute
    ("1h", "2026-11-23 00:31:35", "2026-11-20 15:20", "2026-11-23 00:00:00", "2026-11-23 01:00:00"),
    ("6h", "2026-11-23 11:59:59", "2026-11-20 15:20", "2026-11-23 06:00:00", "2026-11-23 12:00:00"),
    ("12h", "2026-11-23 12:00:00", "2026-11-20 15:20", "2026-11-23 12:00:00", "2026-11-24 00:00:00"),
    ("30m", "2026-11-23 23:45:00", "2026-11-20 15:20", "2026-11-23 23:30:00", "2026-11-24 00:00:00"),
    ("5m", "2026-11-23 10:04:59", "2026-11-20 15:20", "2026-11-23 10:00:00", "2026-11-23 10:05:00"),
    ("30s", "2026-11-23 10:04:45", "2026-11-20 15:20", "2026-11-23 10:04:30", "2026-11-23 10:05:00"),
    # other days: from the midnight before the budget was set
    ("2d", "2026-11-20 15:20:00", "2026-11-20 15:20", "2026-11-20 00:00:00", "2026-11-22 00:00:00"),
    ("2d", "2026-11-23 10:00:00", "2026-11-20 15:20", "2026-11-22 00:00:00", "2026-11-24 00:00:00"),
    ("2w", "2026-12-04 00:00:00", "2026-11-20 15:20", "2026-12-04 00:00:00", "2026-12-18 00:00:00"),
    ("90d", "2026-03-01 00:00:00", "2026-01-15 15:20", "2026-01-15 00:00:00", "2026-04-15 00:00:00"),
    ("28d", "2024-03-05 00:00:00", "2024-02-05 01:00", "2024-03-04 00:00:00", "2024-04-01 00:00:00"),
    # several months: from the first of the month the budget was set in
    ("3mo", "2026-11-23 00:00:00", "2026-02-15 00:00", "2026-11-01 00:00:00", "2027-02-01 00:00:00"),
    ("12mo", "2028-02-29 00:00:00", "2026-02-28 00:00", "2028-02-01 00:00:00", "2029-02-01 00:00:00"),
    # what does not divide: as long as it says
    ("48h", "2026-11-21 10:00:00", "2026-11-20 15:20", "2026-11-20 00:00:00", "2026-11-22 00:00:00"),
    ("5h", "2026-11-20 22:00:00", "2026-11-20 15:20", "2026-11-20 20:00:00", "2026-11-21 01:00:00"),
    ("90m", "2026-11-20 02:00:00", "2026-11-20 00:20", "2026-11-20 01:30:00", "2026-11-20 03:00:00"),
    # before the anchor: a clock that ran ahead
    ("2d", "2026-11-19 10:00:00", "2026-11-20 15:20", "2026-11-18 00:00:00", "2026-11-20 00:00:00"),
    ("3mo", "2026-01-31 00:00:00", "2026-02-15 00:00", "2025-11-01 00:00:00", "2026-02-01 00:00:00"),
]


@pytest.mark.parametrize(("duration", "now", "anchor", "start", "end"), WINDOWS)
def test_a_window_lies_where_litellm_would_reset_the_budget(
    duration: str, now: str, anchor: str, start: str, end: str
) -> None:
    assert tuple(shown(moment) for moment in window(duration, at(now), at(anchor))) == (start, end)


moments = st.integers(int(at("1990-01-01")), int(at("2090-01-01"))).map(float)
durations = st.builds(
    lambda count, unit: f"{count}{unit}", st.integers(1, 500), st.sampled_from(["s", "m", "h", "d", "w", "mo"])
)


@given(durations, moments, moments)
def test_windows_hold_their_moment_and_follow_each_other_without_a_gap(
    duration: str, now: float, anchor: float
) -> None:
    start, end = window(duration, now, anchor)
    assert start <= now < end
    assert window(duration, end, anchor)[0] == end
    assert window(duration, start, anchor) == (start, end)
    assert window(duration, start - 1, anchor)[1] == start


def test_a_window_of_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="5x"):
        window("5x", 0.0, 0.0)


@pytest.mark.parametrize(
    ("duration", "start", "end"),
    [
        ("1s", "2026-11-23 00:31:38", "2026-11-23 00:31:39"),
        ("30d", "2026-11-23 00:31:35", "2026-12-23 00:31:35"),
        ("1w", "2026-12-28 10:00:00", "2027-01-04 10:00:00"),
        ("1mo", "2026-01-31 10:00:00", "2026-02-28 10:00:00"),
        ("1mo", "2024-01-31 10:00:00", "2024-02-29 10:00:00"),
        ("13mo", "2026-12-15 10:00:00", "2028-01-15 10:00:00"),
    ],
)
def test_a_key_ends_a_duration_after_it_began(duration: str, start: str, end: str) -> None:
    assert shown(end_of(parse_duration(duration), at(start))) == end


@pytest.mark.parametrize(
    ("pattern", "at", "start", "end"),
    [
        ("1d", "2026-11-23T12:00+00:00", "2026-11-23T00:00+00:00", "2026-11-24T00:00+00:00"),
        # where a day begins earlier, and where later
        ("1d Europe/Berlin", "2026-11-23T23:30+00:00", "2026-11-24T00:00+01:00", "2026-11-25T00:00+01:00"),
        ("1d America/New_York", "2026-11-24T04:59+00:00", "2026-11-23T00:00-05:00", "2026-11-24T00:00-05:00"),
        # a day of 23 hours, and one of 25
        ("1d Europe/Berlin", "2026-03-29T12:00+02:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("1d Europe/Berlin", "2026-10-25T12:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("7d Europe/Berlin", "2026-11-25T12:00+01:00", "2026-11-23T00:00+01:00", "2026-11-30T00:00+01:00"),
        ("1mo Europe/Berlin", "2026-10-31T23:30+00:00", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
        ("30d Europe/Berlin", "2026-03-31T23:30+02:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        # hours last as long as they say
        ("1h Asia/Kolkata", "2026-11-23T12:10+05:30", "2026-11-23T12:00+05:30", "2026-11-23T13:00+05:30"),
        # and one that rolls begins when it is asked for
        ("5h rolling", "2026-11-23T12:34:56+00:00", "2026-11-23T12:34:56+00:00", "2026-11-23T17:34:56+00:00"),
        ("1mo rolling", "2026-01-31T12:00+00:00", "2026-01-31T12:00+00:00", "2026-02-28T12:00+00:00"),
    ],
)
def test_a_pattern_says_when_a_window_begins_and_ends(pattern: str, at: str, start: str, end: str) -> None:
    def seconds(text: str) -> float:
        return datetime.fromisoformat(text).timestamp()

    anchor = seconds("2026-02-10T09:30+00:00")
    assert window_at(pattern, seconds(at), anchor) == (seconds(start), seconds(end))


@given(
    st.sampled_from(["1d", "2d", "7d", "1mo", "3h", "30m"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(1_700_000_000, 1_900_000_000),
    st.integers(1_600_000_000, 1_700_000_000),
)
def test_windows_of_any_time_zone_follow_each_other_without_a_gap(
    duration: str, zone: str, at: int, anchor: int
) -> None:
    pattern = f"{duration} {zone}"
    start, end = window_at(pattern, at, anchor)
    assert start <= at < end
    assert window_at(pattern, end, anchor)[0] == end
    assert window_at(pattern, start, anchor) == (start, end)
