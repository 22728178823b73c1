"""The local providers held to the official SDKs: what those read without a complaint is the real wire format."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from tests.provider_servers import AnthropicServer, AzureServer, Behaviour, OpenAIServer

MODEL = "claude-of-the-tests"
ASKED: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
OPENAI_TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
ANTHROPIC_TOOLS: Any = [{"name": "weather", "input_schema": {"type": "object"}}]


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def client(server: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def azure() -> AsyncIterator[AzureServer]:
    async with AzureServer() as server:
        yield server


@pytest.fixture
async def claude() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def claude_client(claude: AnthropicServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=claude.origin, api_key=claude.key, max_retries=0) as client:
        yield client


# OpenAI


async def test_openais_sdk_reads_an_answer(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o", messages=ASKED, n=2)
    assert [choice.message.content for choice in answer.choices] == ["Hello there!"] * 2
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 8


async def test_openais_sdk_reads_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = client.chat.completions.stream(model="gpt-4o", messages=ASKED, stream_options={"include_usage": True})
    async with stream as events:
        final = await events.get_final_completion()
    assert final.choices[0].message.content == "Hello there!"
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    assert final.usage.total_tokens == 30


async def test_openais_sdk_reads_calls_of_tools(client: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.always = Behaviour(tool_calls=True)
    answer = await client.chat.completions.create(model="gpt-4o", messages=ASKED, tools=OPENAI_TOOLS)
    async with client.chat.completions.stream(model="gpt-4o", messages=ASKED, tools=OPENAI_TOOLS) as events:
        streamed = await events.get_final_completion()
    for completion in (answer, streamed):
        calls = completion.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].type == "function"
        assert (calls[0].function.name, calls[0].function.arguments) == ("weather", '{"city":"Oslo"}')
        assert completion.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (429, openai.RateLimitError), (500, openai.InternalServerError)],
)
async def test_openais_sdk_knows_the_errors(
    client: openai.AsyncOpenAI, server: OpenAIServer, status: int, error: type[openai.APIStatusError]
) -> None:
    server.next(Behaviour(status=status))
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert caught.value.body is not None


async def test_openais_sdk_is_told_of_a_wrong_key_and_a_wrong_model(server: OpenAIServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError, match="Incorrect API key"):
            await client.chat.completions.create(model="gpt-4o", messages=ASKED)
    async with openai.AsyncOpenAI(base_url=server.url, api_key=server.key, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no-such-model", messages=ASKED)


@pytest.mark.parametrize(
    "how", [Behaviour(hang_up="unread"), Behaviour(hang_up="unanswered"), Behaviour(hang_up="in body")]
)
async def test_openais_sdk_sees_a_broken_connection(
    client: openai.AsyncOpenAI, server: OpenAIServer, how: Behaviour
) -> None:
    server.next(how)
    with pytest.raises(openai.APIConnectionError):
        await client.chat.completions.create(model="gpt-4o", messages=ASKED)


async def test_openais_sdk_sees_an_error_in_mid_stream(client: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.next(Behaviour(error_after=2))
    stream = await client.chat.completions.create(model="gpt-4o", messages=ASKED, stream=True)
    for _ in range(2):
        await anext(aiter(stream))
    with pytest.raises(openai.APIError, match="had an error"):
        await anext(aiter(stream))


# Azure


async def test_azures_sdk_reads_answers_and_streams(azure: AzureServer) -> None:
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=azure.origin, api_key=azure.key, api_version="2024-10-21", max_retries=0
    )
    async with client:
        answer = await client.chat.completions.create(model="gpt-4", messages=ASKED)
        assert answer.choices[0].message.content == "Hello there!"
        stream = await client.chat.completions.create(model="gpt-4", messages=ASKED, stream=True)
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(texts) == "Hello there!"
        with pytest.raises(openai.NotFoundError, match="deployment"):
            await client.chat.completions.create(model="other", messages=ASKED)
    assert azure.received[0].path == "/openai/deployments/gpt-4/chat/completions"
    assert azure.received[0].query == "api-version=2024-10-21"


async def test_azure_checks_its_key_and_its_version(azure: AzureServer) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=azure.origin, api_key="wrong", api_version="2024-10-21", max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="gpt-4", messages=ASKED)
    base = f"{azure.origin}/openai/deployments/gpt-4"
    headers = {"api-key": azure.key}
    async with openai.AsyncOpenAI(base_url=base, api_key="x", default_headers=headers, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="Resource not found"):
            await client.chat.completions.create(model="gpt-4", messages=ASKED)


# Anthropic


async def test_anthropics_sdk_reads_an_answer(claude_client: anthropic.AsyncAnthropic) -> None:
    message = await claude_client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    assert message.content[0].type == "text"
    assert message.content[0].text == "Hello there!"
    assert message.usage.cache_read_input_tokens == 8


async def test_anthropics_sdk_reads_a_stream_with_tools(
    claude_client: anthropic.AsyncAnthropic, claude: AnthropicServer
) -> None:
    claude.always = Behaviour(tool_calls=True)
    async with claude_client.messages.stream(
        model=MODEL, max_tokens=100, messages=ASKED, tools=ANTHROPIC_TOOLS
    ) as stream:
        message = await stream.get_final_message()
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.content[1].type == "tool_use"
    assert message.content[1].input == {"city": "Oslo"}
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 10)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, anthropic.BadRequestError), (429, anthropic.RateLimitError), (529, anthropic.InternalServerError)],
)
async def test_anthropics_sdk_knows_the_errors(
    claude_client: anthropic.AsyncAnthropic,
    claude: AnthropicServer,
    status: int,
    error: type[anthropic.APIStatusError],
) -> None:
    claude.next(Behaviour(status=status))
    with pytest.raises(error):
        await claude_client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)


async def test_anthropics_sdk_is_told_of_a_wrong_key_and_an_error_in_mid_stream(claude: AnthropicServer) -> None:
    async with anthropic.AsyncAnthropic(base_url=claude.origin, api_key="wrong", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model=MODEL, max_tokens=100, messages=ASKED)
    claude.next(Behaviour(error_after=4))
    async with anthropic.AsyncAnthropic(base_url=claude.origin, api_key=claude.key, max_retries=0) as client:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            async with client.messages.stream(model=MODEL, max_tokens=100, messages=ASKED) as stream:
                await stream.get_final_message()
