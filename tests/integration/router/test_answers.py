"""Plain, streamed and with tools, at each kind of provider: what the client gets, and what the fact says."""

import asyncio
from typing import Any

import orjson
import pytest

from shared.facts import CompletionFinished
from shared.prices import PriceBook, cost_of
from shared.usage import Usage
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller
from tests.provider_servers import AnthropicServer, AzureServer, Behaviour, OpenAIServer

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
OPENAI_USED = {"input": 12, "cached_input": 8, "output": 6, "reasoning": 4, "requests": 1}
ANTHROPIC_USED = {"input": 12, "cached_input": 8, "output": 10, "requests": 1}


def cost_of_fact(fact: CompletionFinished) -> int:
    row = PriceBook().row_for("x", fact.provider, fact.provider_model, own={}, now=fact.ts_ms / 1000)
    assert row is not None
    return cost_of(Usage(**fact.usage), row).pico


async def test_a_plain_answer(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    answer = await caller.ask("gpt", more={"temperature": 0.5, "odd": {"x": 1.0}})
    assert answer.text == "Hello there!"
    assert answer.body["model"] == "gpt"
    assert answer.frames == 1, "head, body and end travel in one message"
    sent = openai_server.received[0].body
    assert (sent["model"], sent["temperature"], sent["odd"]) == ("gpt-4o", 0.5, {"x": 1.0})
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.status, fact.stream) == ("success", 200, False)
    assert (fact.usage, fact.usage_source) == (OPENAI_USED, "provider")
    assert (fact.prompt_tokens, fact.completion_tokens) == (20, 10)
    assert (fact.response_id, fact.finish_reason) == ("chatcmpl-1", "stop")
    assert (fact.provider, fact.provider_model, fact.api_base) == ("openai", "gpt-4o", openai_server.url)
    assert fact.cost_pico == cost_of_fact(fact) > 0
    assert answer.headers["x-litellm-response-cost"] == f"{fact.cost_pico / 1e12:.12f}".rstrip("0")
    assert answer.headers["content-length"] == str(len(answer.data))
    assert [attempt.status for attempt in fact.attempts] == [200]
    assert fact.received_ms <= fact.started_ms <= fact.first_token_ms <= fact.finished_ms


async def test_a_streamed_answer(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    openai_server.next(Behaviour(chunk_delay_s=0.01))
    answer = await caller.stream("gpt")
    assert answer.text == "Hello there!"
    assert answer.data.endswith(b"data: [DONE]\n\n")
    assert {chunk["model"] for chunk in answer.chunks} == {"gpt"}
    assert all(chunk.get("usage") is None for chunk in answer.chunks), "the client did not ask for it"
    assert all(chunk["choices"] for chunk in answer.chunks)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "x-litellm-response-cost" not in answer.headers
    assert openai_server.received[0].body["stream_options"] == {"include_usage": True}
    fact = await caller.fact(answer)
    assert (fact.usage, fact.usage_source, fact.stream) == (OPENAI_USED, "provider", True)
    assert fact.first_token_ms < fact.finished_ms
    assert fact.finish_reason == "stop"


async def test_the_usage_chunk_for_a_client_that_asks_for_it(start: Start, caller: Caller) -> None:
    await start()
    answer = await caller.stream("gpt", more={"stream_options": {"include_usage": True}})
    last = answer.chunks[-1]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 30)


@pytest.mark.parametrize("model", ["gpt", "azure", "claude"])
async def test_calls_of_tools(
    start: Start,
    caller: Caller,
    model: str,
    openai_server: OpenAIServer,
    azure_server: AzureServer,
    anthropic_server: AnthropicServer,
) -> None:
    await start()
    for server in (openai_server, azure_server, anthropic_server):
        server.always = Behaviour(tool_calls=True)
    whole = await caller.ask(model, more={"tools": TOOLS})
    choice = whole.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = choice["message"]["tool_calls"][0]
    assert (call["function"]["name"], orjson.loads(call["function"]["arguments"])) == ("weather", {"city": "Oslo"})
    streamed = await caller.stream(model, more={"tools": TOOLS})
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed.chunks if chunk["choices"]]
    pieces = [tool["function"].get("arguments", "") for delta in deltas for tool in delta.get("tool_calls") or ()]
    assert orjson.loads("".join(pieces)) == {"city": "Oslo"}
    assert (await caller.fact(streamed)).finish_reason == "tool_calls"


async def test_azure_gets_its_key_and_version_and_hides_its_model(
    start: Start, caller: Caller, azure_server: AzureServer
) -> None:
    await start()
    whole, streamed = await caller.ask("azure"), await caller.stream("azure")
    assert whole.text == streamed.text == "Hello there!"
    received = azure_server.received[0]
    assert received.path == "/openai/deployments/gpt-4/chat/completions"
    assert received.query == "api-version=2024-10-21"
    assert {chunk["model"] for chunk in streamed.chunks} == {"azure"}
    fact = await caller.fact(streamed)
    assert (fact.usage, fact.usage_source) == (OPENAI_USED, "provider")
    assert fact.response_id == "chatcmpl-2"


