import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from services.router.finished_fact import MESSAGE_MAX, finished_fact
from services.router.job import Ending, Job, failed
from services.router.providers.openai import OpenAIAnswer
from services.router.streaming.answer import AnswerWriter
from shared.errors import ProviderFailed
from shared.facts import CompletionFinished, encode_fact
from shared.facts.registry import REQUEST_FACTS, by_kind, decode_fact
from shared.prices import PriceBook, PriceRow, Rate, cost_of
from shared.prices.price_call import Priced, price_call
from shared.usage import Usage
from tests.router_calls import caller, complete, deployment

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True})
USED = Usage(input=1_000, cached_input=200, output=50, reasoning=7)
OWN = {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5, "cache_read_input_token_cost": 1.25e-6}


class _Bus:
    process = "router-1"

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        raise AssertionError("a fact writes nothing")


def job(**fields: Any) -> Job:
    return Job(complete("req_1", "edge-1", BODY, **fields), BODY, AnswerWriter(_Bus(), "edge-1", "req_1"))  # type: ignore[arg-type]


def ending(usage: Usage = USED, **fields: Any) -> Ending:
    reader = OpenAIAnswer("m", include_usage=False)
    reader.response_id, reader.finish_reason = "chatcmpl-9", "stop"
    known: dict[str, Any] = {
        "deployment": deployment(prices=OWN, api_base="https://x.example/v1"),
        "reader": reader,
        "usage": usage,
        "usage_source": "provider",
        "started_ms": 1_000,
        "first_token_ms": 1_500,
        "finished_ms": 2_000,
    }
    return Ending(**{**known, **fields})


def fact(of: Ending, **fields: Any) -> CompletionFinished:
    priced, of.usage = price_call(PriceBook(), of.deployment, of.usage, duration_ms=1_000, now=time.time())
    made = finished_fact(job(**fields), of, priced)
    decoded = decode_fact(encode_fact(made), by_kind(*REQUEST_FACTS))
    assert decoded == made
    return made


def test_the_usage_is_in_disjoint_classes_and_its_totals_are_openais() -> None:
    made = fact(ending())
    assert made.usage == {"input": 1_000, "cached_input": 200, "output": 50, "reasoning": 7, "requests": 1}
    assert (made.prompt_tokens, made.completion_tokens) == (1_200, 57)
    assert made.usage_source == "provider"


def test_the_cost_is_exact_and_its_parts_add_up() -> None:
    made = fact(ending())
    parts = {"input": 2_500_000_000, "cached_input": 250_000_000, "output": 500_000_000, "reasoning": 70_000_000}
    assert made.cost_parts_pico == parts
    assert made.cost_pico == sum(parts.values()) == 3_320_000_000


def test_the_price_row_used_is_enough_to_compute_the_cost_again() -> None:
    made = fact(ending())
    assert made.price is not None
    row, _, day = made.price.row.partition("@")
    assert (row, made.price.source) == ("config/d1", "config.yaml")
    assert day == f"{datetime.now(UTC):%Y-%m-%d}", "every row is dated"
    again = sum(int(made.price.rates[name]) * made.usage[name] for name in made.cost_parts_pico)
    assert again == made.cost_pico


def test_the_rate_told_is_the_one_for_a_prompt_of_that_size() -> None:
    row = PriceRow("r", "s", {"input": Rate(Decimal("1.50"), ((1_000, Decimal("3.5")),)), "output": Rate(7)})
    for prompt, rate in ((1_000, "1.5"), (1_001, "3.5")):
        usage = Usage(input=prompt, output=1)
        cost = cost_of(usage, row)
        made = finished_fact(job(), ending(usage), Priced(cost.pico, "computed", cost, row))
        assert made.price is not None
        assert made.price.rates == {"input": rate, "output": "7"}
        assert made.cost_pico == round(Decimal(rate) * prompt + 7)


def test_a_model_of_the_catalogue_is_priced_by_it() -> None:
    of = ending(deployment=deployment(model="gpt-4o"))
    made = fact(of)
    assert made.price is not None
    assert made.price.row.startswith("openai/gpt-4o@")
    row = PriceBook().row_for("d1", "openai", "gpt-4o", own={}, now=1.7e9)
    assert row is not None
    assert made.cost_pico == cost_of(of.usage, row).pico > 0


def test_a_model_without_a_price_has_none_and_costs_nothing_that_is_known() -> None:
    made = fact(ending(deployment=deployment(provider="vllm", model="own-model")))
    assert made.price is None
    assert made.cost_pico == 0
    assert made.usage["input"] == 1_000


def test_a_price_of_zero_is_a_price() -> None:
    free = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    made = fact(ending(deployment=deployment(provider="vllm", model="own", prices=free)))
    assert made.price is not None
    assert made.cost_pico == 0


def test_the_fact_says_who_asked_what_and_how_it_went() -> None:
    made = fact(
        ending(),
        caller=caller(key="k", tenant="t", user_id="u", team_id="team", tags=("a", "b"), metadata=b'{"x":1}'),
        hold_pico=77,
        applied_guardrails=("g",),
        partition=3,
    )
    assert (made.id, made.request_id, made.kind) == ("fin_req_1", "req_1", "completion.finished")
    assert (made.key, made.tenant, made.user_id, made.team_id, made.tags) == ("k", "t", "u", "team", ("a", "b"))
    assert (made.held, made.hold_pico, made.partition, made.guardrails) == (True, 77, 3, ("g",))
    assert (made.model, made.group, made.deployment, made.provider, made.provider_model) == (
        "m", "m", "d1", "openai", "gpt-4o",
    )  # fmt: skip
    assert (made.outcome, made.status, made.stream) == ("success", 200, True)
    assert (made.response_id, made.finish_reason, made.api_base) == ("chatcmpl-9", "stop", "https://x.example/v1")
    assert (made.started_ms, made.first_token_ms, made.finished_ms, made.ts_ms) == (1_000, 1_500, 2_000, 2_000)
    assert made.metadata == {"x": 1}


@pytest.mark.parametrize("metadata", [b"", b"{", b"[1]", b'"x"', b"\xff"])
def test_metadata_that_is_no_object_does_not_keep_the_fact_back(metadata: bytes) -> None:
    assert fact(ending(), caller=caller(metadata=metadata)).metadata == {}


def test_a_request_nobody_answered_used_and_cost_nothing() -> None:
    made = fact(failed(ProviderFailed("no" * MESSAGE_MAX, status=503, type="service_unavailable")))
    assert (made.outcome, made.status, made.error_type) == ("failure", 503, "service_unavailable")
    assert (made.usage, made.usage_source, made.cost_pico, made.price) == ({}, "none", 0, None)
    assert len(made.error_message) == MESSAGE_MAX
    assert made.started_ms == made.first_token_ms == made.finished_ms > 1_600_000_000_000


@pytest.mark.parametrize(("hold_pico", "overrun_pico"), [(None, 0), (10**12, 0), (3_320_000_000, 0), (2_000, None)])
def test_what_is_above_the_hold_is_told(hold_pico: int | None, overrun_pico: int | None) -> None:
    made = fact(ending(), hold_pico=hold_pico)
    assert made.overrun_pico == (made.cost_pico - 2_000 if overrun_pico is None else overrun_pico)
