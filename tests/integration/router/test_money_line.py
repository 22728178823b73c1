"""Providers that write more than they were told to, and tries that fail and cost something: all within the hold."""

import asyncio
from typing import Any

import pytest

from services.router.choice import plan
from shared.calls import Bound
from shared.facts import CompletionFinished
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Answer, Caller, until
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer

PRICED = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
DEARER = {"input_cost_per_token": 1e-5, "output_cost_per_token": 2e-5}
IN, OUT = 1_000_000, 2_000_000
INPUT_TOKENS = 40
LONG = " ".join(["word"] * 2_000)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BACKOFF_FIRST_S", 0.05)


def held(output_tokens: int, *, n: int = 1, rates: tuple[int, int] = (IN, OUT)) -> dict[str, Any]:
    """A hold for that much, as policy admits it: the maximum is sent along."""
    amount = INPUT_TOKENS * rates[0] + output_tokens * n * rates[1]
    bound = Bound(INPUT_TOKENS, output_tokens, n)
    return {"hold_pico": amount, "bound": bound, "admitted_max_tokens": output_tokens}


def finish_of(answer: Answer) -> list[str]:
    choices = [choice for chunk in answer.chunks for choice in chunk["choices"]]
    return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


async def checked(caller: Caller, answer: Answer) -> CompletionFinished:
    fact = await caller.fact(answer)
    assert fact.cost_pico <= fact.hold_pico
    return fact


@pytest.mark.parametrize("delay_s", [0.0, 0.001])
async def test_a_stream_that_ignores_its_maximum_ends_at_the_money_line(
    start: Start, caller: Caller, openai_server: OpenAIServer, delay_s: float
) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    openai_server.always = Behaviour(text=LONG, chunk_delay_s=delay_s)
    answer = await caller.stream("gpt", **held(50))
    assert openai_server.received[0].body["max_tokens"] == 50
    assert answer.text == " ".join(["word"] * 50)
    assert finish_of(answer) == ["length"]
    assert answer.data.endswith(b"data: [DONE]\n\n")
    fact = await checked(caller, answer)
    assert (fact.outcome, fact.finish_reason, fact.usage_source) == ("success", "length", "counted")
    assert (fact.completion_tokens, fact.usage["output"]) == (50, 50)
    assert fact.cost_pico == fact.prompt_tokens * IN + 50 * OUT
    await until(lambda: openai_server.open == 0)
    if delay_s:
        assert openai_server.broken_off == 1, "the provider's call is ended"
    again = await caller.stream("gpt", **held(50))
    assert finish_of(again) == ["length"]


