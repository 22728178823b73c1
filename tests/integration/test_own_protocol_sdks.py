"""The local servers of own protocols held to official SDKs: what those read without a complaint is the real form."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ollama
import pytest
import replicate

from tests.provider_servers import Behaviour
from tests.provider_servers.ollama import OllamaServer
from tests.provider_servers.replicate import ReplicateServer

ASKED: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
LLAMA = "meta/meta-llama-3-8b-instruct"


@asynccontextmanager
async def at_ollama(server: OllamaServer) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=server.origin)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def at_replicate(server: ReplicateServer, key: str) -> AsyncIterator[replicate.Client]:
    client = replicate.Client(api_token=key, base_url=server.origin)
    try:
        yield client
    finally:
        await client._async_client.aclose()  # it has no way of its own to close it


async def test_ollamas_sdk_reads_answers_streams_thoughts_and_calls() -> None:
    async with OllamaServer() as server, at_ollama(server) as client:
        answer = await client.chat(model="llama3.2", messages=ASKED)
        assert (answer.message.content, answer.eval_count, answer.done_reason) == ("Hello there!", 10, "stop")
        parts = [part async for part in await client.chat(model="qwen3", messages=ASKED, stream=True, think=True)]
        assert "".join(part.message.content or "" for part in parts) == "Hello there!"
        assert "".join(part.message.thinking or "" for part in parts) == "Let me think."
        assert (parts[-1].done, parts[-1].prompt_eval_count) == (True, 20)
        server.next(Behaviour(tool_calls=True))
        calls = (await client.chat(model="llama3.2", messages=ASKED, tools=TOOLS)).message.tool_calls
        assert calls is not None
        assert (calls[0].function.name, calls[0].function.arguments) == ("weather", {"city": "Oslo"})
        embedded = await client.embed(model="nomic-embed-text", input=["one", "two"])
        assert embedded.embeddings == [[0.5, 0.0], [0.5, 1.0]]


async def test_ollamas_sdk_knows_the_errors() -> None:
    async with OllamaServer() as server, at_ollama(server) as client:
        with pytest.raises(ollama.ResponseError, match="not found") as caught:
            await client.chat(model="no-such-model", messages=ASKED)
        assert caught.value.status_code == 404
        server.next(Behaviour(error_after=1))
        with pytest.raises(ollama.ResponseError, match="an error was encountered"):
            assert [part async for part in await client.chat(model="llama3.2", messages=ASKED, stream=True)]


async def test_replicates_sdk_waits_for_a_prediction_and_reads_a_stream() -> None:
    async with ReplicateServer(polls=1) as server, at_replicate(server, server.key) as client:
        output = await client.async_run(LLAMA, input={"prompt": "hi"})
        assert "".join(output) == "Hello there!"
        events = [event async for event in await client.async_stream(LLAMA, input={"prompt": "hi"})]
        assert "".join(str(event) for event in events) == "Hello there!"
        assert events[-1].event.value == "done"


async def test_replicates_sdk_is_told_of_a_wrong_key() -> None:
    async with ReplicateServer() as server, at_replicate(server, "wrong") as client:
        with pytest.raises(replicate.exceptions.ReplicateError, match="authentication token"):
            await client.async_run(LLAMA, input={"prompt": "hi"})
