"""SageMaker's endpoints through the router: signed calls, and containers of two kinds."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour
from tests.provider_servers.sagemaker import SageMakerServer


@pytest.fixture
async def sagemaker() -> AsyncIterator[SageMakerServer]:
    async with SageMakerServer() as server:
        yield server


def models(server: SageMakerServer, **params: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("chat", {"model": "sagemaker_chat/chat", **server.sign_in, **params}),
        ("text", {"model": "sagemaker/text", **server.sign_in, **params}),
    ]


async def test_a_container_of_chat_completions(start: Start, caller: Caller, sagemaker: SageMakerServer) -> None:
    await start(models(sagemaker))
    assert (await caller.ask("chat")).text == "Hello there!"
    streamed = await caller.stream("chat", more={"stream_options": {"include_usage": True}})
    assert streamed.text == "Hello there!"
    assert streamed.chunks[-1]["usage"]["total_tokens"] == 30
    assert (await caller.fact(streamed)).usage_source == "provider"
    assert [request.path for request in sagemaker.received] == [
        "/endpoints/chat/invocations",
        "/endpoints/chat/invocations-response-stream",
    ]


async def test_a_container_of_text_generation(start: Start, caller: Caller, sagemaker: SageMakerServer) -> None:
    await start(models(sagemaker))
    more = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "temperature": 0.5, "stop": "x"}
    whole = await caller.ask("text", more=more)
    assert whole.text == "Hello there!"
    assert sagemaker.received[0].body == {
        "inputs": "Hi",
        "parameters": {"temperature": 0.5, "max_new_tokens": 9, "stop": ["x"]},
    }
    sagemaker.next(Behaviour(finish="length"))
    streamed = await caller.stream("text")
    assert streamed.text == "Hello there!"
    assert streamed.chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert sagemaker.received[1].body["stream"] is True
    assert (await caller.fact(streamed)).usage_source == "counted"


@pytest.mark.parametrize("name", ["chat", "text"])
async def test_what_goes_wrong_at_an_endpoint_is_told(
    start: Start, caller: Caller, sagemaker: SageMakerServer, name: str
) -> None:
    await start(models(sagemaker, num_retries=0))
    sagemaker.next(Behaviour(status=424), Behaviour(error_after=2), Behaviour(end_after=2))
    failed = await caller.ask(name)
    assert failed.failure is not None
    assert "The server says 424." in failed.failure["message"]
    for words in ("The container died.", "unexpected end"):
        broken = await caller.stream(name)
        assert broken.failure is not None
        assert words in broken.failure["message"]
    tools = [{"type": "function", "function": {"name": "f"}}]
    refused = await caller.ask("text", more={"tools": tools})
    assert refused.failure is not None
    assert (refused.failure["status"], "tools" in refused.failure["message"]) == (400, True)


async def test_a_wrong_secret_is_refused(start: Start, caller: Caller, sagemaker: SageMakerServer) -> None:
    await start(models(sagemaker, aws_secret_access_key="wrong", num_retries=0))
    answer = await caller.ask("chat")
    assert answer.failure is not None
    assert answer.failure["status"] == 403


async def test_a_call_that_passes_is_signed_as_it_is_sent(
    start: Start, caller: Caller, sagemaker: SageMakerServer
) -> None:
    await start([("m", {"model": "sagemaker_chat/chat", **sagemaker.sign_in})])
    body = {"messages": [{"role": "user", "content": "hi"}], "new_field": 1.50}
    for path in ("/endpoints/chat/invocations", "/endpoints/chat/invocations-response-stream"):
        passed = {"call_type": "pass_through_endpoint", "group": "pass-through/sagemaker_chat/chat"}
        answer = await caller.send(body, **passed, passed=("POST", path), num_retries=0, stream=True).whole()
        assert answer.head is not None
        assert answer.head.status == 200, answer.data
        assert sagemaker.received[-1].body == body
        fact = await caller.fact(answer)
        assert fact.usage_source == ("counted" if "stream" in path else "provider")
        assert fact.completion_tokens > 0
