"""What is held for a request is never less than what the provider bills: for every case of tests/contract/usage."""

import time
from typing import Any

import pytest

from services.policy.budgets.account import Account
from services.policy.budgets.admission import Placed, Stand, place
from services.policy.budgets.ceilings import Ceilings
from services.router.streaming.money_line import rates_of, room_for, with_units
from shared.calls import WRITING, Admit, Bound, Caller
from shared.money import usd_to_pico
from shared.prices import PriceRow
from shared.prices.dearest import with_unseen
from shared.serving.deployments import Deployment
from shared.serving.model_groups import ModelGroups
from tests.contract.corpus import FILES, call_type_of, peek_of, read, row_of

CALLER = Caller("key", "", "tenant", "", "", "", "", (), "", "", "", b"")
PROVIDERS = {"perplexity": "perplexity", "xai": "xai"}
CASES = [
    pytest.param(case, PROVIDERS.get(name, "openai_like"), id=f"{name}: {case['name']}")
    for name, document in FILES.items()
    for case in document["cases"]
    if peek_of(case) is not None
]


@pytest.mark.parametrize(("case", "provider"), CASES)
def test_the_hold_covers_the_bill(case: dict[str, Any], provider: str) -> None:
    asked, deployment = admit_of(case), deployment_of(case, provider)
    rows = [with_unseen(row_of(case["prices"]), deployment)]
    ask, unpriced = ceilings(deployment, rows).ask_for(asked, time.time())
    placed = place([Stand(Account(), None)], ask)
    assert isinstance(placed, Placed)
    assert unpriced == ()
    assert placed.amount >= usd_to_pico(case["usd"]), (asked.units, ask)


@pytest.mark.parametrize(("case", "provider"), CASES)
def test_the_router_lets_through_what_is_held(case: dict[str, Any], provider: str) -> None:
    asked, deployment = admit_of(case), deployment_of(case, provider)
    rows = [with_unseen(row_of(case["prices"]), deployment)]
    ask, _ = ceilings(deployment, rows).ask_for(asked, time.time())
    placed = place([Stand(Account(), None)], ask)
    assert isinstance(placed, Placed)
    longest = ask.output_tokens if placed.max_tokens is None else placed.max_tokens
    units = (*asked.units, ("compute_ms", asked.deadline_ms - asked.received_ms))
    left, bound = with_units(placed.amount, Bound(ask.input_tokens, longest, ask.n), rows, units)
    room = room_for(left, rates_of(rows), bound, writes=asked.call_type in WRITING)
    assert room is not None
    assert room.max_tokens is None, "no answer is cut short of what was admitted"


def test_nearly_every_case_has_a_request() -> None:
    cases = [case["reader"] for document in FILES.values() for case in document["cases"]]
    assert len(cases) - len(CASES) == cases.count("usage_from_realtime"), "sessions are no requests yet"


def test_a_moderation_is_free_and_needs_no_price_of_the_operator() -> None:
    name = "omni-moderation-latest"
    free = Deployment(id="d", group="m", provider="openai", model=name, priced_as=name)
    ask, unpriced = Ceilings(ModelGroups([free]), {}, {}, default_output=1).ask_for(
        admit(call_type="amoderation", input_bytes=9_000, images=1), time.time()
    )
    assert (ask.input_pico, unpriced) == (0, ())


def admit_of(case: dict[str, Any]) -> Admit:
    peek, usage = peek_of(case), read(case)
    assert peek is not None
    return admit(
        call_type=call_type_of(case),
        passed=("POST", "/v1/x") if call_type_of(case) == "pass_through_endpoint" else ("", ""),
        max_tokens=peek.max_tokens,
        n=peek.n,
        input_bytes=peek.text_bytes,
        images=peek.images,
        has_tools=peek.has_tools,
        units=peek.units,
        tier=peek.tier,
        deadline_ms=usage.compute_ms,
    )


def admit(**fields: Any) -> Admit:
    values: dict[str, Any] = {
        "request_id": "req_1", "edge": "edge-1", "caller": CALLER, "route": "/", "model": "m", "group": "m",
        "stream": False, "include_usage": False, "max_tokens": None, "max_tokens_field": "", "n": 1, "images": 0,
        "has_tools": False, "received_ms": 0, "deadline_ms": 0, "body_bytes": 0, "body_ref": "", "guardrails": (),
        "num_retries": None, "timeout_s": None, "disable_fallbacks": False,
    }  # fmt: skip
    return Admit(**{**values, **fields})


def deployment_of(case: dict[str, Any], provider: str) -> Deployment:
    model = case.get("model", "m")
    return Deployment(id="d", group="m", provider=provider, model=model, priced_as=model)


def ceilings(deployment: Deployment, rows: list[PriceRow]) -> Ceilings:
    def rows_of(one: Deployment, tier: str, *, start: float, end: float) -> list[PriceRow]:
        return rows

    return Ceilings(ModelGroups([deployment]), {}, {}, default_output=1, rows=rows_of)
