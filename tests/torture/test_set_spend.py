"""Spend that is set in a history: what an owner must have counted by then, and what everybody else knows of it."""

from typing import Any

import pytest

from tests.torture.check import Observed, Verdict, check
from tests.torture.history import Expired, Finished, Held, Lost, Place, Row, Set, Snapshot, Step, Stood
from tests.torture.set_spend import Attempt

KEY, TEAM = Place("key", "1"), Place("team", "1")
LIMITS = {"key": 100, "team": 200}


def held(request: str, amount: int, *places: Place) -> Held:
    return Held(request, 0, amount, places or (KEY, TEAM))


SPENT_60 = [held("a", 60), Finished("a", 60, seq=1), held("b", 30), Finished("b", 20, seq=2)]


def set_to(serial: int, by: int, *settles: str) -> Set:
    return Set(KEY, serial, by, settles)


def checked(*steps: Step, said: dict[int, int], **more: Any) -> Verdict:
    """Journal and facts as `steps` have them; ClickHouse agrees about each request unless told otherwise."""
    ended = {step.request: step.cost for kind in (Lost, Finished) for step in steps if isinstance(step, kind)}
    known = {("key", serial): pico for serial, pico in said.items()}
    return check(Observed(steps, LIMITS, said=known, **{"totals": ended, **more}))


@pytest.mark.parametrize(
    ("by", "violations"), [(-70, set()), (-50, set()), (10, set()), (-60, {"disagreement"}), (-71, {"disagreement"})]
)
def test_what_an_owner_counted_when_spend_was_set_is_all_but_the_newest_ends(by: int, violations: set[str]) -> None:
    """It counts 80, or 60 where it has not read the last end, or nothing: then 10 less than that is taken off."""
    assert set(checked(*SPENT_60, set_to(7, by), said={7: 10}).violations) == violations


def test_spend_that_is_set_makes_room_and_every_book_knows() -> None:
    steps = [*SPENT_60, set_to(7, -70), held("c", 90, KEY), Finished("c", 90, seq=3)]
    rows = [Row(1, "a", 60, False), Row(2, "b", 20, False), Row(3, "c", 90, False)]
    kept: dict[str, Any] = {
        "said": {7: 10},
        "figures": {"key": 100},
        "current": {"key": "1"},
        "sums": {"key": 170, "team": 80},
        "rows": rows,
        "totals": {"a": 60, "b": 20, "c": 90},
        "attempts": [Attempt("key", 10, True, 5), Attempt("key", 11, False, 6)],
    }
    assert checked(*steps, **kept).violations == {}
    assert "overshoot" in checked(*steps, held("d", 1, KEY), **kept).violations
    assert "disagreement" in checked(*steps, **{**kept, "figures": {"key": 170}}).violations
    assert "disagreement" in checked(*steps, **{**kept, "sums": {"key": 100, "team": 80}}).violations
    dearer = [Row(3, "c", 101, False)]
    assert "overshoot" in checked(*steps, **{**kept, "rows": rows[:2] + dearer}).violations


@pytest.mark.parametrize(
    ("steps", "said", "kind"),
    [
        ([set_to(7, -70), set_to(7, -70)], {7: 10}, "double"),
        ([set_to(8, -70), set_to(7, 0)], {7: 10, 8: 10}, "double"),
        ([set_to(7, -70)], {}, "disagreement"),
        ([], {7: 10}, "lost"),
        ([set_to(7, -70)], {7: 10, 8: 9}, "lost"),
        ([set_to(7, -70, "nobody")], {7: 10}, "disagreement"),
        ([Snapshot(0, {}, {}, stood={KEY: Stood(9, 10, 2)})], {7: 10}, "disagreement"),
    ],
)
def test_spend_that_is_set_otherwise_than_was_said_is_seen(steps: list[Step], said: dict[int, int], kind: str) -> None:
    attempts = [Attempt("key", 10, True, 5), Attempt("key", 9, True, 6)][: max(1, len(said))]
    assert kind in checked(*SPENT_60, *steps, said=said, attempts=attempts).violations


@pytest.mark.parametrize("end", [[], [Finished("c", 5, seq=9)]])
@pytest.mark.parametrize("is_early", [True, False])
def test_an_end_after_spend_was_set_corrects_a_loss_nowhere_but_in_the_other_budgets(
    end: list[Step], is_early: bool
) -> None:
    """It may be stored before, and unknown to the owner by then."""
    loss = [held("c", 30), Expired("c"), Lost("c", 30)]
    steps = [*loss, *end, set_to(7, -30, "c")] if is_early else [*loss, set_to(7, -30, "c"), *end]
    verdict = checked(*steps, said={7: 0}, sums={"key": 5 if end else 30})
    assert verdict.violations == {}
    assert verdict.fold.spent == {KEY: 0, TEAM: 5 if end else 30}
    known = held("c", 30, Place("key", "0"), TEAM)
    whole = Snapshot(0, {}, {} if end else {"c": known}, settled=() if end else ("c",), stood={KEY: Stood(7, 0, 9)})
    assert checked(*steps, whole, said={7: 0}).violations == {}


def test_a_snapshot_stands_for_spend_that_was_set_while_it_was_written() -> None:
    """It says up to which fact it knows: of what came later nothing was set."""
    whole = Snapshot(0, {}, {}, stood={KEY: Stood(7, 10, 1)})
    verdict = checked(*SPENT_60, whole, said={7: 10}, figures={"key": 30}, current={"key": "1"})
    assert verdict.violations == {}
    assert verdict.fold.sets.by == {KEY: -50}
