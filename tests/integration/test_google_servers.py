"""The local Gemini server held to Google's own SDK: what that reads without a complaint is the real wire format."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import errors, types
from google.genai.models import AsyncModels
from google.oauth2 import service_account

from tests.provider_servers import Behaviour, GeminiServer, GoogleTokenServer, VertexServer
from tests.provider_servers.gemini import VECTOR
from tests.provider_servers.google_token import SCOPE

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

ASKED = "What is the weather in Oslo?"
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="weather",
            parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}},
        )
    ]
)
MANUAL = types.AutomaticFunctionCallingConfig(disable=True)


@pytest.fixture
async def server() -> AsyncIterator[GeminiServer]:
    async with GeminiServer() as server:
        yield server


@pytest.fixture
async def open_client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., AsyncModels]]:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as stack:

        def open_client(server: GeminiServer, key: str | None = None) -> AsyncModels:
            http = types.HttpOptions(base_url=server.origin)
            client = genai.Client(api_key=key or server.key, http_options=http).aio
            stack.push_async_callback(client.aclose)
            return client.models

        yield open_client


async def test_googles_sdk_reads_an_answer_and_its_usage(
    server: GeminiServer, open_client: Callable[..., AsyncModels]
) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True)
    answer = await open_client(server).generate_content(
        model="gemini-2.5-flash",
        contents=ASKED,
        config=types.GenerateContentConfig(thinking_config=thinking, system_instruction="Be short."),
    )
    assert answer.text == "Hello there!"
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata.cached_content_token_count, answer.usage_metadata.thoughts_token_count) == (8, 4)
    assert server.received[0].headers["x-goog-api-key"] == server.key


async def test_googles_sdk_reads_a_picture(server: GeminiServer, open_client: Callable[..., AsyncModels]) -> None:
    config = types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"])
    answer = await open_client(server).generate_content(model="gemini-2.5-flash-image", contents=ASKED, config=config)
    pictures = [part.inline_data for part in answer.parts or () if part.inline_data is not None]
    assert [(each.mime_type, (each.data or b"")[1:4]) for each in pictures] == [("image/png", b"PNG")]


async def test_googles_sdk_reads_a_stream(server: GeminiServer, open_client: Callable[..., AsyncModels]) -> None:
    stream = await open_client(server).generate_content_stream(model="gemini-2.5-flash", contents=ASKED)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello there!"
    assert chunks[-1].candidates is not None
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert server.received[0].query == "alt=sse"


async def test_googles_sdk_calls_functions_and_must_send_the_signature_back(
    server: GeminiServer, open_client: Callable[..., AsyncModels]
) -> None:
    server.next(Behaviour(tool_calls=True))
    models = open_client(server)
    config = types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling=MANUAL)
    answer = await models.generate_content(model="gemini-3-pro-preview", contents=ASKED, config=config)
    assert answer.function_calls is not None
    assert (answer.function_calls[0].name, answer.function_calls[0].args) == ("weather", {"city": "Oslo"})
    assert answer.candidates is not None
    called = answer.candidates[0].content
    assert called is not None
    result = types.Part.from_function_response(name="weather", response={"output": "rain"})
    history = [types.UserContent(ASKED), called, types.UserContent([result])]
    again = await models.generate_content(model="gemini-3-pro-preview", contents=history, config=config)
    assert again.text == "Hello there!"
    assert called.parts is not None
    called.parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="thought_signature"):
        await models.generate_content(model="gemini-3-pro-preview", contents=history, config=config)


async def test_googles_sdk_knows_the_errors(server: GeminiServer, open_client: Callable[..., AsyncModels]) -> None:
    with pytest.raises(errors.ClientError, match="API key not valid") as wrong:
        await open_client(server, "AIza-wrong").generate_content(model="gemini-2.5-flash", contents=ASKED)
    assert (wrong.value.code, wrong.value.status) == (400, "INVALID_ARGUMENT")
    server.next(Behaviour(status=503))
    with pytest.raises(errors.ServerError) as busy:
        await open_client(server).generate_content(model="gemini-2.5-flash", contents=ASKED)
    assert (busy.value.code, busy.value.status) == (503, "UNAVAILABLE")
    with pytest.raises(errors.ClientError, match="not found"):
        await open_client(server).generate_content(model="no-such-model", contents=ASKED)


async def test_googles_sdk_signs_in_at_vertex_ai_by_a_service_account() -> None:
    async with GoogleTokenServer() as tokens, VertexServer(tokens) as vertex:
        account: Any = service_account.Credentials
        client = genai.Client(
            vertexai=True,
            project="project-1",
            location="us-central1",
            credentials=account.from_service_account_info(tokens.service_account, scopes=[SCOPE]),
            http_options=types.HttpOptions(base_url=vertex.origin),
        ).aio
        answer = await client.models.generate_content(model="gemini-2.5-flash", contents=ASKED)
        assert answer.text == "Hello there!"
        stream = await client.models.generate_content_stream(model="gemini-2.5-flash", contents=ASKED)
        assert "".join([chunk.text or "" async for chunk in stream]) == "Hello there!"
        tokens.given.clear()
        with pytest.raises(errors.ClientError, match="invalid authentication") as refused:
            await client.models.generate_content(model="gemini-2.5-flash", contents=ASKED)
        assert refused.value.code == 401
        await client.aclose()
    assert vertex.received[0].headers["authorization"] == "Bearer ya29.token-1"


async def test_anthropics_sdk_for_vertex_ai_reads_claudes_answers() -> None:
    async with GoogleTokenServer() as tokens, VertexServer(tokens) as vertex:
        tokens.given.append("ya29.known")
        client = anthropic.AsyncAnthropicVertex(
            project_id="project-1", region="us-east5", access_token="ya29.known", base_url=f"{vertex.origin}/v1"
        )
        async with client:
            asked: Any = [{"role": "user", "content": ASKED}]
            answer = await client.messages.create(model="claude-sonnet-4-5@20250929", max_tokens=9, messages=asked)
            assert answer.content[0].type == "text"
            async with client.messages.stream(
                model="claude-sonnet-4-5@20250929", max_tokens=9, messages=asked
            ) as stream:
                assert await stream.get_final_text() == "Hello there!"
    assert [request.path.rpartition(":")[2] for request in vertex.received] == ["rawPredict", "streamRawPredict"]


async def test_googles_sdk_reads_embeddings(server: GeminiServer, open_client: Callable[..., AsyncModels]) -> None:
    config = types.EmbedContentConfig(output_dimensionality=256, task_type="CLUSTERING")
    answer = await open_client(server).embed_content(model="gemini-embedding-001", contents=["a", "b"], config=config)
    assert answer.embeddings is not None
    assert [each.values for each in answer.embeddings] == [VECTOR, VECTOR]
