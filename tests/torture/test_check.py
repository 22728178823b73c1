"""A check that cannot fail is worth nothing: histories with one thing wrong in each, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.torture.check import Observed, check
from tests.torture.history import (
    Admitted,
    Closed,
    Crossed,
    Expired,
    Finished,
    Held,
    Limit,
    Lost,
    Opened,
    Place,
    Refusal,
    Released,
    Reset,
    Row,
    Snapshot,
    Step,
    Stopped,
    Throttled,
    Took,
)

KEY, TEAM = Place("key", "1"), Place("team", "1")
LIMITS = {"key": 100, "team": 150}


def held(request: str, amount: int = 40, *places: Place, partition: int = 0) -> Held:
    return Held(request, partition, amount, places or (KEY, TEAM))


GOOD: list[Step] = [
    held("a"),
    Admitted("a", 40),
    held("b"),
    Admitted("b", 40),
    Finished("a", 30),
    held("c", 30),
    Admitted("c", 30),
    Finished("b", 10),
    Expired("c"),
    Lost("c", 30),
    held("d", 20),
    Released("d"),
    held("e", 20),
    Admitted("e", 20),
    Expired("e"),
    Lost("e", 20),
    Finished("e", 5),
]
ROWS = [
    Row(1, "a", 30, False),
    Row(2, "b", 10, False),
    Row(3, "c", 30, True),
    Row(4, "e", 20, True),
    Row(5, "e", 5, False),
]
KEPT = Observed(
    GOOD,
    LIMITS,
    figures={"key": 75, "team": 75},
    current={"key": "1", "team": "1"},
    rows=ROWS,
    totals={"a": 30, "b": 10, "c": 30, "e": 5},
    answers={"a": 30, "b": 10},
)


def kinds(observed: Observed) -> set[str]:
    return set(check(observed).violations)


def with_steps(*steps: Step, instead_of: Sequence[Step] = ()) -> Observed:
    return replace(KEPT, steps=[step for step in GOOD if step not in instead_of] + list(steps))


def test_a_run_that_kept_the_promise_has_no_violation() -> None:
    verdict = check(KEPT)
    assert verdict.violations == {}
    assert (verdict.overshoot_pico, verdict.overshoot_in_clickhouse_pico) == (0, 0)
    assert verdict.fold.late_ends == 1
    assert verdict.fold.spent == {KEY: 75, TEAM: 75}
    assert verdict.fold.held == {KEY: 0, TEAM: 0}


@pytest.mark.parametrize(
    ("steps", "over"),
    [
        ([held("a", 101, KEY)], 1),
        ([held("a", 60, KEY), held("b", 41, KEY)], 1),
        ([held("a", 60, KEY), Finished("a", 60), held("b", 50, KEY)], 10),
        ([held("a", 60, KEY), Expired("a"), held("b", 41, KEY)], 1),
        ([held("a", 60, KEY), Finished("a", 120)], 20),
        ([held("a", 60, KEY), Expired("a"), Finished("a", 130)], 30),
        ([held("a", 100), held("b", 51, TEAM)], 1),
        ([Snapshot(0, {"a": held("a", 105, KEY)}, {})], 5),
        ([held("a", 100, KEY), Snapshot(0, {}, {"a": held("a", 100, KEY)}), held("b", 1, KEY)], 1),
    ],
)
def test_a_limit_that_is_passed_at_any_moment_is_seen(steps: list[Step], over: int) -> None:
    verdict = check(Observed(steps, LIMITS))
    assert "overshoot" in verdict.violations
    assert verdict.overshoot_pico == over


def test_a_limit_that_is_passed_for_a_moment_only_is_seen() -> None:
    steps = [held("a", 60, KEY), held("b", 60, KEY), Finished("a", 1), Finished("b", 1)]
    assert check(Observed(steps, LIMITS)).overshoot_pico == 20


def test_another_window_is_another_budget() -> None:
    second = Place("key", "2")
    steps = [held("a", 100, KEY), held("b", 100, second), Finished("a", 100), Finished("b", 100)]
    assert check(Observed(steps, LIMITS)).overshoot_pico == 0


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([Finished("a", 30)], "double"),
        ([Lost("c", 30)], "double"),
        ([held("a")], "double"),
        ([held("d", 20)], "double"),
        ([Finished("d", 3)], "lost"),
        ([Finished("nobody", 3)], "lost"),
        ([held("f", 1), Expired("f")], "lost"),
        ([held("f", 1)], "stranded"),
        ([Expired("nobody")], "disagreement"),
        ([Released("a")], "disagreement"),
        ([Lost("f", 1)], "disagreement"),
        ([Admitted("f", 10)], "two owners"),
        ([held("f", 5), Admitted("f", 10), Released("f")], "disagreement"),
        ([held("f", 5), Snapshot(0, {"f": held("f", 6)}, {}), Released("f")], "disagreement"),
    ],
)
def test_a_wrong_step_is_seen(steps: list[Step], kind: str) -> None:
    assert kind in kinds(with_steps(*steps))


def test_a_fact_before_the_hold_it_ends_is_seen() -> None:
    assert "lost" in kinds(Observed([Finished("a", 3), held("a")], LIMITS))


def test_an_end_that_expiry_did_not_know_of_yet_is_no_violation() -> None:
    steps = [held("a"), Admitted("a", 40), Finished("a", 3), Expired("a"), Lost("a", 40)]
    verdict = check(Observed(steps, LIMITS, totals={"a": 3}))
    assert verdict.violations == {}
    assert verdict.fold.spent[KEY] == 3


def test_a_snapshot_stands_for_what_no_group_has() -> None:
    steps: list[Step] = [
        held("a"),
        held("b"),
        held("other", 20, partition=1),
        Snapshot(0, {"c": held("c", 40)}, {"b": held("b")}),
        Lost("b", 40),
        Finished("c", 5),
        Finished("other", 5),
    ]
    verdict = check(Observed(steps, LIMITS, totals={"b": 40, "c": 5, "other": 5}))
    assert verdict.violations == {}
    assert verdict.fold.released.keys() == {"a"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"answers": {"a": 30, "missing": 4}}, "lost"),
        ({"answers": {"a": 31}}, "disagreement"),
        ({"figures": {"key": 74}}, "disagreement"),
        ({"rows": [*ROWS, Row(6, "a", 30, False)]}, "double"),
        ({"rows": [*ROWS, Row(6, "nobody", 30, False)]}, "disagreement"),
        ({"totals": {"a": 30, "b": 10, "e": 5}}, "lost"),
        ({"totals": {"a": 30, "b": 10, "c": 30, "e": 6}}, "disagreement"),
        ({"totals": {"a": 30, "b": 10, "c": 30, "e": 5, "d": 1}}, "disagreement"),
        ({"takeovers_s": [0.4, 5.1]}, "takeover"),
        ({"unknown_keys": 1}, "refused falsely"),
        ({"sums": {"key": 74}}, "disagreement"),
    ],
)
def test_what_others_say_differently_is_seen(change: dict[str, object], kind: str) -> None:
    assert kinds(replace(KEPT, **change)) == {kind}  # type: ignore[arg-type]


def test_a_limit_that_is_passed_in_clickhouse_is_seen() -> None:
    rows = [Row(1, "a", 90, False), *ROWS[1:]]
    verdict = check(replace(KEPT, rows=rows))
    assert verdict.overshoot_in_clickhouse_pico == 50
    assert "overshoot" in verdict.violations


def test_a_loss_that_comes_after_its_end_does_not_count_in_clickhouse() -> None:
    rows = [*ROWS[:3], Row(4, "e", 5, False), Row(5, "e", 20, True)]
    assert check(replace(KEPT, rows=rows)).violations == {}


def test_refusals_are_false_as_long_as_the_rest_would_have_covered_them() -> None:
    few = [Refusal((KEY,), 10, 12), Refusal((KEY,), 10, 12), Refusal((KEY, TEAM), 2, 9), Refusal((TEAM,), 76, 90)]
    verdict = check(replace(KEPT, refusals=few))
    assert (verdict.false_refusals, verdict.affordable) == (2, 5), "25 are left of the key, and 75 of the team"
    assert kinds(replace(KEPT, refusals=[Refusal((KEY,), 26, 90)])) == set()


@pytest.mark.parametrize(("refused", "violations"), [(9, set()), (10, {"refused falsely"})])
def test_one_in_a_hundred_is_too_many(refused: int, violations: set[str]) -> None:
    steps: list[Step] = []
    for number in range(250):
        steps += [held(f"r{number}", 1, KEY), Finished(f"r{number}", 0)]
    totals = {f"r{number}": 0 for number in range(250)}
    observed = Observed(steps, LIMITS, totals=totals, refusals=[Refusal((KEY,), 1, 1)] * refused)
    assert kinds(observed) == violations


@pytest.mark.parametrize("places", [(KEY, TEAM), (TEAM, KEY)])
def test_a_request_must_fit_all_its_budgets_to_be_refused_falsely(places: tuple[Place, ...]) -> None:
    assert check(replace(KEPT, refusals=[Refusal(places, 26, 90)])).false_refusals == 0
    assert check(replace(KEPT, refusals=[Refusal(places, 25, 90)])).false_refusals == 1


TOLD = [Crossed(KEY, 50), Crossed(TEAM, 50), Crossed(KEY, None)]


def test_thresholds_are_told_once_each() -> None:
    assert check(replace(with_steps(*TOLD), percents=(50, 80))).violations == {}
    assert kinds(replace(with_steps(*TOLD, Crossed(TEAM, 50)), percents=(50, 80))) == {"double"}
    assert kinds(replace(with_steps(*TOLD[1:]), percents=(50, 80))) == {"untold"}
    assert kinds(replace(with_steps(*TOLD[1:]), percents=(50, 80), passing={"key"})) == set()
    assert kinds(replace(with_steps(*TOLD, Crossed(TEAM, 80)), percents=(50, 80))) == {"untold"}
    assert check(replace(with_steps(*TOLD, Crossed(Place("key", "0"), 0)), percents=())).violations == {}


def test_a_soft_budget_is_told_once_it_is_passed_and_not_before() -> None:
    assert kinds(replace(KEPT, soft={"key": 75})) == {"untold"}
    assert kinds(replace(KEPT, soft={"key": 75}, passing={"key"})) == set()
    assert check(replace(with_steps(Crossed(KEY, None)), soft={"key": 75})).violations == {}
    assert check(replace(KEPT, soft={"key": 76})).violations == {}
    assert kinds(replace(with_steps(Crossed(KEY, None), Crossed(KEY, None)), soft={"key": 75})) == {"double"}
    passed_at_most = 105  # with all its holds
    assert kinds(replace(with_steps(Crossed(KEY, None)), soft={"key": passed_at_most + 1})) == {"untold"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"hooked": {"one": 1}}, "untold"),
        ({"hooked": {"one": 1, "two": 2}}, "double"),
        ({"hooked": {"one": 1, "two": 3}, "deaths": 1}, "double"),
        ({"hooked": {"one": 1, "two": 1, "three": 1}}, "disagreement"),
    ],
)
def test_a_hook_that_is_not_called_or_again_without_a_death_is_seen(change: dict[str, object], kind: str) -> None:
    told = replace(KEPT, crossings=["one", "two"], hooked={"one": 1, "two": 1})
    assert kinds(told) == set()
    assert check(replace(told, hooked={"one": 1, "two": 2}, deaths=1)).hooked_again == 1
    assert kinds(replace(told, **change)) == {kind}  # type: ignore[arg-type]


FIRST, SECOND = Opened(KEY, 100, 200), Opened(Place("key", "2"), 200, 300)


@pytest.mark.parametrize(
    ("at_ms", "window", "violations"),
    [
        (100, "1", set()),
        (199, "1", set()),
        (99, "1", {"window"}),
        (200, "1", {"window"}),
        (200, "2", set()),
        (199, "2", {"window"}),
    ],
)
def test_what_is_counted_in_a_window_was_admitted_in_it(at_ms: int, window: str, violations: set[str]) -> None:
    hold = Held("a", 0, 10, (Place("key", window),), at_ms)
    steps = [FIRST, SECOND, hold, Finished("a", 10)]
    assert kinds(Observed(steps, LIMITS, totals={"a": 10})) == violations


def test_a_window_that_begins_before_the_end_of_the_one_before_is_seen() -> None:
    assert kinds(Observed([FIRST, replace_start(SECOND, 199)], LIMITS)) == {"window"}
    assert kinds(Observed([FIRST, replace_start(SECOND, 250)], LIMITS)) == set()


@pytest.mark.parametrize(
    ("steps", "violations"),
    [
        ([Closed(KEY), Reset(KEY, 60, 15)], set()),
        ([Closed(KEY), Reset(KEY, 75, 0)], set()),
        ([Closed(KEY), Reset(KEY, 60, 14)], {"disagreement"}),  # 75 were spent in the end
        ([Closed(KEY)], {"untold"}),
        ([Closed(KEY), Reset(KEY, 75, 0), Reset(KEY, 75, 0)], {"double"}),
        ([Reset(KEY, 75, 0)], {"disagreement"}),
    ],
)
def test_the_end_of_a_window_is_told_once_with_what_was_spent(steps: list[Step], violations: set[str]) -> None:
    assert kinds(with_steps(*steps)) == violations


def replace_start(opened: Opened, starts_ms: int) -> Opened:
    return opened._replace(starts_ms=starts_ms)


ONE, OTHER = Place("provider:one", "1"), Place("provider:other", "1")
PAID = {"provider:one": 50, "provider:other": 50}


def test_only_the_provider_that_served_is_paid_and_both_where_nobody_knows() -> None:
    steps = [
        *(held("a", 40, ONE, OTHER), Finished("a", 30, "one")),
        *(held("b", 10, ONE, OTHER), Expired("b"), Lost("b", 10)),
        *(held("c", 10, ONE, OTHER), Expired("c"), Lost("c", 10), Finished("c", 5, "other")),
    ]
    rows = [
        Row(1, "a", 30, False, "one"),
        Row(2, "b", 10, True),
        Row(3, "c", 10, True),
        Row(4, "c", 5, False, "other"),
    ]
    sums = {"provider:one": 30, "provider:other": 5}
    observed = Observed(steps, PAID, totals={"a": 30, "b": 10, "c": 5}, rows=rows, sums=sums)
    verdict = check(observed)
    assert verdict.violations == {}
    assert verdict.fold.spent == {ONE: 40, OTHER: 15}
    assert kinds(replace(observed, sums={"provider:one": 35})) == {"disagreement"}
    too_dear = [Row(1, "a", 50, False, "one"), *rows[1:]]
    assert check(replace(observed, rows=too_dear)).overshoot_in_clickhouse_pico == 20


def test_a_provider_that_the_hold_has_no_room_at_must_not_serve() -> None:
    steps = [held("a", 40, KEY, ONE), Finished("a", 30, "other")]
    assert kinds(Observed(steps, LIMITS | PAID, totals={"a": 30})) == {"overshoot"}


def test_a_refusal_is_false_where_one_of_the_providers_had_room() -> None:
    def false(one: int, other: int) -> int:
        steps = [
            held("a", 50, ONE),
            Finished("a", 50 - one, "one"),
            held("b", 50, OTHER),
            Finished("b", 50 - other, "other"),
        ]
        totals = {"a": 50 - one, "b": 50 - other}
        refusals = [Refusal((), 10, 12, (ONE, OTHER))] * 2
        return check(Observed(steps, PAID, totals=totals, refusals=refusals)).false_refusals

    assert [false(9, 9), false(10, 9), false(9, 12), false(24, 0), false(12, 12)] == [0, 1, 1, 2, 2]


WINDOW_MS = 1_000


def took(request: str, at_ms: int, tokens: int = 10, *accounts: str, partition: int = 0) -> Took:
    return Took(request, partition, at_ms, tokens, accounts or ("key",))


def limited(steps: Sequence[Step], limit: Limit, *throttled: Throttled) -> Observed:
    """Requests that cost nothing, and are not held."""
    return Observed(steps, {}, rates={"key": limit}, throttled=throttled, window_ms=WINDOW_MS)


def ended(*requests: str, at_ms: int = 0) -> list[Step]:
    return [Stopped(request, 0, at_ms) for request in requests]


@pytest.mark.parametrize(
    ("steps", "limit", "violations"),
    [
        ([took("a", 0), took("b", 999)], Limit(rpm=1), {"limit"}),
        ([took("a", 0), took("b", 1_000)], Limit(rpm=1), set()),
        ([took("a", 0), Released("a", 0, 5), took("b", 9)], Limit(rpm=1), set()),
        ([took("a", 0), Released("a", 1, 5), took("b", 9)], Limit(rpm=1), {"limit", "disagreement"}),
        ([took("a", 0, 6), took("b", 1, 5)], Limit(tpm=10), {"limit"}),
        ([took("a", 0, 5), took("b", 1, 5)], Limit(tpm=10), set()),
        ([took("a", 0), took("b", 1)], Limit(parallel=1), {"limit"}),
        ([took("a", 0), Stopped("a", 0, 1), took("b", 1)], Limit(parallel=1), set()),
        ([took("a", 0), Released("a", 0, 1), took("b", 1)], Limit(parallel=1), set()),
        ([took("a", 0), Snapshot(0, {}, {}, {}), took("b", 1)], Limit(rpm=1), set()),
        ([took("a", 0), Snapshot(0, {}, {}, {"a": took("a", 0)}), took("b", 1)], Limit(rpm=1), {"limit"}),
        ([Snapshot(0, {}, {}, {"a": took("a", 0)}), took("b", 1)], Limit(rpm=1), {"limit"}),
        ([took("a", 0), took("a", 2_000)], Limit(rpm=1), {"double"}),
        ([took("a", 0), took("b", 5_000, partition=1)], Limit(rpm=1), set()),
    ],
)
def test_a_limit_that_is_passed_in_any_window_is_seen(steps: list[Step], limit: Limit, violations: set[str]) -> None:
    parts = {(step.request, step.partition) for step in steps if isinstance(step, Took)}
    ends: list[Step] = [Stopped("a", 0), *[Stopped(request, partition) for request, partition in parts]]
    assert kinds(limited([*steps, *ends], limit)) == violations


def test_an_expiry_that_comes_after_the_end_need_not_be_told_and_may_have_crossed_a_threshold() -> None:
    steps = [held("a", 60, KEY), Finished("a", 10), Expired("a"), Crossed(KEY, 50)]
    observed = Observed(steps, LIMITS, totals={"a": 10}, percents=(50,))
    assert kinds(observed) == set()
    assert kinds(replace(observed, steps=[*steps, Lost("a", 60)])) == set()
    assert kinds(replace(observed, steps=[held("a", 40, KEY), *steps[1:]])) == {"untold"}


def test_the_end_of_a_request_corrects_its_tokens_and_frees_its_slot() -> None:
    first, end = [held("a", 0, KEY), took("a", 0, 8)], Finished("a", 0, "", 3, 5)
    second = [held("b", 0, KEY), took("b", 9, 7), Finished("b", 0, "", 7, 20)]
    both = Limit(tpm=10, parallel=1)
    for steps, violations in (([*first, end, *second], set()), ([*first, *second, end], {"limit"})):
        observed = replace(limited(steps, both), totals={"a": 0, "b": 0})
        assert kinds(observed) == violations


def test_a_part_of_limits_that_only_a_snapshot_has_may_be_given_back() -> None:
    """It was taken while the snapshot was written, and is in no group."""
    part = took("a", 0)
    whole = Snapshot(part.partition, {}, {}, {"a": part})
    assert check(Observed([whole, Released("a", part.partition, 5)], {})).violations == {}
    assert "disagreement" in check(Observed([Released("a", part.partition, 5)], {})).violations


def test_of_an_expired_hold_only_the_part_of_limits_is_given_back() -> None:
    """A policy that slept past its end decided on it, and gives back what nobody was told of."""
    steps = [held("a", 30), took("a", 0), Expired("a"), Lost("a", 30), Released("a", 0, 5)]
    assert kinds(Observed(steps, LIMITS, totals={"a": 30})) == set()
    untaken = [step for step in steps if not isinstance(step, Took)]
    settled = [held("a", 30), took("a", 0), Finished("a", 30), Released("a", 0, 5)]
    for wrong in (untaken, settled):
        assert kinds(Observed(wrong, LIMITS, totals={"a": 30})) == {"disagreement"}


def test_a_slot_that_was_given_away_while_its_request_ran_is_seen() -> None:
    running = [held("a", 0, KEY), took("a", 0), Stopped("a", 0, 3), took("b", 5), Stopped("b", 0, 6)]
    observed = limited([*running, Finished("a", 0, "", 10, 9)], Limit(parallel=1))
    assert kinds(replace(observed, totals={"a": 0})) == {"limit"}


def test_a_slot_that_is_never_freed_is_stranded() -> None:
    assert kinds(limited([took("a", 0)], Limit(parallel=1))) == {"stranded"}


def test_who_is_stopped_without_having_taken_anything_is_seen() -> None:
    assert kinds(limited([Stopped("a", 0, 1)], Limit(parallel=1))) == {"disagreement"}


@pytest.mark.parametrize(
    ("throttled", "wrong"),
    [
        (Throttled(("key",), 10, 20, 1), 0),  # two of two
        (Throttled(("key",), 995, 999, 1), 0),
        (Throttled(("key",), 995, 1_050, 1), 0),  # the first has left at 1000, not before
        (Throttled(("key",), 1_001, 1_050, 1), 1),
        (Throttled(("key",), 1_001, 1_050, 5), 0),  # more tokens than there were
        (Throttled(("key", "team"), 1_001, 1_050, 1), 0),
    ],
)
def test_a_refusal_by_a_limit_is_wrong_where_there_was_room_all_the_time(throttled: Throttled, wrong: int) -> None:
    steps = [took("a", 0, 6), took("b", 5, 6), took("c", 0, 1, "team"), *ended("a", "b", at_ms=600)]
    steps.append(Stopped("c", 0, 2_000))
    observed = limited(steps, Limit(rpm=2, tpm=10), throttled)
    verdict = check(replace(observed, rates={**observed.rates, "team": Limit(parallel=1)}))
    assert (verdict.limits.judged, verdict.limits.refused_wrongly) == (1, wrong)


def test_one_refusal_by_a_limit_in_a_hundred_is_too_many() -> None:
    steps = [took("a", 0), *ended("a")]
    fine, false = Throttled(("key",), 10, 20, 1), Throttled(("key",), 2_000, 2_010, 1)
    for count, violations in ((2, set()), (3, {"refused falsely"})):
        assert kinds(limited(steps, Limit(rpm=1), *[fine] * 200, *[false] * count)) == violations
