"""Durations as LiteLLM writes them ("30s", "24h", "7d", "1mo"), and the windows a budget is spent in. Pure; all in UTC.

Where a budget resets follows LiteLLM's `budget_reset_at`: 1d at midnight, 7d and 1w on Monday, 30d and 1mo on the first
of the month, hours, minutes and seconds at their multiples; any other number of days from the midnight before the
budget was set. One difference: hours that do not divide a day, and minutes that do not divide an hour, last as long as
they say, counted from that midnight too (LiteLLM's 48h budget resets every night).
"""

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, cast

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


def window(duration: str, at: float, anchor: float) -> tuple[float, float]:
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
        return _months(count, at, anchor)
    period = timedelta(seconds=count * _SECONDS[unit])
    first = _midnight(anchor)
    if (count, unit) == (7, "d"):
        first -= timedelta(days=first.weekday())
    start = first + (datetime.fromtimestamp(at, UTC) - first) // period * period
    return start.timestamp(), (start + period).timestamp()


def _months(count: int, at: float, anchor: float) -> tuple[float, float]:
    """Windows of `count` months, each from a first of the month; the first of them holds the anchor's month."""
    first, now = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(at, UTC)
    passed = (now.year - first.year) * 12 + now.month - first.month
    begin = passed // count * count
    start, end = (_month(first.year, first.month, months) for months in (begin, begin + count))
    return datetime(*start, 1, tzinfo=UTC).timestamp(), datetime(*end, 1, tzinfo=UTC).timestamp()


def _month(year: int, month: int, later: int) -> tuple[int, int]:
    years, index = divmod(month - 1 + later, 12)
    return year + years, index + 1


def _midnight(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