async def test_anthropic_both_ways(start: Start, caller: Caller, anthropic_server: AnthropicServer) -> None:
    await start()
    history = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]  # fmt: skip
    whole = await caller.ask("claude", more={"messages": history, "tools": TOOLS, "max_tokens": 50})
    assert whole.text == "Hello there!"
    sent = anthropic_server.received[0]
    assert (sent.body["model"], sent.body["max_tokens"]) == ("claude-3-5-sonnet-20241022", 50)
    assert sent.body["system"] == [{"type": "text", "text": "be brief"}]
    assert [turn["role"] for turn in sent.body["messages"]] == ["user", "assistant", "user"]
    assert sent.headers["x-api-key"] == anthropic_server.key
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert whole.body["usage"]["prompt_tokens"] == 20
    streamed = await caller.stream("claude", more={"stream_options": {"include_usage": True}})
    assert streamed.text == "Hello there!"
    assert streamed.chunks[-1]["usage"]["completion_tokens"] == 10
    assert streamed.data.endswith(b"data: [DONE]\n\n")
    for answer in (whole, streamed):
        fact = await caller.fact(answer)
        assert (fact.usage, fact.usage_source) == (ANTHROPIC_USED, "provider")
        assert fact.cost_pico == cost_of_fact(fact) > 0


async def test_a_request_anthropic_cannot_take_is_the_clients_mistake(start: Start, caller: Caller) -> None:
    await start()
    answer = await caller.ask("claude", more={"logit_bias": {"1": 2}})
    assert answer.failure is not None
    assert (answer.failure["status"], answer.failure["param"]) == (400, "logit_bias")
    fact = await caller.fact(answer)
    assert (fact.status, fact.usage_source, fact.cost_pico) == (400, "none", 0)


async def test_images_and_several_choices_pass(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "what?"}, image]}]
    answer = await caller.ask("gpt", more={"messages": messages, "n": 2})
    assert len(answer.body["choices"]) == 2
    assert openai_server.received[0].body["messages"] == messages


# what the provider does not tell


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_the_provider_does_not_tell_is_counted_and_marked(
    start: Start, caller: Caller, openai_server: OpenAIServer, stream: bool
) -> None:
    await start()
    openai_server.always = Behaviour(no_usage=True, text="one two three four five")
    answer = await (caller.stream("gpt") if stream else caller.ask("gpt"))
    fact = await caller.fact(answer)
    assert fact.usage_source == "counted"
    assert fact.usage["output"] == 5
    assert 5 <= fact.usage["input"] <= 12
    assert fact.cost_pico == cost_of_fact(fact) > 0


async def test_a_model_without_a_price_costs_what_nobody_knows(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start([("own", at(openai_server, "hosted_vllm/my-own-model"))])
    answer = await caller.ask("own")
    assert "x-litellm-response-cost" not in answer.headers
    fact = await caller.fact(answer)
    assert (fact.price, fact.cost_pico) == (None, 0)
    assert fact.usage == OPENAI_USED


async def test_the_operators_prices_come_first(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    prices: dict[str, Any] = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    await start([("gpt", at(openai_server, **prices))])
    fact = await caller.fact(await caller.ask("gpt"))
    assert fact.cost_pico == 20 * 10**9 + 10 * 2 * 10**9
    assert fact.price is not None
    assert fact.price.source == "config.yaml"


async def test_a_price_by_another_model(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    params = at(openai_server, "openai/my-fine-tune")
    entry = {"model_name": "gpt", "litellm_params": params, "model_info": {"base_model": "gpt-4o"}}
    await start([], model_list=[entry])
    fact = await caller.fact(await caller.ask("gpt"))
    assert fact.price is not None
    assert fact.price.row.startswith("openai/gpt-4o@")


# order


async def test_whoever_holds_the_last_frame_can_find_the_fact(start: Start, caller: Caller) -> None:
    """Seen on the wire: the fact, JetStream's word that it is stored, and only then the end of the answer."""
    await start()
    seen: list[str] = []

    def tap(message: Any) -> None:
        seen.append(message.subject)

    for subject in ("evt.completion.>", "_ack.>", "chunk.>"):
        await caller.bus.subscribe(subject, tap)
    for ask in (caller.ask, caller.stream):
        seen.clear()
        answer = await ask("gpt")
        await asyncio.sleep(0.05)
        kinds = [subject.split(".")[0] for subject in seen]
        assert kinds[-3:] == ["evt", "_ack", "chunk"]
        assert kinds.count("evt") == 1
        assert (await caller.fact(answer)).request_id == answer.request_id


async def test_every_command_has_one_fact(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(router_settings={"num_retries": 0})
    openai_server.next(Behaviour(), Behaviour(status=500), Behaviour(status=400), Behaviour(break_after=1))
    bodies = [{"model": "gpt", "messages": [], "stream": index % 2 == 1} for index in range(8)]
    answers = [caller.send(body) for body in bodies]
    answers.append(caller.send({"model": "claude", "messages": "wrong"}))
    answers.append(caller.send({"model": "nobody-serves-this", "messages": []}))
    for answer in answers:
        await answer.whole()
    facts = await caller.facts()
    assert sorted(fact.request_id for fact in facts) == sorted(answer.request_id for answer in answers)
