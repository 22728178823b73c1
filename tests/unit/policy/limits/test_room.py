"""Room in limits: what is reserved, corrected, given back and freed, against a list of all requests."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.policy.limits.counters import (
    Counter,
    Counters,
    Reservation,
    Sweeper,
    give_back,
    reserve,
    settle,
    stop,
    used_tokens,
)
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over, over_limit
from services.policy.limits.sliding import minute

NOW = 1_000_000


def limit(account: str = "key", **maxima: int) -> Limit:
    return Limit(account, 0, "api_key", account, **maxima)


def admitted(
    counters: Counters, limits: list[Limit], tokens: int = 10, now: int = NOW, daily: tuple[str, ...] = ()
) -> Reservation | Over:
    over = over_limit(counters, limits, Need(tokens), now)
    if over is not None:
        return over
    reservation = Reservation(now, tokens, tuple(one.account for one in limits), daily)
    reserve(counters, reservation)
    return reservation


def taken(counters: Counters, limits: list[Limit], tokens: int = 10, now: int = NOW) -> Reservation:
    reservation = admitted(counters, limits, tokens, now)
    assert isinstance(reservation, Reservation)
    return reservation


def refused(counters: Counters, limits: list[Limit], tokens: int = 10, now: int = NOW) -> Over:
    over = over_limit(counters, limits, Need(tokens), now)
    assert over is not None
    return over


def test_as_many_requests_as_the_limit_says_and_the_next_a_minute_after_the_first() -> None:
    counters: Counters = {}
    for second in range(3):
        taken(counters, [limit(rpm=3)], now=NOW + second * 1_000)
    over = refused(counters, [limit(rpm=3)], now=NOW + 5_000)
    assert (over.type, over.maximum, over.remaining, over.frees_ms) == ("requests", 3, 0, NOW + 60_000)
    assert not over.by_ends
    assert refused(counters, [limit(rpm=3)], now=NOW + 59_999).frees_ms == NOW + 60_000
    taken(counters, [limit(rpm=3)], now=NOW + 60_000)
    assert refused(counters, [limit(rpm=3)], now=NOW + 60_000).frees_ms == NOW + 61_000


def test_reserved_tokens_make_room_for_what_was_not_used() -> None:
    counters: Counters = {}
    first = taken(counters, [limit(tpm=100)], 80)
    over = refused(counters, [limit(tpm=100)], 30)
    assert (over.type, over.remaining, over.frees_ms, over.by_ends) == ("tokens", 20, NOW + 60_000, True)
    settle(counters, first, 70)
    taken(counters, [limit(tpm=100)], 30)
    over = refused(counters, [limit(tpm=100)], 31)
    assert (over.remaining, over.by_ends) == (0, False)


def test_tokens_beyond_the_reservation_are_counted_too() -> None:
    counters: Counters = {}
    settle(counters, taken(counters, [limit(tpm=100)], 10), 150)
    over = refused(counters, [limit(tpm=100)], 1, NOW + 1)
    assert (over.remaining, over.frees_ms) == (0, NOW + 60_000)


def test_a_slot_is_free_again_however_its_request_ends() -> None:
    counters: Counters = {}
    for end in (
        lambda one: settle(counters, one, 5),
        lambda one: give_back(counters, one),
        lambda one: stop(counters, one),
    ):
        one = taken(counters, [limit(parallel=1)])
        over = refused(counters, [limit(parallel=1)])
        assert (over.type, over.by_ends, over.frees_ms) == ("max_parallel_requests", True, NOW + 1_000)
        end(one)
        end(msgspec.structs.replace(one, running=False))
        assert counters["key"].running == counters["key"].reserved == 0


def test_what_was_never_sent_gives_its_quota_back() -> None:
    counters: Counters = {}
    give_back(counters, taken(counters, [limit(rpm=1, tpm=10, parallel=1)]))
    taken(counters, [limit(rpm=1, tpm=10, parallel=1)])


def test_a_refusal_takes_nothing_from_the_other_limits() -> None:
    counters: Counters = {}
    taken(counters, [limit("team", rpm=1)])
    before = msgspec.json.encode(counters)
    assert refused(counters, [limit(rpm=5), limit("team", rpm=1)]).limit.account == "team"
    assert msgspec.json.encode(counters) == before


def test_of_several_limits_the_one_that_has_room_last_is_told() -> None:
    counters: Counters = {}
    taken(counters, [limit(rpm=1)])
    taken(counters, [limit("team", rpm=1)], now=NOW + 2_000)
    every = [limit(rpm=1), limit("team", rpm=1), limit("user", parallel=5)]
    assert refused(counters, every, now=NOW + 3_000).limit.account == "team"
    assert refused(counters, [*every, limit("tag", tpm=5)], now=NOW + 3_000).limit.account == "tag"


def test_a_limit_of_nothing_blocks_everything_for_ever() -> None:
    for nothing in (limit(rpm=0), limit(tpm=0), limit(tpd=0), limit(parallel=0)):
        for tokens in (0, 10):
            over = refused({}, [nothing], tokens)
            assert (over.frees_ms, over.by_ends, over.maximum) == (None, False, 0)


def test_a_request_of_more_than_the_limit_never_fits() -> None:
    assert refused({}, [limit(tpm=100)], 101).frees_ms is None
    assert refused({}, [limit(tpd=100)], 101).frees_ms is None


def test_tokens_of_a_day_count_for_a_day_and_a_minute_at_most() -> None:
    counters: Counters = {}
    one = admitted(counters, [limit(tpd=10)], daily=("key",))
    assert isinstance(one, Reservation)
    day_ms = 86_400_000
    over = refused(counters, [limit(tpd=10)], 1, NOW + day_ms - 1)
    assert (over.daily, over.frees_ms) == (True, NOW + day_ms)
    taken(counters, [limit(tpd=10)], 1, NOW + day_ms)


def test_which_tokens_count_is_a_setting() -> None:
    assert [used_tokens(counts, 7, 5) for counts in ("total", "input", "output")] == [12, 7, 5]


def test_counters_in_which_nothing_counts_are_forgotten() -> None:
    counters: Counters = {f"key{number}": Counter(minute()) for number in range(10)}
    taken(counters, [limit("busy", parallel=2)])
    sweeper = Sweeper()
    for _ in range(5):
        sweeper.sweep(counters, NOW + 60_000, 4)
    assert list(counters) == ["busy"]


histories = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "end", "release", "expire"]), st.integers(0, 4_000), st.integers(1, 60)
    ),
    max_size=150,
)


@given(histories, st.integers(1, 12), st.integers(1, 300), st.integers(1, 4))
def test_never_too_many_and_none_refused_that_fits(
    history: list[tuple[str, int, int]], rpm: int, tpm: int, parallel: int
) -> None:
    """Against a naive list: [admitted at, tokens, in flight, the reservation]. Gaps of a grain keep it exact."""
    counters: Counters = {}
    limits = [limit("key", rpm=rpm, tpm=tpm), limit("team", rpm=rpm + 2, parallel=parallel)]
    known: list[list[object]] = []
    now = NOW
    for what, gap, number in history:
        now += 10 * (1 + gap // 10)
        inside = [one for one in known if now - 60_000 < int(str(one[0]))]
        running = [one for one in known if one[2]]
        if what == "ask":
            fits = (
                len(inside) < rpm
                and sum(int(str(one[1])) for one in inside) + number <= tpm
                and len(running) < parallel
            )
            outcome = admitted(counters, limits, number, now)
            assert isinstance(outcome, Reservation) == fits
            if isinstance(outcome, Reservation):
                known.append([now, number, True, outcome])
        elif running:
            one = running[number % len(running)]
            reservation = one[3]
            assert isinstance(reservation, Reservation)
            one[2] = False
            if what == "end":
                settle(counters, reservation, number)
                one[1] = number
            elif what == "release":
                give_back(counters, reservation)
                known.remove(one)
            else:
                stop(counters, reservation)
        counters = msgspec.json.decode(msgspec.json.encode(counters), type=Counters) if number % 7 == 0 else counters


@given(histories)
def test_it_says_to_the_millisecond_when_there_is_room_again(history: list[tuple[str, int, int]]) -> None:
    counters: Counters = {}
    limits = [limit(rpm=5, tpm=100)]
    now = NOW
    for _, gap, tokens in history:
        now += 10 * (1 + gap // 10)
        over = over_limit(counters, limits, Need(tokens), now)
        if over is None:
            reserve(counters, Reservation(now, tokens, ("key",)))
            continue
        assert over.frees_ms is not None
        copy = msgspec.json.decode(msgspec.json.encode(counters), type=Counters)
        assert over_limit(copy, limits, Need(tokens), over.frees_ms - 1) is not None
        assert over_limit(copy, limits, Need(tokens), over.frees_ms) is None


def test_a_response_of_a_session_takes_tokens_and_neither_a_request_nor_a_slot() -> None:
    counters: Counters = {}
    limits = [limit(rpm=1, parallel=1, tpm=100)]
    taken(counters, limits, tokens=0)
    refused(counters, limits, tokens=0)
    need = Need(60, requests=0)
    assert over_limit(counters, limits, need, NOW) is None
    response = Reservation(NOW, 60, ("key",), requests=0)
    reserve(counters, response)
    assert (counters["key"].minute.requests, counters["key"].running) == (1, 1)
    over = over_limit(counters, limits, need, NOW)
    assert over is not None
    assert over.type == "tokens"
    settle(counters, response, 5)
    assert (counters["key"].minute.requests, counters["key"].minute.tokens, counters["key"].running) == (1, 5, 1)
    unsent = Reservation(NOW, 60, ("key",), requests=0)
    reserve(counters, unsent)
    give_back(counters, unsent)
    assert (counters["key"].minute.requests, counters["key"].minute.tokens, counters["key"].running) == (1, 5, 1)
