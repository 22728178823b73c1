from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.choice.plan import Groups, Plan, Try, pause_s
from shared.serving.deployments import Deployment
from tests.router_calls import deployment

A, B, C = deployment("a"), deployment("b"), deployment("c")
OTHER = deployment("other", group="other")
LONG = deployment("long", group="long")


def groups(
    *members: Deployment, retries: int = 2, fallbacks: Any = None, longer: Any = None, freer: Any = None
) -> Groups:
    known = {"m": members, "other": (OTHER,), "long": (LONG,)}
    return Groups(known, fallbacks or {}, longer or {}, freer or {}, False, retries)


def plan(known: Groups, *, num_retries: int | None = None, with_fallbacks: bool = True) -> Plan:
    return Plan(
        known,
        "m",
        num_retries=num_retries,
        with_fallbacks=with_fallbacks,
        cooling=lambda _: False,
        chance=Random(1),
    )


def rest(of: Plan) -> list[str]:
    steps: list[str] = []
    while (step := of.next()) is not None:
        steps.append(step.deployment.id)
        assert len(steps) < 100
    return steps


def test_a_lone_deployment_is_tried_once_and_then_again_until_the_retries_are_used_up() -> None:
    of = plan(groups(A))
    assert [of.next(), of.next(), of.next(), of.next()] == [Try(A, 0, 0), Try(A, 1, 0), Try(A, 2, 0), None]
    assert of.next() is None


def test_providers_whose_budgets_have_no_room_are_left_out_of_fallbacks_too() -> None:
    paid = deployment("paid", provider="azure")
    spent = deployment("spent", group="other", provider="azure")
    known = groups(paid, A, fallbacks={"m": ("other", "long")}, retries=0)
    known.deployments["other"] = (spent,)
    of = Plan(
        known,
        "m",
        num_retries=None,
        with_fallbacks=True,
        cooling=lambda _: False,
        chance=Random(1),
        excluded_providers=("azure",),
    )
    assert rest(of) == ["a", "long"]


def test_each_deployment_is_tried_once_whatever_the_retries() -> None:
    assert rest(plan(groups(A, B, C, retries=0))) == ["a", "b", "c"]


