"""What a request needs of limits that count tokens: all it can use, but not others' room."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.admission import Ask, Placed
from services.policy.limits.counters import Counters, Reservation, reserve, settle
from services.policy.limits.need import FAIR_TOKENS, Need, answer_within, least_answer, need_of, shortened
from services.policy.limits.room import (
    Limit,
    gains_by_counting,
    longest_answer,
    may_fit_in,
    over_limit,
    seems_more_than_all,
)
from shared.calls import Admit

NOW = 1_000_000
LEAST = 1_024


def admit(**fields: Any) -> Admit:
    values: dict[str, Any] = dict.fromkeys(Admit.__struct_fields__)
    return Admit(**{**values, "call_type": "acompletion", **fields})


def limit(**maxima: Any) -> Limit:
    return Limit("key", 0, "api_key", "key", **maxima)


def unnamed(input_tokens: int = 100, output: int = 16_384, **fields: Any) -> Need:
    return Need(input_tokens, output, **{"least": min(LEAST, output), **fields})


def granted(limit: Limit, need: Need, count: int) -> list[int]:
    """The answers of as many requests at a time as there is room for."""
    counters: Counters = {}
    answers = []
    while len(answers) < count and over_limit(counters, [limit], need, NOW) is None:
        answers.append(longest_answer(counters, [limit], need))
        reserve(counters, Reservation(NOW, need.with_answers_of(answers[-1]), ("key",), ("key",)))
    return answers


def test_it_needs_what_it_is_bound_by() -> None:
    ask = Ask(0, 0, 500, 2, False, 70)
    assert need_of(admit(max_tokens=500), ask, "total", LEAST) == Need(70, 500, 2, 500, True, False, False)
    assert need_of(admit(), Ask(0, 0, 4_096, 1, True, 70), "total", LEAST) == Need(70, 4_096, 1, LEAST)
    assert need_of(admit(max_tokens=500), ask, "output", LEAST).input == 0
    assert need_of(admit(max_tokens=500), ask, "input", LEAST) == Need(70)
    assert need_of(admit(call_type="aembedding"), Ask(0, 0, 1, 1, True, 70), "total", LEAST) == Need(70)
    assert need_of(admit(), Ask(0, 0, 9_000, 1, True, 70, True), "total", LEAST).fixed


def test_what_a_client_names_is_reserved_whole_or_refused() -> None:
    need = Need(100, 900, 1, 900, named=True)
    assert granted(limit(tpm=2_500), need, 9) == [900, 900]
    over = over_limit({}, [limit(tpm=999)], need, NOW)
    assert over is None, "more than the whole limit says as little as no maximum"
    assert granted(limit(tpm=999), need, 1) == [449]


def test_without_a_maximum_many_fit_at_a_time_and_none_keeps_the_others_out() -> None:
    assert granted(limit(tpm=10_000), unnamed(), 99) == [FAIR_TOKENS, 2_852, 1_376, LEAST]
    at_a_time = granted(limit(tpm=100_000), unnamed(), 99)
    assert len(at_a_time) > 15
    assert at_a_time[0] == (100_000 - 100) // 8
    assert min(at_a_time) >= LEAST
    assert granted(limit(tpm=1_000_000), unnamed(), 50)[-1] == 16_384, "the model's own maximum"


def test_a_small_limit_serves_short_answers_instead_of_none() -> None:
    assert granted(limit(tpm=1_000), unnamed(), 9) == [450, 250]
    assert granted(limit(tpm=200, tpd=1_000), unnamed(20), 9) == [90, 50]


def test_an_answer_that_cannot_be_shortened_needs_room_for_all_of_it() -> None:
    need = unnamed(fixed=True)
    assert least_answer(need, 1_000) == answer_within(need, 20_000, 17_000) == 16_384
    assert need.shortened(5) is need
    over = over_limit({}, [limit(tpm=16_000)], need, NOW)
    assert over is not None
    assert over.frees_ms is None


def test_a_maximum_is_sent_where_the_model_itself_would_go_on() -> None:
    need = unnamed(output=2_000)
    assert shortened(Placed(5, None), need, 2_000) == Placed(5, None)
    assert shortened(Placed(5, None), need, 1_500) == Placed(5, 1_500)
    assert shortened(Placed(5, 300), need, 1_500) == Placed(5, 300)
    assert shortened(Placed(5, None), need._replace(capped=False), 2_000) == Placed(5, 2_000)
    assert shortened(Placed(0, None), Need(70), 0) == Placed(0, None)


def test_a_need_that_a_budget_shortens_is_what_has_to_fit() -> None:
    need = Need(100, 900, 1, 900, named=True)
    assert over_limit({}, [limit(tpm=1_000)], need, NOW) is None
    counters: Counters = {}
    reserve(counters, Reservation(NOW, 500, ("key",)))
    assert over_limit(counters, [limit(tpm=1_000)], need, NOW) is not None
    assert over_limit(counters, [limit(tpm=1_000)], need.shortened(400), NOW) is None
    assert need.shortened(900) is need


def test_tokens_are_counted_where_the_bytes_take_a_good_part_of_what_is_free() -> None:
    counters: Counters = {}
    assert not gains_by_counting(counters, [limit(tpm=1_000)], Need(125))
    assert gains_by_counting(counters, [limit(tpm=1_000)], Need(126))
    assert gains_by_counting(counters, [limit(tpd=1_000)], Need(126))
    reserve(counters, Reservation(NOW, 900, ("key",), ("key",)))
    assert gains_by_counting(counters, [limit(tpm=1_000)], Need(13))
    assert gains_by_counting(counters, [limit(tpd=1_000)], Need(13))
    assert not gains_by_counting(counters, [limit(rpm=1, parallel=1)], Need(10**9))


def test_bytes_that_look_like_more_than_the_whole_limit_are_counted_first() -> None:
    need, small = Need(472, 360, named=True), Need(20, 360, named=True)
    assert seems_more_than_all([limit(tpm=10_000, tpd=400)], need, small)
    assert not seems_more_than_all([limit(tpm=10_000)], need, small)
    assert not seems_more_than_all([limit(tpd=300)], need, small)


def test_what_is_left_may_be_enough_for_the_counted_text() -> None:
    counters: Counters = {}
    reserve(counters, Reservation(NOW, 900, ("key",)))
    over = over_limit(counters, [limit(tpm=1_000)], Need(150, 50, 1, 50, named=True), NOW)
    assert over is not None
    assert may_fit_in(over, Need(50, 50, 1, 50, named=True))
    assert not may_fit_in(over, Need(51, 50, 1, 50, named=True))


needs = st.builds(
    Need,
    input=st.integers(0, 300),
    output=st.integers(1, 5_000),
    n=st.integers(1, 3),
    least=st.just(LEAST),
    named=st.booleans(),
    fixed=st.booleans(),
).map(lambda need: need._replace(least=min(need.least, need.output)))


@given(st.lists(st.tuples(needs, st.integers(0, 30_000), st.integers(0, 100)), max_size=60), st.integers(1, 20_000))
def test_whatever_is_asked_the_window_is_never_overdrawn_and_the_least_always_fits(
    history: list[tuple[Need, int, int]], tpm: int
) -> None:
    counters: Counters = {}
    limits = [limit(tpm=tpm)]
    running: list[Reservation] = []
    now = NOW
    for need, gap, used_percent in history:
        now += gap
        over = over_limit(counters, limits, need, now)
        used = counters["key"].minute.tokens if "key" in counters else 0
        least = need.with_answers_of(least_answer(need, tpm))
        assert (over is None) == (used + least <= tpm)
        if over is None:
            answer = longest_answer(counters, limits, need)
            assert least_answer(need, tpm) <= answer <= need.output
            assert not (need.fixed or (need.named and need.most <= tpm)) or answer == need.output
            running.append(Reservation(now, need.with_answers_of(answer), ("key",)))
            reserve(counters, running[-1])
            assert counters["key"].minute.tokens <= tpm
        elif running:
            one = running.pop(0)
            settle(counters, one, one.tokens * used_percent // 100)
