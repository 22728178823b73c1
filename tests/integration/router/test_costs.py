"""What answers cost, from a provider's figures over HTTP to the fact and the headers."""

import re
from decimal import Decimal
from typing import Any

import pytest

from shared.bus import Bus
from shared.heartbeat import Pulse
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller, until
from tests.provider_servers import Behaviour, OpenAIServer

PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
HI = [{"role": "user", "content": "hi"}]
ODD = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 175}


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_does_not_add_up_is_priced_dearer_marked_and_counted(
    start: Start, caller: Caller, openai_server: OpenAIServer, bus: Bus, stream: bool
) -> None:
    pulse = Pulse(bus)
    await pulse.start()
    await start(models=[("m", at(openai_server, **PRICES))])
    openai_server.next(Behaviour(usage=ODD))
    answer = await (caller.stream("m") if stream else caller.ask("m"))
    fact = await caller.fact(answer)
    assert fact.usage_check == "total_tokens is 175, its parts are 150"
    assert fact.cost_pico == 100 * 10**6 + 75 * 2 * 10**6
    await until(lambda: [(provider, count) for _, provider, count in pulse.mismatches()] == [("openai", 1)])


async def test_a_reported_cost_is_charged_with_discount_and_margin_and_told(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    terms = {"cost_discount_config": {"openrouter": 0.1}, "cost_margin_config": {"global": 0.5}}
    await start(
        models=[("m", at(openai_server, "openrouter/openai/gpt-4o"))],
        litellm_settings=terms,
    )
    usage: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.001}
    openai_server.next(Behaviour(usage=usage))
    answer = await caller.ask("m")
    fact = await caller.fact(answer)
    assert (fact.cost_source, fact.reported_pico) == ("reported", 10**9)
    assert fact.computed_pico == 10 * 2_500_000 + 5 * 10_000_000
    assert (fact.discount_pico, fact.margin_pico, fact.cost_pico) == (10**8, 450_000_000, 1_350_000_000)
    told = {name: Decimal(text) for name, text in answer.headers.items() if "response-cost" in name}
    assert told["x-litellm-response-cost"] == Decimal("0.00135")
    assert told["x-litellm-response-cost-original"] == Decimal("0.001")
    assert told["x-litellm-response-cost-discount-amount"] == Decimal("0.0001")
    assert told["x-litellm-response-cost-margin-amount"] == Decimal("0.00045")


async def test_a_reported_cost_above_the_hold_is_charged_marked_and_counted(
    start: Start, caller: Caller, openai_server: OpenAIServer, bus: Bus
) -> None:
    pulse = Pulse(bus)
    await pulse.start()
    await start(models=[("m", at(openai_server, "openrouter/openai/gpt-4o"))])
    usage: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.5}
    openai_server.next(Behaviour(usage=usage))
    answer = await caller.ask("m", hold_pico=2 * 10**11)
    fact = await caller.fact(answer)
    assert (fact.cost_pico, fact.overrun_pico) == (5 * 10**11, 3 * 10**11)
    await until(lambda: [(provider, count) for _, provider, count in pulse.overruns()] == [("openrouter", 1)])


async def test_a_call_billed_by_the_second_costs_its_duration(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server, input_cost_per_second=0.001))])
    openai_server.next(Behaviour(delay_s=0.2))
    fact = await caller.fact(await caller.ask("m"))
    assert fact.usage["compute_ms"] == fact.finished_ms - fact.started_ms >= 200
    assert fact.cost_pico == fact.usage["compute_ms"] * 10**6


@pytest.mark.parametrize("stream", [False, True])
async def test_the_cost_is_told_in_the_usage_to_who_asks(
    start: Start, caller: Caller, openai_server: OpenAIServer, stream: bool
) -> None:
    await start(models=[("m", at(openai_server, **PRICES))])
    wish = {"usage": {"include": True}}
    answer = await (caller.stream if stream else caller.ask)("m", more=wish, tells_cost=True)
    fact = await caller.fact(answer)
    usage = answer.chunks[-1]["usage"] if stream else answer.body["usage"]
    assert Decimal(str(usage["cost"])) * 10**12 == fact.cost_pico > 0
    assert usage["prompt_tokens"] == fact.prompt_tokens
    assert "usage" not in openai_server.received[-1].body
    if stream:
        assert answer.data.endswith(b"data: [DONE]\n\n")
        assert answer.text == "Hello there!"
    else:
        assert Decimal(answer.headers["x-litellm-response-cost"]) == Decimal(str(usage["cost"]))


async def test_nobody_else_is_told(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(models=[("m", at(openai_server, **PRICES))])
    assert "cost" not in (await caller.ask("m")).body["usage"]
    assert not any(chunk.get("usage") for chunk in (await caller.stream("m")).chunks)


async def test_a_model_without_a_price_costs_null(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(models=[("m", at(openai_server, "openai/nobody-knows-it"))])
    assert (await caller.ask("m", tells_cost=True)).body["usage"]["cost"] is None


@pytest.mark.parametrize("asked", [True, False])
async def test_every_stream_with_usage_tells_its_cost_where_the_operator_says_so(
    start: Start, caller: Caller, openai_server: OpenAIServer, asked: bool
) -> None:
    settings = {"include_cost_in_streaming_usage": True}
    await start(models=[("m", at(openai_server, **PRICES))], litellm_settings=settings)
    more = {"stream_options": {"include_usage": asked}}
    answer = await caller.stream("m", more=more)
    costs = [chunk["usage"]["cost"] for chunk in answer.chunks if chunk.get("usage")]
    assert len(costs) == asked
    pico = (await caller.fact(answer)).cost_pico
    assert all(Decimal(str(cost)) * 10**12 == pico for cost in costs)


@pytest.mark.parametrize(
    ("call_type", "dialect", "body"),
    [
        ("anthropic_messages", "anthropic", {"messages": HI, "max_tokens": 50, "stream": True}),
        ("aresponses", "openai", {"input": "hi", "stream": True}),
        ("agenerate_content", "gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ],
)
async def test_so_does_every_stream_of_a_dialect_that_always_tells_usage(
    start: Start, caller: Caller, openai_server: OpenAIServer, call_type: str, dialect: str, body: dict[str, Any]
) -> None:
    settings = {"include_cost_in_streaming_usage": True}
    await start(models=[("m", at(openai_server, **PRICES))], litellm_settings=settings)
    fields = {"group": "m", "model": "m", "call_type": call_type, "dialect": dialect, "stream": True}
    answer = await caller.send({"model": "m", **body}, **fields).whole()
    costs = re.findall(rb'"cost":([0-9.]+)', answer.data)
    assert [Decimal(cost.decode()) * 10**12 for cost in costs] == [(await caller.fact(answer)).cost_pico]


async def test_a_provider_that_counts_nothing_has_its_cost_told_all_the_same(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server, **PRICES))])
    openai_server.next(Behaviour(no_usage=True))
    answer = await caller.stream("m", tells_cost=True)
    usage = answer.chunks[-1]["usage"]
    fact = await caller.fact(answer)
    assert (fact.usage_source, usage["completion_tokens"]) == ("counted", fact.completion_tokens)
    assert Decimal(str(usage["cost"])) * 10**12 == fact.cost_pico > 0
