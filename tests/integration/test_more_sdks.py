"""The local servers held to more official SDKs.

Three are left to `make test-sdks` (tests/sdks) for the trees they bring: voyageai (LangChain, Pillow), ibm-watsonx-ai
(pandas and a storage SDK) and cloudflare (57 MB of generated code).
"""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import cohere
import httpx
import openai
import pytest
from cohere.errors import NotFoundError, UnauthorizedError
from databricks.sdk.core import Config
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError as DeepgramError
from deepgram.environment import DeepgramClientEnvironment
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError as ElevenLabsError
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import HfHubHTTPError
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from tests.provider_servers import Behaviour
from tests.provider_servers.audio import SOUND, DeepgramServer, ElevenLabsServer
from tests.provider_servers.cohere import CohereServer
from tests.provider_servers.databricks import DatabricksServer
from tests.provider_servers.huggingface import HuggingFaceServer
from tests.provider_servers.mistral import MistralServer
from tests.provider_servers.vectors import CohereVectorServer, FeatureServer

ASKED: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


# Mistral


@asynccontextmanager
async def at_mistral(server: MistralServer, key: str) -> AsyncIterator[Mistral]:
    async with Mistral(api_key=key, server_url=server.origin) as client:
        yield client


async def test_mistrals_sdk_reads_answers_streams_thoughts_and_calls() -> None:
    async with MistralServer() as server, at_mistral(server, server.key) as client:
        answer = await client.chat.complete_async(model="mistral-small-2506", messages=ASKED)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello there!", "stop")
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (20, 10)
        stream = await client.chat.stream_async(model="magistral-medium-2506", messages=ASKED)
        parts = [event.data.choices[0].delta.content async for event in stream]
        said = [part for part in parts if isinstance(part, list) for part in part]
        assert "".join(part.thinking[0].text for part in said if part.type == "thinking") == "Let me think."
        assert "".join(part.text for part in said if part.type == "text") == "Hello there!"
        server.next(Behaviour(tool_calls=True))
        called = await client.chat.complete_async(model="mistral-small-2506", messages=ASKED, tools=TOOLS)
        assert called.choices[0].message.tool_calls[0].function.name == "weather"


async def test_mistrals_sdk_knows_the_errors() -> None:
    async with MistralServer() as server, at_mistral(server, "wrong") as client:
        with pytest.raises(SDKError) as caught:
            await client.chat.complete_async(model="mistral-small-2506", messages=ASKED)
        assert caught.value.status_code == 401


# Cohere


async def test_coheres_sdk_reads_answers_streams_and_calls() -> None:
    async with CohereServer() as server, cohere.AsyncClientV2(api_key=server.key, base_url=server.origin) as client:
        answer = await client.chat(model="command-a-03-2025", messages=ASKED)
        assert [item.text for item in answer.message.content] == ["Hello there!"]
        assert answer.usage.billed_units.output_tokens == 10
        events = [event async for event in client.chat_stream(model="command-a-03-2025", messages=ASKED)]
        said = [event.delta.message.content.text for event in events if event.type == "content-delta"]
        assert ("".join(said), events[-1].delta.finish_reason) == ("Hello there!", "COMPLETE")
        server.next(Behaviour(tool_calls=True))
        called = await client.chat(model="command-a-03-2025", messages=ASKED, tools=TOOLS)
        assert called.message.tool_calls[0].function.name == "weather"
        with pytest.raises(NotFoundError, match="no-such-model"):
            await client.chat(model="no-such-model", messages=ASKED)


async def test_coheres_sdk_is_told_of_a_wrong_key() -> None:
    async with CohereServer() as server, cohere.AsyncClientV2(api_key="x", base_url=server.origin) as client:
        with pytest.raises(UnauthorizedError):
            await client.chat(model="command-a-03-2025", messages=ASKED)


async def test_coheres_sdk_reads_vectors_and_rankings() -> None:
    async with (
        CohereVectorServer() as server,
        cohere.AsyncClientV2(api_key=server.key, base_url=server.origin) as client,
    ):
        vectors = await client.embed(
            model="embed-v4.0", texts=["one", "two"], input_type="search_query", embedding_types=["float"]
        )
        assert vectors.embeddings.float_ == [[0.5, 0.0], [0.5, 1.0]]
        assert vectors.meta.billed_units.input_tokens == 20
        part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        pictured = await client.embed(
            model="embed-v4.0",
            inputs=[{"content": [part]}],
            input_type="search_query",
            embedding_types=["float"],  # type: ignore[list-item]
        )
        assert pictured.embeddings.float_ == [[0.5, 0.0]]
        ranked = await client.rerank(model="rerank-v3.5", query="q", documents=["one", "two"], top_n=1)
        assert [(found.index, found.relevance_score) for found in ranked.results] == [(1, 0.4375)]


