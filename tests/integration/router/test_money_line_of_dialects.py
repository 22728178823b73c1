"""Streams that go through untouched end at the money line too, in their own dialect; the provider's call ends."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from services.router.providers.aws.event_stream import EventStream
from shared.calls import Bound
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Answer, Caller, until
from tests.provider_servers import (
    AnthropicServer,
    BedrockServer,
    Behaviour,
    GeminiServer,
    OpenAIServer,
    aws_event_stream,
)
from tests.provider_servers.cohere import CohereServer
from tests.provider_servers.http_server import HttpServer
from tests.provider_servers.ollama import OllamaServer
from tests.provider_servers.sagemaker import SageMakerServer

IN, OUT = 1_000_000, 2_000_000
PRICED = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
INPUT_TOKENS, PAID = 40, 50
LONG = Behaviour(text=" ".join(["word"] * 2_000), chunk_delay_s=0.001)
HELD: dict[str, Any] = {
    "hold_pico": INPUT_TOKENS * IN + PAID * OUT,
    "bound": Bound(INPUT_TOKENS, PAID, 1),
    "stream": True,
}
SAID = " ".join(["word"] * PAID)


def passed(target: str, group: str) -> dict[str, Any]:
    """The fields of a call that passes, to a model whose prices a deployment says."""
    return {**HELD, "call_type": "pass_through_endpoint", "group": f"pass-through/{group}", "passed": ("POST", target)}


@pytest.fixture
async def claude() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def gemini() -> AsyncIterator[GeminiServer]:
    async with GeminiServer() as server:
        yield server


@pytest.fixture
async def bedrock() -> AsyncIterator[BedrockServer]:
    async with BedrockServer() as server:
        yield server


async def checked(caller: Caller, answer: Answer, server: HttpServer, reason: str) -> None:
    """Look at what holds of all of them: charged for what went out, and the provider writes no more."""
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.finish_reason, fact.usage_source) == ("success", reason, "counted")
    assert (fact.usage["output"], fact.cost_pico <= fact.hold_pico) == (PAID, True)
    await until(lambda: server.open == 0)
    assert server.broken_off == 1, "the provider's call is ended"


def events_of(answer: Answer) -> list[dict[str, Any]]:
    return [orjson.loads(line[6:]) for line in answer.data.split(b"\n") if line.startswith(b"data: {")]


MESSAGE = {"max_tokens": 9_999, "messages": [{"role": "user", "content": "hi"}], "stream": True}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize("form", ["native", "passed"])
async def test_a_message(start: Start, caller: Caller, claude: AnthropicServer, form: str) -> None:
    model = {"model": "anthropic/claude-haiku-4-5", "api_base": claude.origin, "api_key": claude.key, **PRICED}
    await start([("c", model)])
    claude.next(LONG)
    if form == "passed":
        fields = passed("/v1/messages", "anthropic/claude-haiku-4-5")
        version = (("anthropic-version", "2023-06-01"),)
        body = {"model": "claude-haiku-4-5", **MESSAGE}
        answer = await caller.send(body, **fields, client_headers=version).whole()
    else:
        own: dict[str, Any] = {"call_type": "anthropic_messages", "dialect": "anthropic"}
        answer = await caller.send({"model": "c", **MESSAGE}, **HELD, **own).whole()
    events = events_of(answer)
    assert "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta") == SAID
    assert [event["type"] for event in events][-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert events[-2]["usage"]["output_tokens"] == PAID
    await checked(caller, answer, claude, "max_tokens")


@pytest.mark.parametrize("form", ["native", "passed", "passed as an array"])
async def test_an_answer_of_gemini(start: Start, caller: Caller, gemini: GeminiServer, form: str) -> None:
    await start(
        [("g", {"model": "gemini/gemini-2.5-flash", "api_base": gemini.origin, "api_key": gemini.key, **PRICED})]
    )
    gemini.next(LONG)
    if form == "native":
        own: dict[str, Any] = {"call_type": "agenerate_content", "dialect": "gemini"}
        answer = await caller.send({"model": "g", **CONTENTS}, **HELD, **own).whole()
    else:
        target = "/v1beta/models/gemini-2.5-flash:streamGenerateContent" + ("?alt=sse" if form == "passed" else "")
        fields = passed(target, "gemini/gemini-2.5-flash")
        answer = await caller.send(CONTENTS, **fields).whole()
    events = orjson.loads(answer.data) if form == "passed as an array" else events_of(answer)
    candidates = [event["candidates"][0] for event in events]
    assert "".join(each["content"]["parts"][0]["text"] for each in candidates) == SAID
    assert [each.get("finishReason") for each in candidates][-1] == "MAX_TOKENS"
    assert events[-1]["usageMetadata"]["candidatesTokenCount"] == PAID
    await checked(caller, answer, gemini, "MAX_TOKENS")


async def test_a_chat_that_is_passed(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start([("gpt", at(openai_server, **PRICED))])
    openai_server.next(LONG)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    fields = passed("/v1/chat/completions", "openai/gpt-4o")
    answer = await caller.send(body, **fields).whole()
    assert answer.text == SAID
    assert answer.data.endswith(b"data: [DONE]\n\n")
    assert answer.chunks[-1]["choices"][0]["finish_reason"] == "length"
    await checked(caller, answer, openai_server, "length")


@pytest.mark.parametrize("method", ["converse-stream", "invoke-with-response-stream"])
async def test_a_passed_stream_of_bedrock(start: Start, caller: Caller, bedrock: BedrockServer, method: str) -> None:
    name = "anthropic.claude-3-5-sonnet-20241022-v2:0"
    await start([("b", {"model": f"bedrock/{name}", **bedrock.sign_in, **PRICED})])
    bedrock.next(LONG)
    conversation = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
    invoked = {"anthropic_version": "bedrock-2023-05-31", **{k: v for k, v in MESSAGE.items() if k != "stream"}}
    body = orjson.dumps(conversation if method == "converse-stream" else invoked)
    fields = passed(f"/model/{name}/{method}", f"bedrock/{name}")
    answer = await caller.send(body, **fields).whole()
    if method == "converse-stream":
        assert answer.data.count(b"contentBlockDelta") == PAID
        assert aws_event_stream.event("messageStop", b'{"stopReason":"max_tokens"}') in answer.data
    await checked(caller, answer, bedrock, "max_tokens")


async def test_a_passed_stream_of_cohere(start: Start, caller: Caller) -> None:
    async with CohereServer() as cohere:
        model = {"model": "cohere/command-a-03-2025", "api_base": cohere.origin, "api_key": cohere.key, **PRICED}
        await start([("c", model)])
        cohere.next(LONG)
        fields = passed("/v2/chat", "cohere/command-a-03-2025")
        answer = await caller.send({"model": "command-a-03-2025", **MESSAGE, "max_tokens": 9_999}, **fields).whole()
        events = events_of(answer)
        deltas = [event["delta"]["message"]["content"] for event in events if event["type"] == "content-delta"]
        assert "".join(delta["text"] for delta in deltas) == SAID
        assert [event["type"] for event in events][-2:] == ["content-end", "message-end"]
        assert events[-1]["delta"]["finish_reason"] == "MAX_TOKENS"
        assert events[-1]["delta"]["usage"]["billed_units"]["output_tokens"] == PAID
        await checked(caller, answer, cohere, "MAX_TOKENS")


@pytest.mark.parametrize("method", ["chat", "generate"])
async def test_passed_lines_of_ollama(start: Start, caller: Caller, method: str) -> None:
    async with OllamaServer() as ollama:
        await start([("o", {"model": "ollama/llama3.3", "api_base": ollama.origin, **PRICED})])
        ollama.next(LONG)
        asked = {"messages": [{"role": "user", "content": "hi"}]} if method == "chat" else {"prompt": "hi"}
        fields = passed(f"/api/{method}", "ollama/llama3.3")
        answer = await caller.send({"model": "llama3.3", **asked}, **fields).whole()
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [orjson.loads(line) for line in answer.data.splitlines()]
        said = [line["message"]["content"] if method == "chat" else line["response"] for line in lines]
        assert "".join(said) == SAID
        assert [line["done"] for line in lines[-2:]] == [False, True]
        assert (lines[-1]["done_reason"], lines[-1]["eval_count"]) == ("length", PAID)
        await checked(caller, answer, ollama, "length")


@pytest.mark.parametrize("endpoint", ["chat", "text"])
async def test_a_passed_stream_of_a_container(start: Start, caller: Caller, endpoint: str) -> None:
    async with SageMakerServer() as sagemaker:
        await start([("s", {"model": f"sagemaker/{endpoint}", **sagemaker.sign_in, **PRICED})])
        sagemaker.next(LONG)
        path = f"/endpoints/{endpoint}/invocations-response-stream"
        asked: dict[str, Any] = (
            {"inputs": "hi"} if endpoint == "text" else {"messages": [{"role": "user", "content": "hi"}]}
        )
        fields = passed(path, f"sagemaker/{endpoint}")
        answer = await caller.send(asked, **fields).whole()
        sent = b"".join(payload for _, payload in EventStream().feed(answer.data))
        events = [orjson.loads(line[5:]) for line in sent.splitlines() if line.startswith((b"data:{", b"data: {"))]
        if endpoint == "chat":
            said = [event["choices"][0]["delta"].get("content", "") for event in events]
            assert events[-1]["choices"][0]["finish_reason"] == "length"
            assert sent.endswith(b"data: [DONE]\n\n")
        else:
            said = [event["token"]["text"] for event in events]
            assert events[-1]["details"]["finish_reason"] == "length"
            assert events[-1]["generated_text"] == SAID
        assert "".join(said) == SAID
        await checked(caller, answer, sagemaker, "length")
