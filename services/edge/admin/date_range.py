"""start_date and end_date of the spend routes, as LiteLLM's clients write them."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.errors import InvalidRequest

_YEARS = range(1970, 2200)  # what the database can compare
_DAY = timedelta(days=1)
_DAY_LENGTH = len("2026-11-23")
_MILLISECOND = timedelta(milliseconds=1)


class DateRange(NamedTuple):
    """Milliseconds since 1970; the end is exclusive. None: open."""

    start_ms: int | None
    end_ms: int | None


def date_range(start_date: str | None, end_date: str | None, *, required: bool = False) -> DateRange:
    """Read YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, in UTC unless an offset is given. A day as the end counts whole.

    Raises:
        InvalidRequest: naming the parameter.
    """
    if required and not (start_date and end_date):
        missing = "start_date" if not start_date else "end_date"
        raise InvalidRequest("Please provide start_date and end_date", param=missing, type="bad_request")
    start = _read("start_date", start_date) if start_date else None
    end = _read("end_date", end_date) if end_date else None
    if end is not None:
        end += _DAY if len((end_date or "").strip()) == _DAY_LENGTH else _MILLISECOND
    if start is not None and end is not None and end <= start:
        raise InvalidRequest(
            f"end_date ({end_date}) must not be before start_date ({start_date})", param="end_date", type="bad_request"
        )
    return DateRange(_ms(start), _ms(end))


def last_days(days: int, now: datetime) -> DateRange:
    """Return the range of the last `days` days, today included as far as it has come."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return DateRange(_ms(today - timedelta(days=days)), None)


def _read(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if moment.year not in _YEARS:
            raise ValueError(text)
        return moment
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name} must be a date like 2026-11-23 or 2026-11-23 18:30:00, not {text[:40]!r}",
            param=name,
            type="bad_request",
        ) from None


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