# Hugging Face


async def test_hugging_faces_sdk_chats_and_embeds() -> None:
    async with HuggingFaceServer() as server:
        async with AsyncInferenceClient(base_url=server.origin, api_key=server.key) as client:
            answer = await client.chat_completion(ASKED, model="meta-llama/Llama-3.1-8B-Instruct:together")
            assert answer.choices[0].message.content == "Hello there!"
            chunks = await client.chat_completion(ASKED, model="meta-llama/Llama-3.1-8B-Instruct", stream=True)
            said = [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]
            assert "".join(said) == "Hello there!"
        async with AsyncInferenceClient(base_url=server.origin, api_key="wrong") as client:
            with pytest.raises(HfHubHTTPError, match="401"):
                await client.chat_completion(ASKED, model="meta-llama/Llama-3.1-8B-Instruct")
    async with FeatureServer() as features:
        place = f"{features.origin}/hf-inference/models/BAAI/bge-small/pipeline/feature-extraction"
        async with AsyncInferenceClient(model=place, api_key=features.key) as client:
            assert (await client.feature_extraction("one")).tolist() == [[0.5, 0.0]]  # type: ignore[arg-type]


# Databricks


def token_of_databricks(server: DatabricksServer, secret: str) -> str:
    """Sign in as a service principal; blocks."""
    config = Config(host=server.origin, client_id=server.client[0], client_secret=secret, retry_timeout_seconds=1)
    return config.authenticate()["Authorization"].removeprefix("Bearer ")


async def test_databricks_sdk_signs_in_and_openais_asks_with_its_token() -> None:
    async with DatabricksServer() as server:
        token = await asyncio.to_thread(token_of_databricks, server, server.client[1])
        async with openai.AsyncOpenAI(base_url=server.base, api_key=token, max_retries=0) as client:
            answer = await client.chat.completions.create(model="meta-llama-3-3-70b-instruct", messages=ASKED)
        assert answer.choices[0].message.content == "Hello there!"
        with pytest.raises(ValueError, match="Client authentication failed"):
            await asyncio.to_thread(token_of_databricks, server, "wrong")


# Sound


@pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")
async def test_deepgrams_sdk_writes_down_and_speaks() -> None:
    async with DeepgramServer() as server, httpx.AsyncClient() as http:
        place = DeepgramClientEnvironment(
            base=server.origin, production=server.origin, agent=server.origin, agent_rest=server.origin
        )
        client = AsyncDeepgramClient(api_key=server.key, environment=place, httpx_client=http)
        written: Any = await client.listen.v1.media.transcribe_file(request=SOUND, model="nova-3", punctuate=True)
        assert written.results.channels[0].alternatives[0].transcript == "Hello there."
        assert written.metadata.duration == 25.933313
        spoken = client.speak.v1.audio.generate(text="hi", model="aura-2-thalia-en", encoding="mp3")
        assert b"".join([part async for part in spoken]) == SOUND
        stranger = AsyncDeepgramClient(api_key="wrong", environment=place, httpx_client=http)
        with pytest.raises(DeepgramError) as caught:
            await stranger.listen.v1.media.transcribe_file(request=SOUND, model="nova-3")
        assert caught.value.status_code == 401


async def test_elevenlabs_sdk_speaks_and_writes_down() -> None:
    async with ElevenLabsServer() as server, httpx.AsyncClient() as http:
        client = AsyncElevenLabs(api_key=server.key, base_url=server.origin, httpx_client=http)
        spoken = client.text_to_speech.convert("21m00Tcm4TlvDq8ikWAM", text="hi", model_id="eleven_flash_v2_5")
        assert b"".join([part async for part in spoken]) == SOUND
        written: Any = await client.speech_to_text.convert(model_id="scribe_v1", file=io.BytesIO(SOUND))
        assert (written.text, [word.type for word in written.words]) == ("Hello there.", ["word", "spacing", "word"])
        with pytest.raises(ElevenLabsError) as caught:
            assert [part async for part in client.text_to_speech.convert("nobody", text="hi")]
        assert caught.value.status_code == 404
