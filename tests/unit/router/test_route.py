from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.router.choice.route import ordered_attempts
from shared.serving.deployments import Deployment
from tests.router_calls import deployment


def ids(attempts: object) -> list[str]:
    return [member.id for member in attempts]  # type: ignore[attr-defined]


def in_order(*members: Deployment, balanced: bool = False, cooling: tuple[str, ...] = (), seed: int = 1) -> list[str]:
    return ids(ordered_attempts(members, balanced=balanced, cooling=lambda id: id in cooling, chance=Random(seed)))


def test_deployments_are_tried_in_the_order_of_the_file() -> None:
    assert in_order(deployment("azure"), deployment("openai"), deployment("other")) == ["azure", "openai", "other"]


def test_a_lower_order_comes_first_and_none_comes_last() -> None:
    members = (deployment("none"), deployment("two", order=2), deployment("one", order=1), deployment("also", order=1))
    assert in_order(*members) == ["one", "also", "two", "none"]


def test_what_cools_down_comes_last_but_comes() -> None:
    members = (deployment("a"), deployment("b"), deployment("c"))
    assert in_order(*members, cooling=("a",)) == ["b", "c", "a"]
    assert in_order(*members, cooling=("a", "b", "c")) == ["a", "b", "c"]


def firsts(*members: Deployment, balanced: bool = False, draws: int = 4_000) -> Counter[str]:
    chance = Random(7)
    return Counter(
        ordered_attempts(members, balanced=balanced, cooling=lambda _: False, chance=chance)[0].id for _ in range(draws)
    )


def test_balanced_without_weights_is_even() -> None:
    first = firsts(deployment("a"), deployment("b"), balanced=True)
    assert 1_800 < first["a"] < 2_200


def test_weights_balance_without_a_strategy_and_are_shares() -> None:
    first = firsts(deployment("a", weight=3), deployment("b", weight=1))
    assert 2_850 < first["a"] < 3_150


def test_rpm_and_then_tpm_stand_in_for_weights() -> None:
    assert 2_850 < firsts(deployment("a", rpm=300), deployment("b", rpm=100))["a"] < 3_150
    assert 2_850 < firsts(deployment("a", tpm=300), deployment("b", tpm=100))["a"] < 3_150
    by_weight = firsts(deployment("a", weight=1, rpm=900), deployment("b", weight=1, rpm=1))
    assert 1_800 < by_weight["a"] < 2_200


def test_a_weight_of_nothing_is_only_drawn_when_nothing_else_is_left() -> None:
    assert firsts(deployment("a", weight=0), deployment("b", weight=1))["a"] == 0
    assert in_order(deployment("a", weight=0), deployment("b", weight=1)) == ["b", "a"]
    assert sorted(in_order(deployment("a", weight=0), deployment("b", weight=0))) == ["a", "b"]


def test_weights_are_shares_of_one_order_only() -> None:
    members = (deployment("first", order=1, weight=1), deployment("later", order=2, weight=1_000))
    assert in_order(*members) == ["first", "later"]


def test_one_deployment_is_returned_as_it_is() -> None:
    assert in_order(deployment("only"), balanced=True, cooling=("only",)) == ["only"]
    assert in_order() == []


numbers = st.one_of(st.none(), st.integers(0, 50))


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(-1, 3)), numbers, numbers, st.booleans()), max_size=7),
    st.booleans(),
    st.integers(0, 1_000),
)
def test_every_deployment_comes_once_healthy_ones_and_lower_orders_first(
    members: list[tuple[int | None, int | None, int | None, bool]], balanced: bool, seed: int
) -> None:
    made = [deployment(f"d{i}", order=o, weight=w, rpm=r) for i, (o, w, r, _) in enumerate(members)]
    cooling = {f"d{i}" for i, member in enumerate(members) if member[3]}
    attempts = ordered_attempts(made, balanced=balanced, cooling=cooling.__contains__, chance=Random(seed))
    assert sorted(ids(attempts)) == sorted(member.id for member in made)
    places = [(member.id in cooling, float("inf") if member.order is None else member.order) for member in attempts]
    assert places == sorted(places)
