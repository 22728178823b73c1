"""Bedrock in the forms of OpenAI and Anthropic, through the router; and the local server held to both their SDKs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from anthropic import AsyncAnthropicBedrockMantle
from openai import AsyncBedrockOpenAI

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour
from tests.provider_servers.mantle import MantleServer

CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture
async def mantle(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MantleServer]:
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "BEDROCK_MANTLE_API_KEY", "AWS_PROFILE", "AWS_REGION", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with MantleServer() as server:
        yield server


def signing(server: MantleServer) -> dict[str, Any]:
    return {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret, "api_base": server.origin}


async def test_a_signed_chat_is_answered_plain_and_streamed(start: Start, caller: Caller, mantle: MantleServer) -> None:
    await start([("gpt", {"model": "bedrock_mantle/openai.gpt-5.5", **signing(mantle)})])
    whole = await caller.ask("gpt", more={"max_tokens": 9})
    assert whole.text == "Hello there!"
    assert (mantle.received[0].path, mantle.received[0].body["max_completion_tokens"]) == (
        "/openai/v1/chat/completions",
        9,
    )
    fact = await caller.fact(whole)
    assert (fact.provider, fact.usage_source, fact.completion_tokens) == ("bedrock_mantle", "provider", 10)
    assert fact.cost_pico
    assert (await caller.stream("gpt")).text == "Hello there!"


async def test_a_key_serves_in_place_of_a_signature_and_a_region_may_stand_in_front(
    start: Start, caller: Caller, mantle: MantleServer
) -> None:
    model = {"model": "bedrock_mantle/us-west-2/qwen.qwen3-32b", "api_key": mantle.key, "api_base": mantle.origin}
    await start([("qwen", {**model, "num_retries": 0})])
    assert (await caller.ask("qwen")).text == "Hello there!"
    assert (mantle.received[0].path, mantle.received[0].body["model"]) == ("/v1/chat/completions", "qwen.qwen3-32b")
    mantle.next(Behaviour(status=429))
    refused = await caller.ask("qwen")
    assert refused.failure is not None
    assert refused.failure["status"] == 429


async def test_claude_answers_by_messages(start: Start, caller: Caller, mantle: MantleServer) -> None:
    await start([("claude", {"model": f"bedrock_mantle/{CLAUDE}", **signing(mantle)})])
    assert (await caller.ask("claude")).text == "Hello there!"
    assert (await caller.stream("claude")).text == "Hello there!"
    asked = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "a_field_of_tomorrow": 1}
    native = await caller.ask("claude", more=asked, call_type="anthropic_messages", dialect="anthropic")
    assert native.body["content"][0]["text"] == "Hello there!"
    assert mantle.received[2].body["a_field_of_tomorrow"] == 1
    assert {each.body["model"] for each in mantle.received} == {CLAUDE}
    assert {each.path for each in mantle.received} == {"/anthropic/v1/messages"}


async def test_a_wrong_secret_is_told(start: Start, caller: Caller, mantle: MantleServer) -> None:
    wrong = {**signing(mantle), "aws_secret_access_key": "other", "num_retries": 0}
    await start([("gpt", {"model": "bedrock_mantle/openai.gpt-5.5", **wrong})])
    refused = await caller.ask("gpt")
    assert refused.failure is not None
    assert refused.failure["status"] == 401


async def test_the_official_sdks_sign_for_the_same_server(mantle: MantleServer) -> None:
    keys: dict[str, Any] = {"aws_region": mantle.region}
    openai = AsyncBedrockOpenAI(
        aws_access_key_id=mantle.access_key,
        aws_secret_access_key=mantle.secret,
        base_url=f"{mantle.origin}/openai/v1",
        **keys,
    )
    async with openai:
        answer = await openai.chat.completions.create(
            model="openai.gpt-5.5", messages=[{"role": "user", "content": "hi"}]
        )
    assert answer.choices[0].message.content == "Hello there!"
    claude = AsyncAnthropicBedrockMantle(
        aws_access_key=mantle.access_key, aws_secret_key=mantle.secret, base_url=f"{mantle.origin}/anthropic", **keys
    )
    async with claude:
        message = await claude.messages.create(model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": "hi"}])
    assert [block.text for block in message.content if block.type == "text"] == ["Hello there!"]