def test_retries_go_round() -> None:
    of = plan(groups(A, B, retries=4))
    assert [(step.deployment.id, step.again) for step in iter(of.next, None)] == [
        ("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2),
    ]  # fmt: skip


def test_the_requests_retries_come_before_the_deployments_before_the_routers() -> None:
    own = deployment("own", num_retries=1)
    assert len(rest(plan(groups(own, retries=5), num_retries=0))) == 1
    assert len(rest(plan(groups(own, retries=5)))) == 2
    assert len(rest(plan(groups(A, retries=5)))) == 6


def test_fallback_models_follow_in_turn_with_their_own_retries() -> None:
    of = plan(groups(A, retries=1, fallbacks={"m": ("other", "long")}))
    assert [(step.deployment.id, step.again, step.fallback) for step in iter(of.next, None)] == [
        ("a", 0, 0), ("a", 1, 0), ("other", 0, 1), ("other", 1, 1), ("long", 0, 2), ("long", 1, 2),
    ]  # fmt: skip


def test_fallbacks_can_be_switched_off() -> None:
    known = groups(A, retries=0, fallbacks={"m": ("other",)}, longer={"m": ("long",)})
    of = plan(known, with_fallbacks=False)
    of.next()
    of.leave_for_longer()
    assert of.next() is None


def test_a_useless_deployment_is_not_tried_again_and_costs_no_retry() -> None:
    of = plan(groups(A, B, retries=2))
    first = of.next()
    assert first is not None
    of.drop(first.deployment)
    assert [(step.deployment.id, step.again) for step in iter(of.next, None)] == [("b", 0), ("b", 1), ("b", 2)]


def test_only_those_who_have_what_a_request_names_are_tried() -> None:
    known = groups(A, B, C, fallbacks={"m": ("other",)}, retries=2)
    of = Plan(
        known, "m", num_retries=None, with_fallbacks=True, cooling=lambda _: False, chance=Random(1), only=("b", "c")
    )
    assert rest(of) == ["b", "c", "b"]


def test_a_name_with_only_useless_deployments_is_left() -> None:
    of = plan(groups(A, B, fallbacks={"m": ("other",)}, retries=5))
    for _ in range(2):
        step = of.next()
        assert step is not None
        of.drop(step.deployment)
    step = of.next()
    assert step is not None
    assert step.deployment is OTHER


def test_leaving_a_name_goes_on_with_the_fallbacks() -> None:
    of = plan(groups(A, B, fallbacks={"m": ("other",)}, retries=0))
    of.next()
    of.leave()
    assert rest(of) == ["other"]


def test_a_prompt_that_is_too_long_goes_to_the_models_for_that_in_place_of_the_fallbacks() -> None:
    of = plan(groups(A, B, fallbacks={"m": ("other",)}, longer={"m": ("long",)}, retries=0))
    of.next()
    of.leave_for_longer()
    assert rest(of) == ["long"]


def test_a_prompt_that_is_refused_goes_to_the_models_for_that_in_place_of_the_fallbacks() -> None:
    of = plan(groups(A, B, fallbacks={"m": ("other",)}, freer={"m": ("long",)}, retries=2))
    of.next()
    of.leave_for_freer()
    assert of.next() == Try(LONG, 0, 1)
    of.leave_for_freer()
    assert of.next() is None


def test_without_models_for_long_prompts_the_fallbacks_serve() -> None:
    of = plan(groups(A, fallbacks={"m": ("other",)}, retries=0))
    of.next()
    of.leave_for_longer()
    assert rest(of) == ["other"]


def test_models_for_long_prompts_are_tried_once_even_if_they_name_each_other() -> None:
    of = plan(groups(A, longer={"m": ("m", "long")}, retries=0))
    of.next()
    of.leave_for_longer()
    step = of.next()
    assert step is not None
    assert (step.deployment.id, step.fallback) == ("long", 1)
    of.leave_for_longer()
    assert of.next() is None


def test_a_name_without_deployments_is_passed_over() -> None:
    assert rest(plan(groups(fallbacks={"m": ("nowhere", "other")}, retries=0))) == ["other"]


@given(
    st.integers(0, 4),
    st.integers(0, 4),
    st.lists(st.sampled_from(["on", "drop", "leave", "longer", "freer"]), max_size=60),
)
def test_whatever_is_learned_the_tries_end_and_no_useless_one_comes_again(
    members: int, retries: int, learned: list[str]
) -> None:
    known = groups(
        *[deployment(f"d{i}") for i in range(members)],
        retries=retries,
        fallbacks={"m": ("other",)},
        longer={"m": ("long", "other")},
        freer={"m": ("other", "long")},
    )
    of, dropped, steps = plan(known), set(), 0
    while (step := of.next()) is not None:
        assert step.deployment.id not in dropped
        lesson = learned[steps] if steps < len(learned) else "on"
        steps += 1
        if lesson == "drop":
            of.drop(step.deployment)
            dropped.add(step.deployment.id)
        elif lesson == "leave":
            of.leave()
        elif lesson == "longer":
            of.leave_for_longer()
        elif lesson == "freer":
            of.leave_for_freer()
    assert steps <= sum(max(size, 1 + retries) for size in (members, 1, 1)) + members + 2


@pytest.mark.parametrize(
    ("again", "least", "most"), [(1, 0.375, 0.625), (2, 0.75, 1.25), (5, 6.0, 10.0), (99, 6.0, 10.0)]
)
def test_pauses_grow_up_to_a_limit_and_vary(again: int, least: float, most: float) -> None:
    pauses = {pause_s(again, None, 0.0, Random(seed)) for seed in range(50)}
    assert len(pauses) > 10
    assert all(pause is not None and least <= pause <= most for pause in pauses)


def test_a_pause_is_at_least_what_the_provider_and_the_operator_ask_for() -> None:
    assert pause_s(1, 20, 0.0, Random(1)) == 20
    assert pause_s(1, None, 3.0, Random(1)) == 3.0
    assert pause_s(1, 2, 3.0, Random(1)) == 3.0
    assert pause_s(1, 0, 0.0, Random(1)) is not None


def test_a_pause_of_more_than_a_minute_is_not_worth_it() -> None:
    assert pause_s(1, 61, 0.0, Random(1)) is None
    assert pause_s(1, 60, 0.0, Random(1)) == 60
