"""Predictions that take their time: waited for, streamed, failed; and where the key goes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.replicate.request import to_input
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller, until
from tests.provider_servers import Behaviour
from tests.provider_servers.replicate import ReplicateServer

LLAMA = "replicate/meta/meta-llama-3-8b-instruct"


@pytest.fixture
async def server(start: Start) -> AsyncIterator[ReplicateServer]:
    async with ReplicateServer() as server:
        base = {"api_base": f"{server.origin}/v1", "api_key": server.key}
        models = [
            ("m", {**base, "model": LLAMA}),
            ("dated", {**base, "model": f"{LLAMA}:5a6809ca"}),
            ("own", {**base, "model": "replicate/deployments/acme/bot"}),
        ]
        await start(models, router_settings={"num_retries": 0})
        yield server


async def test_a_prediction_is_looked_at_until_it_is_over(server: ReplicateServer, caller: Caller) -> None:
    server.polls = 3
    assert (await caller.ask("m")).text == "Hello there!"
    assert [(request.method, request.path) for request in server.received] == [
        ("POST", "/v1/models/meta/meta-llama-3-8b-instruct/predictions"),
        *[("GET", "/v1/predictions/p-1")] * 3,
    ]
    assert server.received[0].headers["prefer"] == "wait"
    assert server.received[0].body == {"input": {"prompt": "hello"}}


async def test_a_stream_is_read_at_its_own_address_without_the_key_and_its_usage_afterwards(
    server: ReplicateServer, caller: Caller
) -> None:
    server.always = Behaviour(text="one\n\ntwo three")
    answer = await caller.stream("m")
    assert answer.text == "one\n\ntwo three"
    stream, last = server.received[1:]
    assert (stream.path, last.path) == ("/stream/p-1", "/v1/predictions/p-1")
    assert stream.headers["accept"] == "text/event-stream"
    assert (await caller.fact(answer)).usage_source == "provider"


async def test_a_model_without_streams_is_waited_for(server: ReplicateServer, caller: Caller) -> None:
    server.has_streams, server.polls = False, 1
    answer = await caller.stream("m")
    assert answer.text == "Hello there!"
    assert answer.data.endswith(b"data: [DONE]\n\n")


async def test_versions_and_deployments_have_their_own_addresses(server: ReplicateServer, caller: Caller) -> None:
    await caller.ask("dated")
    await caller.ask("own")
    assert server.received[0].path == "/v1/predictions"
    assert server.received[0].body["version"] == "5a6809ca"
    assert server.received[1].path == "/v1/deployments/acme/bot/predictions"


@pytest.mark.parametrize("end", ["failed", "canceled", "aborted"])
async def test_a_prediction_that_fails_is_a_failure_in_its_words(
    server: ReplicateServer, caller: Caller, end: str
) -> None:
    server.end = end
    answer = await caller.ask("m")
    assert answer.failure is not None
    assert answer.failure["status"] == 502
    assert "CUDA out of memory" in answer.failure["message"]


async def test_tokens_that_are_not_told_are_counted(server: ReplicateServer, caller: Caller) -> None:
    server.always = Behaviour(no_usage=True)
    answer = await caller.ask("m")
    fact = await caller.fact(answer)
    assert (fact.status, fact.usage_source) == (200, "counted")
    assert fact.completion_tokens > 0


async def test_a_look_that_is_refused_ends_the_answer(server: ReplicateServer, caller: Caller) -> None:
    server.polls = 1
    server.next(Behaviour(), Behaviour(status=503))
    answer = await caller.ask("m")
    assert answer.failure is not None
    assert answer.failure["status"] == 503
    assert "The server says 503." in answer.failure["message"]


async def test_what_nobody_waits_for_any_more_is_cancelled(server: ReplicateServer, caller: Caller) -> None:
    server.polls = 1_000
    slow = await caller.ask("m", timeout_s=0.3)
    assert slow.failure is not None
    assert slow.failure["status"] == 504
    await until(lambda: server.cancelled == ["p-1"])
    assert server.received[-1].headers["authorization"] == f"Bearer {server.key}"


async def test_a_stream_whose_client_left_is_cancelled(start: Start, caller: Caller) -> None:
    async with ReplicateServer() as server:
        params = {"model": LLAMA, "api_base": f"{server.origin}/v1", "api_key": server.key}
        await start([("m", params)], general_settings={"meterhouse": {"client_disconnect": "cancel"}})
        server.always = Behaviour(text="word " * 200, chunk_delay_s=0.02)
        answer = caller.send({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
        await asyncio.wait_for(answer.begun.wait(), 5)
        caller.leave(answer)
        fact = await caller.fact_to_come(answer)
        assert (fact.client_left, fact.interrupted) == (True, "cancelled")
        await until(lambda: server.cancelled == ["p-1"])


async def test_a_prediction_that_is_over_is_not_cancelled(server: ReplicateServer, caller: Caller) -> None:
    await caller.ask("m")
    await caller.stream("m")
    server.end = "failed"
    await caller.ask("m")
    assert server.cancelled == []


async def test_a_cancellation_that_is_refused_changes_nothing(server: ReplicateServer, caller: Caller) -> None:
    server.polls = 1_000
    server.next(Behaviour(), Behaviour(delay_s=0.5), Behaviour(status=500))
    slow = await caller.ask("m", timeout_s=0.2)
    assert slow.failure is not None
    assert slow.failure["status"] == 504


def test_a_conversation_is_written_down_and_a_single_turn_is_not() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": "data:x"}]},
    ]
    body = {"messages": turns, "max_tokens": 9, "stop": ["a", "b"], "temperature": 0, "prompt_template": "{prompt}"}
    assert to_input(body, model="meta/x", drop_params=False) == {
        "prompt": "User: Hi\n\nAssistant: Hello\n\nUser: Look\n\nAssistant:",
        "system_prompt": "Be brief.",
        "image": "data:x",
        "max_tokens": 9,
        "stop_sequences": "a,b",
        "temperature": 0,
        "prompt_template": "{prompt}",
    }
    alone = to_input({"messages": turns[1:2], "max_tokens": 5}, model="openai/gpt-4o", drop_params=False)
    assert alone == {"prompt": "Hi", "max_completion_tokens": 5}


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"),
        ([{"role": "tool", "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "messages[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "a"}] * 2}], "messages"),
    ],
)
def test_what_a_prediction_cannot_take_is_named(messages: list[object], param: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_input({"messages": messages}, model="m", drop_params=False)
    assert caught.value.param == param