async def test_usage_is_told_at_the_money_line_where_it_was_asked_for(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    openai_server.always = Behaviour(text=LONG, chunk_delay_s=0.001)
    more = {"stream_options": {"include_usage": True}}
    answer = await caller.stream("gpt", more=more, **held(30))
    usage = answer.chunks[-1]["usage"]
    fact = await checked(caller, answer)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (fact.prompt_tokens, 30)


async def test_several_answers_share_the_hold(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    openai_server.always = Behaviour(text=LONG)
    answer = await caller.stream("gpt", more={"n": 2}, **held(20, n=2))
    assert finish_of(answer) == ["length"]
    assert (await checked(caller, answer)).completion_tokens == 40


async def test_a_provider_of_another_kind_is_cut_too_and_the_input_it_reports_counts(
    start: Start, caller: Caller, anthropic_server: AnthropicServer
) -> None:
    await start([("claude", at(anthropic_server, "anthropic/claude-3-5-sonnet-20241022", **PRICED))])
    anthropic_server.always = Behaviour(text=LONG, chunk_delay_s=0.001)
    answer = await caller.stream("claude", **held(100))
    assert finish_of(answer) == ["length"]
    fact = await checked(caller, answer)
    assert 90 <= fact.completion_tokens <= 100
    assert fact.prompt_tokens > 0


async def test_an_answer_that_keeps_to_its_maximum_is_left_alone(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    usage = {"prompt_tokens": 12, "completion_tokens": 50, "total_tokens": 62}
    openai_server.always = Behaviour(text=" ".join(["word"] * 50), finish="length", usage=usage)
    answer = await caller.stream("gpt", **held(50))
    assert answer.text == " ".join(["word"] * 50)
    fact = await checked(caller, answer)
    assert (fact.usage_source, fact.cost_pico) == ("provider", 12 * IN + 50 * OUT)


async def test_a_client_that_left_costs_no_more_than_the_hold(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    openai_server.always = Behaviour(text=LONG, chunk_delay_s=0.001)
    body = {"model": "gpt", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    answer = caller.send(body, **held(200))
    await asyncio.wait_for(answer.begun.wait(), 10)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert fact.client_left
    assert fact.completion_tokens <= 200
    assert fact.cost_pico <= fact.hold_pico


# the next try


async def test_a_dearer_fallback_gets_the_answer_that_the_hold_still_pays_for(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    models = [("gpt", at(openai_server, **PRICED)), ("dear", at(other_server, **DEARER))]
    await start(models, router_settings={"num_retries": 0, "fallbacks": [{"gpt": ["dear"]}]})
    openai_server.always = Behaviour(status=500)
    other_server.always = Behaviour(text=LONG)
    answer = await caller.stream("gpt", **held(400))
    sent = other_server.received[0].body
    assert (INPUT_TOKENS * 10 * IN + sent["max_tokens"] * 10 * OUT) <= INPUT_TOKENS * IN + 400 * OUT
    assert sent["max_tokens"] == 22
    assert finish_of(answer) == ["length"]
    assert (await checked(caller, answer)).completion_tokens == 22


async def test_a_fallback_that_the_hold_does_not_pay_for_is_not_called(
    start: Start, caller: Caller, openai_server: OpenAIServer, other_server: OpenAIServer
) -> None:
    models = [("gpt", at(openai_server, **PRICED)), ("dear", at(other_server, **DEARER))]
    await start(models, router_settings={"num_retries": 0, "fallbacks": [{"gpt": ["dear"]}]})
    openai_server.always = Behaviour(status=500)
    answer = await caller.ask("gpt", **held(50))
    assert answer.failure is not None
    assert answer.failure["status"] == 500
    assert "what is held for the request does not cover" in (await caller.fact(answer)).attempts[1].error
    assert not other_server.received


BILLED = b"".join(
    (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[],'
        b'"usage":{"prompt_tokens":30,"completion_tokens":5,"total_tokens":35}}\n\n',
    )
)


async def test_a_try_that_failed_after_it_was_billed_is_paid_and_leaves_less_for_the_next(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, **PRICED))], router_settings={"num_retries": 1})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    openai_server.next(Behaviour(raw=head + BILLED))
    openai_server.always = Behaviour(text=LONG)
    answer = await caller.stream("gpt", **held(50))
    billed = 30 * IN + 5 * OUT
    assert openai_server.received[1].body["max_tokens"] == (50 * OUT - billed) // OUT
    fact = await checked(caller, answer)
    assert [attempt.cost_pico for attempt in fact.attempts] == [billed, 0]
    assert fact.attempts[0].usage["input"] == 30
    assert fact.cost_pico == billed + fact.prompt_tokens * IN + fact.completion_tokens * OUT


async def test_what_a_failed_try_was_billed_is_counted_without_a_hold_too(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("gpt", at(openai_server, **PRICED))], router_settings={"num_retries": 1})
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    openai_server.next(Behaviour(raw=head + BILLED))
    answer = await caller.stream("gpt")
    fact = await caller.fact(answer)
    assert fact.cost_pico - fact.attempts[0].cost_pico == 20 * IN + 10 * OUT
    assert fact.attempts[0].cost_pico == 30 * IN + 5 * OUT
