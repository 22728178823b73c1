"""The local watsonx.ai server and its IAM held to ibm-watsonx-ai, which speaks nothing but TLS."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ibm_watsonx_ai import APIClient, Credentials
from ibm_watsonx_ai.foundation_models import Embeddings, ModelInference, Rerank
from ibm_watsonx_ai.wml_client_error import InvalidCredentialsError, WMLClientError

from tests.provider_servers import Behaviour
from tests.provider_servers.certificates import self_signed
from tests.provider_servers.watsonx import PROJECT, TOKEN_PATH, WatsonxServer

GRANITE = "ibm/granite-3-8b-instruct"
ASKED: Any = [{"role": "user", "content": [{"type": "text", "text": "What is the weather in Oslo?"}]}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[WatsonxServer, Path]]:
    context, trusted = self_signed(tmp_path)
    monkeypatch.setenv("WX_CLIENT_VERIFY_REQUESTS", str(trusted))  # the SDK sets it, and would leave it set
    async with WatsonxServer(tls=context) as server:
        yield server, trusted


pytestmark = [  # the SDK warns of what it is asked to leave out, see `signed_in`, and of how it makes its own client
    pytest.mark.filterwarnings("ignore:\\s*When setting `scope_validation`:UserWarning"),
    pytest.mark.filterwarnings("ignore:`verify=<str>` is deprecated:DeprecationWarning"),
]

Local = tuple[WatsonxServer, Path]


def signed_in(server: WatsonxServer, trusted: Path, key: str) -> ModelInference:
    """Return a model once IAM gave a token for the key; blocks.

    That the project exists is not looked up, nor that the model does: those are other services of IBM Cloud.
    """
    credentials = Credentials(
        url=server.origin,
        platform_url=server.origin,
        auth_url=f"{server.origin}{TOKEN_PATH}",
        api_key=key,
        verify=str(trusted),
    )
    client = APIClient(credentials, project_id=PROJECT, scope_validation=False)
    return ModelInference(model_id=GRANITE, api_client=client, project_id=PROJECT, validate=False, max_retries=0)


def vectors(server: WatsonxServer, trusted: Path) -> tuple[Any, Any]:
    """Return what its SDK makes of embeddings and of a ranking; blocks."""
    client = signed_in(server, trusted, server.key)._client
    embeddings = Embeddings(model_id="ibm/slate", api_client=client, project_id=PROJECT)
    ranked = Rerank(model_id="ibm/rank", api_client=client, project_id=PROJECT)
    return embeddings.embed_documents(["one", "two"]), ranked.generate(query="q", inputs=["one", "two"])


async def test_watsonxs_sdk_embeds_and_ranks(server: Local) -> None:
    embedded, ranked = await asyncio.to_thread(vectors, *server)
    assert embedded == [[0.5, 0.0], [0.5, 1.0]]
    assert [each["index"] for each in ranked["results"]] == [1, 0]


async def test_watsonxs_sdk_gets_a_token_for_its_key_and_chats_with_it(server: Local) -> None:
    watsonx, trusted = server
    model = await asyncio.to_thread(signed_in, watsonx, trusted, watsonx.key)
    answer = await asyncio.to_thread(model.chat, ASKED, params={"max_tokens": 50})
    assert answer["choices"][0]["message"]["content"] == "Hello there!"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"completion_tokens": 10, "prompt_tokens": 20, "total_tokens": 30}
    assert len(watsonx.tokens) == 1
    sent = watsonx.chats[-1]
    assert sent.headers["authorization"] == f"Bearer {watsonx.tokens[0]}"
    assert (sent.path, sent.query.partition("=")[0]) == ("/ml/v1/text/chat", "version")
    assert sent.body == {"model_id": GRANITE, "project_id": PROJECT, "messages": ASKED, "max_tokens": 50}


async def test_watsonxs_sdk_calls_tools(server: Local) -> None:
    watsonx, trusted = server
    model = await asyncio.to_thread(signed_in, watsonx, trusted, watsonx.key)
    watsonx.next(Behaviour(tool_calls=True))
    called = await asyncio.to_thread(model.chat, ASKED, tools=TOOLS, tool_choice_option="auto")
    assert called["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"
    assert watsonx.chats[-1].body["tool_choice_option"] == "auto"


async def test_watsonxs_sdk_reads_a_stream_to_its_usage(server: Local) -> None:
    watsonx, trusted = server
    model = await asyncio.to_thread(signed_in, watsonx, trusted, watsonx.key)
    chunks = await asyncio.to_thread(lambda: list(model.chat_stream(ASKED)))
    said = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(said) == "Hello there!"
    assert chunks[-1]["usage"]["total_tokens"] == 30
    assert watsonx.chats[-1].path == "/ml/v1/text/chat_stream"


async def test_watsonxs_sdk_is_told_of_a_wrong_key(server: Local) -> None:
    watsonx, trusted = server
    with pytest.raises(InvalidCredentialsError, match="Provided API key could not be found"):
        await asyncio.to_thread(signed_in, watsonx, trusted, "wrong")


async def test_watsonxs_sdk_knows_the_errors(server: Local) -> None:
    watsonx, trusted = server
    model = await asyncio.to_thread(signed_in, watsonx, trusted, watsonx.key)
    watsonx.next(Behaviour(status=400))
    with pytest.raises(WMLClientError, match="The server says 400"):
        await asyncio.to_thread(model.chat, ASKED)
