"""The local Workers AI server held to cloudflare's SDK (`ai.run`); its compatible endpoint is for OpenAI's SDK."""

from typing import Any

import openai
import orjson
import pytest
from cloudflare import AsyncCloudflare, AuthenticationError, InternalServerError

from tests.provider_servers import Behaviour
from tests.provider_servers.cloudflare import ACCOUNT, CloudflareServer

LLAMA = "@cf/meta/llama-3.1-8b-instruct"
ASKED: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
TOOLS: Any = [{"name": "weather", "description": "of a city", "parameters": {"type": "object", "properties": {}}}]


def at_cloudflare(server: CloudflareServer, key: str) -> AsyncCloudflare:
    return AsyncCloudflare(api_token=key, base_url=f"{server.origin}/client/v4", max_retries=0)


async def test_cloudflares_sdk_takes_answers_and_calls_out_of_the_envelope() -> None:
    async with CloudflareServer() as server, at_cloudflare(server, server.key) as client:
        answer: Any = await client.ai.run(LLAMA, account_id=ACCOUNT, messages=ASKED, max_tokens=50)
        assert answer["response"] == "Hello there!"
        assert answer["usage"] == {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
        assert server.received[0].body == {"messages": ASKED, "max_tokens": 50}
        server.next(Behaviour(tool_calls=True))
        called: Any = await client.ai.run(LLAMA, account_id=ACCOUNT, messages=ASKED, tools=TOOLS)
        assert called["tool_calls"] == [{"name": "weather", "arguments": {"city": "Oslo"}}]


async def test_cloudflares_sdk_passes_on_the_lines_of_a_stream() -> None:
    async with CloudflareServer() as server, at_cloudflare(server, server.key) as client:
        asked = client.ai.with_streaming_response.run(LLAMA, account_id=ACCOUNT, messages=ASKED, stream=True)
        async with asked as response:
            lines = [line.removeprefix("data: ") async for line in response.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    events = [orjson.loads(line) for line in lines[:-1]]
    assert "".join(event["response"] for event in events) == "Hello there!"
    assert events[-1]["usage"]["total_tokens"] == 30


async def test_cloudflares_sdk_reads_vectors() -> None:
    async with CloudflareServer() as server, at_cloudflare(server, server.key) as client:
        answer: Any = await client.ai.run("@cf/baai/bge-base-en-v1.5", account_id=ACCOUNT, text=["one", "two"])
    assert (answer["shape"], answer["data"]) == ([2, 2], [[0.5, 0.0], [0.5, 1.0]])


async def test_cloudflares_sdk_knows_the_errors() -> None:
    async with CloudflareServer() as server:
        async with at_cloudflare(server, "wrong") as client:
            with pytest.raises(AuthenticationError, match="Authentication error"):
                await client.ai.run(LLAMA, account_id=ACCOUNT, messages=ASKED)
        async with at_cloudflare(server, server.key) as client:
            server.next(Behaviour(status=500))
            with pytest.raises(InternalServerError) as caught:
                await client.ai.run(LLAMA, account_id=ACCOUNT, messages=ASKED)
            assert [error.code for error in caught.value.errors] == [5500]


async def test_openais_sdk_reads_the_compatible_endpoint() -> None:
    async with (
        CloudflareServer() as server,
        openai.AsyncOpenAI(base_url=f"{server.base}/v1", api_key=server.key, max_retries=0) as client,
    ):
        answer = await client.chat.completions.create(model=LLAMA, messages=ASKED)
        assert answer.choices[0].message.content == "Hello there!"
