"""Durations as LiteLLM writes them ("30s", "24h", "7d", "1mo"), and the windows a budget is spent in. Pure.

Where a budget resets follows LiteLLM's `budget_reset_at`: 1d at midnight, 7d and 1w on Monday, 30d and 1mo on the first
of the month, hours, minutes and seconds at their multiples; any other number of days from the midnight before the
budget was set. One difference: hours that do not divide a day, and minutes that do not divide an hour, last as long as
they say, counted from that midnight too (LiteLLM's 48h budget resets every night).

In another time zone, days and months begin when they do there; hours last as long as they say even where a clock is
moved. A rolling window begins with the first request after the one before it.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple, cast
from zoneinfo import ZoneInfo

Unit = Literal["s", "m", "h", "d", "w", "mo"]

_SECONDS: dict[Unit, int] = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DAY = 86_400
_DURATION = re.compile(r"(\d{1,10})(mo|[smhdw])\Z", re.ASCII)
LONGEST_S = 100 * 366 * _DAY


class Duration(NamedTuple):
    number: int
    unit: Unit


def parse_duration(text: str) -> Duration:
    """Return the duration `text` writes.

    Raises:
        ValueError: it writes none, or none at all long, or more than a century.
    """
    match = _DURATION.match(text.strip())
    if match is None:
        raise ValueError(f"not a duration: {text!r}; write a number and one of s, m, h, d, w, mo")
    duration = Duration(int(match[1]), cast("Unit", match[2]))
    if duration.number == 0:
        raise ValueError(f"a duration of nothing: {text!r}")
    if duration.number * _SECONDS.get(duration.unit, 31 * _DAY) > LONGEST_S:
        raise ValueError(f"a duration of more than a century: {text!r}")
    return duration


def end_of(duration: Duration, start: float) -> float:
    """Return when something of that `duration` that begins at `start` ends; seconds since 1970.

    Months go to the same day of a later month, or to its last day where it is shorter.
    """
    if duration.unit != "mo":
        return start + duration.number * _SECONDS[duration.unit]
    begin = datetime.fromtimestamp(start, UTC)
    year, month = _month(begin.year, begin.month, duration.number)
    day = min(begin.day, calendar.monthrange(year, month)[1])
    return begin.replace(year=year, month=month, day=day).timestamp()


def window_at(pattern: str, at: float, anchor: float) -> tuple[float, float]:
    """Return the window of `pattern` that `at` lies in, as `window` does: "1d", "1d Europe/Berlin", "5h rolling"."""
    duration, _, how = pattern.partition(" ")
    if how == "rolling":
        return at, end_of(parse_duration(duration), at)
    return window(duration, at, anchor, _zone(how) if how else UTC)


def window(duration: str, at: float, anchor: float, zone: tzinfo = UTC) -> tuple[float, float]:
    """Return the start and the end of the window that `at` lies in; the end belongs to the next one.

    `anchor` is when the budget was set. All in seconds since 1970.

    Raises:
        ValueError: `duration` writes none.
    """
    count, unit = parse_duration(duration)
    if unit == "w":
        count, unit = count * 7, "d"
    if (count, unit) == (30, "d"):
        count, unit = 1, "mo"
    if unit == "mo":
        return _months(count, at, anchor, zone)
    first = datetime.fromtimestamp(anchor, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if unit != "d":
        start_s, period_s = _instant(first, zone), count * _SECONDS[unit]
        start = start_s + (at - start_s) // period_s * period_s
        return start, start + period_s
    if count == 7:
        first -= timedelta(days=first.weekday())
    period = timedelta(days=count)
    begin = first + (datetime.fromtimestamp(at, zone).replace(tzinfo=None) - first) // period * period
    return _instant(begin, zone), _instant(begin + period, zone)


def _months(count: int, at: float, anchor: float, zone: tzinfo) -> tuple[float, float]:
    """Windows of `count` months, each from a first of the month; the first of them holds the anchor's month."""
    first, now = datetime.fromtimestamp(anchor, zone), datetime.fromtimestamp(at, zone)
    passed = (now.year - first.year) * 12 + now.month - first.month
    begin = passed // count * count
    start, end = (_month(first.year, first.month, months) for months in (begin, begin + count))
    return _instant(datetime(*start, 1), zone), _instant(datetime(*end, 1), zone)  # noqa: DTZ001  of the zone's clock


def _month(year: int, month: int, later: int) -> tuple[int, int]:
    years, index = divmod(month - 1 + later, 12)
    return year + years, index + 1


def _instant(wall: datetime, zone: tzinfo) -> float:
    """Return when a clock in `zone` first shows `wall`, or would where it is moved past it; seconds since 1970."""
    return wall.replace(tzinfo=zone).timestamp()


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
