"""The sliding window against a list of all that was ever counted."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.policy.limits.sliding import Sliding, day, minute

Counted = list[tuple[int, int, int]]

steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "correct", "ask"]),
        st.integers(0, 9_000),  # ms since the step before
        st.integers(0, 3),
        st.integers(0, 500),
    ),
    max_size=120,
)


def naive(counted: Counted, now: int, length: int) -> tuple[int, int]:
    inside = [(requests, tokens) for at, requests, tokens in counted if now - length < at <= now]
    return sum(requests for requests, _ in inside), sum(tokens for _, tokens in inside)


@given(steps)
def test_never_less_is_counted_than_was_and_never_more_than_a_grain_before(
    history: list[tuple[str, int, int, int]],
) -> None:
    window, counted, now = Sliding(60_000, 100), [], 1_000_000
    for what, after, requests, tokens in history:
        now += after
        if what == "add":
            window.add(now, requests, tokens)
            counted.append((now, requests, tokens))
        elif what == "correct" and counted:
            at, before_requests, before_tokens = counted[len(counted) // 2]
            window.correct(at, -before_requests, tokens)
            counted[len(counted) // 2] = (at, 0, before_tokens + tokens)
        window.drop(now)
        least, most = naive(counted, now, 60_000), naive(counted, now, 60_000 + 99)
        assert least[0] <= window.requests <= most[0]
        assert least[1] <= window.tokens <= most[1]


@given(st.lists(st.integers(100, 40_000), max_size=60))
def test_requests_a_grain_apart_are_counted_to_the_millisecond(gaps: list[int]) -> None:
    window, counted, now = Sliding(60_000, 100), [], 5_000
    for gap in gaps:
        now += gap
        window.add(now, 1, 7)
        counted.append((now, 1, 7))
        for at in (now, now + 59_999, now + 60_000):
            seen = msgspec.json.decode(msgspec.json.encode(window), type=Sliding)
            seen.drop(at)
            assert (seen.requests, seen.tokens) == naive(counted, at, 60_000)


def test_a_minute_later_to_the_millisecond_it_is_gone() -> None:
    window = minute()
    window.add(1_000, 1, 50)
    window.drop(60_999)
    assert (window.requests, window.tokens) == (1, 50)
    window.drop(61_000)
    assert (window.requests, window.tokens) == (0, 0)
    assert window.is_empty


def test_it_says_when_room_comes() -> None:
    window = minute()
    for at, tokens in ((1_000, 10), (2_000, 20), (3_000, 30)):
        window.add(at, 1, tokens)
    assert [window.requests_leave_ms(count) for count in (1, 2, 3)] == [61_000, 62_000, 63_000]
    assert [window.tokens_leave_ms(count) for count in (10, 11, 31, 60)] == [61_000, 62_000, 63_000, 63_000]
    assert window.all_left_ms() == 63_000
    assert minute().all_left_ms() == 0


def test_a_correction_of_what_has_left_changes_nothing() -> None:
    window = minute()
    window.add(1_000, 1, 50)
    window.drop(61_000)
    window.correct(1_000, 0, -20)
    window.add(62_000, 1, 5)
    window.correct(1_000, 0, -20)
    assert (window.requests, window.tokens) == (1, 5)


def test_a_clock_that_goes_back_frees_nothing_too_early() -> None:
    window = minute()
    window.add(50_000, 1, 1)
    window.add(40_000, 1, 1)
    window.drop(100_000)
    assert window.requests == 2
    window.drop(110_000)
    assert window.requests == 0


def test_memory_is_bounded_however_much_comes() -> None:
    window = minute()
    for at in range(0, 400_000, 2):
        window.add(at, 1, 1)
        window.drop(at)
        assert len(window.times) <= 2 * 6_001
    long = day()
    for at in range(0, 3 * 86_400_000, 20_000):
        long.add(at, 1, 1)
        long.drop(at)
    assert len(long.times) <= 2 * 1_441
