"""When an account's window ends: exactly at its end, and not because a request happened to come late."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from services.policy.budgets.account import Account
from services.policy.budgets.entries import Closed, Opened
from services.policy.budgets.loans import Credit
from services.policy.budgets.resets import KEPT_AFTER_MS, due, is_forgettable


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


SET = "2026-11-20 15:20"
NOON = ms("2026-11-23 12:00")
TODAY = Account(window=3, starts_ms=ms("2026-11-23"), ends_ms=ms("2026-11-24"), duration="1d", spent=70, held=20)
IN_USE = replace(TODAY, since_ms=ms("2026-11-23"))
GONE = Account(window=3, starts_ms=ms("2026-11-23"), spent=70, since_ms=NOON)
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
        # a budget that was set long ago and is given, or given back, now: what was spent stays
        (GONE, "1d", SET, "2026-11-25 10:00", (3, "2026-11-23", "2026-11-26", "1d")),
        (IN_USE, "1h", SET, "2026-11-23 10:20", (3, "2026-11-23", "2026-11-23 11:00", "1h")),
        (IN_USE, "1h", SET, "2026-11-24 10:20", (4, "2026-11-24 10:00", "2026-11-24 11:00", "1h")),
        # and one that was set since then and not used yet, as before
        (GONE, "1d", "2026-11-23 12:30", "2026-11-25 10:00", (4, "2026-11-25", "2026-11-26", "1d")),
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
    assert opened is not None
    assert replace(opened, closed=None) == Opened(
        "key", number, ms(starts) if starts else 0, ms(ends) if ends else 0, told, at_ms=ms(now)
    )
    if number == account.window:
        assert opened.closed is None
    else:
        closed = opened.closed
        assert closed is not None
        assert closed == Closed(account.window, account.starts_ms, closed.ends_ms, account.spent, account.held)
        assert account.starts_ms < closed.ends_ms <= opened.starts_ms


def test_an_account_of_whose_spend_something_was_said_is_not_forgotten() -> None:
    """It would be said again to the account that takes its place."""
    over = Account(window=3, ends_ms=NOON, duration="1d")
    assert is_forgettable("end_user:eve", over, None, NOON + KEPT_AFTER_MS)
    assert not is_forgettable("end_user:eve", replace(over, corrected=1), None, NOON + KEPT_AFTER_MS)


def test_what_was_opened_is_not_opened_again() -> None:
    account = Account()
    opened = due("key", account, "1d", ms(SET) / 1000, ms("2026-11-23 10:00"))
    assert opened is not None
    account.window, account.starts_ms, account.ends_ms = opened.window, opened.starts_ms, opened.ends_ms
    account.duration = opened.duration
    assert due("key", account, "1d", ms(SET) / 1000, ms("2026-11-23 10:00")) is None


def test_an_end_user_of_whom_nothing_is_known_begins_a_window_that_was_never_there() -> None:
    now = ms("2026-11-23 10:00")
    opened = due("end_user:eve", Account(), "1d", ms(SET) / 1000, now)
    assert opened == Opened("end_user:eve", now // 1000, ms("2026-11-23"), ms("2026-11-24"), "1d", at_ms=now)
    known = Account(window=3, starts_ms=ms("2026-11-22"), ends_ms=ms("2026-11-23"), duration="1d", spent=5)
    again = due("end_user:eve", known, "1d", ms(SET) / 1000, now)
    assert again is not None
    assert again.window == 4


@pytest.mark.parametrize(
    ("name", "account", "credit", "forgettable"),
    [
        ("end_user:eve", Account(7, 0, NOON, "1d", spent=0), None, True),
        ("end_user~gpt@1h:eve", Account(7, 0, NOON, "1d", spent=0), None, True),
        ("end_user:eve", Account(7, 0, NOON, "1d", spent=5), None, False),
        ("end_user:eve", Account(7, 0, NOON, "1d", held=5), None, False),
        ("end_user:eve", Account(7, 0, NOON + 1, "1d"), None, False),
        ("end_user:eve", Account(1, 0, 0, "", spent=0), None, False),
        ("team:t", Account(7, 0, NOON, "1d", spent=0), None, False),
        # what was borrowed and spent is its home's to count, once home knows of it
        ("end_user:eve", Account(7, 0, NOON, "1d", spent=5), Credit(7, 1, lent=9, told=5), True),
        ("end_user:eve", Account(7, 0, NOON, "1d", spent=5), Credit(7, 1, lent=9, told=4), False),
    ],
)
def test_an_account_is_forgotten_when_nothing_counts_in_it_any_more(
    name: str, account: Account, credit: Credit | None, forgettable: bool
) -> None:
    assert is_forgettable(name, account, credit, NOON + KEPT_AFTER_MS) is forgettable
