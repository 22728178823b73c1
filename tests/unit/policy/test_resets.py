"""When an account's window ends: exactly at its end, and not because a request happened to come late."""

from datetime import UTC, datetime

import pytest

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Opened
from services.policy.budgets.resets import due


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


SET = "2026-11-20 15:20"
TODAY = Account(window=3, starts_ms=ms("2026-11-23"), ends_ms=ms("2026-11-24"), duration="1d", spent=70, held=20)
ENDLESS = Account(window=3, starts_ms=ms("2026-11-23"), spent=70)


@pytest.mark.parametrize(
    ("account", "duration", "anchor", "now", "expected"),
    [
        # an account without a window, and a key without a duration
        (Account(), None, SET, "2026-11-23 10:00", None),
        (ENDLESS, None, SET, "2026-11-23 10:00", None),
        (Account(), "", SET, "2026-11-23 10:00", None),
        # the present one lasts to its last millisecond
        (TODAY, "1d", SET, "2026-11-23 10:00", None),
        (TODAY, "1d", SET, "2026-11-23 23:59:59.999", None),
        # and the next one begins with it
        (TODAY, "1d", SET, "2026-11-24 00:00", (4, "2026-11-24", "2026-11-25", "1d")),
        (TODAY, "1d", SET, "2026-12-24 10:00", (4, "2026-12-24", "2026-12-25", "1d")),
        # a clock that is behind opens nothing
        (TODAY, "1d", SET, "2026-11-22 23:00", None),
        # the first use of a key
        (Account(), "1d", "2026-11-23 09:00", "2026-11-23 10:00", (1, None, "2026-11-24", "1d")),
        (Account(), "1d", SET, "2026-11-23 10:00", (2, "2026-11-23", "2026-11-24", "1d")),
        # a duration that is set later: what was spent stays, up to the end of a window of that duration
        (ENDLESS, "1d", "2026-11-23 09:00", "2026-11-23 10:00", (3, "2026-11-23", "2026-11-24", "1d")),
        (ENDLESS, "1d", "2026-11-23 09:00", "2026-11-25 10:00", (4, "2026-11-25", "2026-11-26", "1d")),
        # another duration while the window runs: its end moves, nearer or further
        (TODAY, "1h", "2026-11-23 09:30", "2026-11-23 09:40", (3, "2026-11-23", "2026-11-23 10:00", "1h")),
        (TODAY, "1h", "2026-11-23 09:30", "2026-11-23 10:00", (4, "2026-11-23 10:00", "2026-11-23 11:00", "1h")),
        (TODAY, "30d", "2026-11-23 09:30", "2026-11-23 10:00", (3, "2026-11-23", "2026-12-01", "30d")),
        (TODAY, "30d", "2026-11-23 09:30", "2026-11-27 10:00", (3, "2026-11-23", "2026-12-01", "30d")),
        (TODAY, "30d", "2026-11-23 09:30", "2026-12-01 00:00", (4, "2026-12-01", "2027-01-01", "30d")),
        # another duration after the window has ended: the next one begins there, not before
        (TODAY, "30d", "2026-11-24 09:30", "2026-11-24 10:00", (4, "2026-11-24", "2026-12-01", "30d")),
        (TODAY, "30d", "2026-11-24 00:00", "2026-11-24 10:00", (4, "2026-11-24", "2026-12-01", "30d")),
        # no duration any more: what was spent stays
        (TODAY, None, SET, "2026-11-23 10:00", (3, "2026-11-23", None, "")),
        (TODAY, None, SET, "2026-12-23 10:00", (3, "2026-11-23", None, "")),
        # a window that rolls begins with the first request after the one before it
        (Account(), "1h rolling", "2026-11-23 09:30", "2026-11-23 10:00", (1, None, "2026-11-23 10:30", "1h rolling")),
        (
            Account(3, ms("2026-11-23 08:00"), ms("2026-11-23 09:00"), "1h rolling"),
            *("1h rolling", SET, "2026-11-23 10:17", (4, "2026-11-23 10:17", "2026-11-23 11:17", "1h rolling")),
        ),
        # days of another time zone
        (
            TODAY,
            "1d Europe/Berlin",
            "2026-11-23 09:30",
            "2026-11-23 10:00",
            (3, "2026-11-23", "2026-11-23 23:00", "1d Europe/Berlin"),
        ),
        (
            TODAY,
            "1d Europe/Berlin",
            "2026-11-23 09:30",
            "2026-11-23 23:00",
            (4, "2026-11-23 23:00", "2026-11-24 23:00", "1d Europe/Berlin"),
        ),
        # a pattern of which nobody knows when it was set: what is spent in the present window stays
        (TODAY, "30d", "1970-01-01", "2026-11-23 10:00", (3, "2026-11-23", "2026-12-01", "30d")),
        (TODAY, "30d", "1970-01-01", "2026-11-24 10:00", (4, "2026-11-24", "2026-12-01", "30d")),
        (Account(), "10d", "1970-01-01", "2026-11-24 10:00", (1, None, "2026-12-03", "10d")),
        # a clock that was ahead when the duration was set
        (ENDLESS, "1h", "2026-11-23 11:30", "2026-11-23 10:15", (3, "2026-11-23", "2026-11-23 11:00", "1h")),
    ],
)
def test_a_window_is_opened_when_its_time_has_come(
    account: Account,
    duration: str | None,
    anchor: str,
    now: str,
    expected: tuple[int, str | None, str | None, str] | None,
) -> None:
    opened = due("key", account, duration, ms(anchor) / 1000, ms(now))
    if expected is None:
        assert opened is None
        return
    number, starts, ends, told = expected
    assert opened == Opened("key", number, ms(starts) if starts else 0, ms(ends) if ends else 0, told)


def test_what_was_opened_is_not_opened_again() -> None:
    account = Account()
    opened = due("key", account, "1d", ms(SET) / 1000, ms("2026-11-23 10:00"))
    assert opened is not None
    account.window, account.starts_ms, account.ends_ms = opened.window, opened.starts_ms, opened.ends_ms
    account.duration = opened.duration
    assert due("key", account, "1d", ms(SET) / 1000, ms("2026-11-23 10:00")) is None
