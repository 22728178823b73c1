"""A check that cannot fail is worth nothing: histories with one thing wrong in each, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.torture.check import Observed, check
from tests.torture.history import (
    Admitted,
    Crossed,
    Expired,
    Finished,
    Held,
    Lost,
    Place,
    Refusal,
    Released,
    Row,
    Snapshot,
    Step,
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
