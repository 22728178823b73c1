"""Vertex AI through the router: whose token goes where, and what each kind of model is asked."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import Behaviour, GoogleTokenServer, VertexServer
from tests.provider_servers.gemini import SIGNATURE, VECTOR

TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]
ANTHROPIC_USED = {"input": 12, "cached_input": 8, "output": 10, "requests": 1}


@pytest.fixture(autouse=True)
def _no_google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the machine is, a test's router has no Google credentials but those the test gives."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_CREDENTIALS", "VERTEXAI_PROJECT", "VERTEX_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))


@pytest.fixture
async def tokens() -> AsyncIterator[GoogleTokenServer]:
    async with GoogleTokenServer() as server:
        yield server


@pytest.fixture
async def vertex(tokens: GoogleTokenServer) -> AsyncIterator[VertexServer]:
    async with VertexServer(tokens) as server:
        yield server


def at(server: VertexServer, model: str, credentials: Any = None, **params: Any) -> dict[str, Any]:
    given = {"vertex_credentials": credentials} if credentials is not None else {}
    return {"model": f"vertex_ai/{model}", "api_base": server.origin, **given, **params}


async def test_gemini_answers_by_a_service_account(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    await start([("g", at(vertex, "gemini-3-pro-preview", json.dumps(tokens.service_account)))])
    vertex.next(Behaviour(), Behaviour(), Behaviour(tool_calls=True))
    whole = await caller.ask("g", more={"reasoning_effort": "low"})
    assert whole.text == "Hello there!"
    streamed = await caller.stream("g", more={"stream_options": {"include_usage": True}})
    assert (streamed.text, streamed.chunks[-1]["usage"]["total_tokens"]) == ("Hello there!", 26)
    called = await caller.ask("g", more={"tools": TOOLS})
    assert SIGNATURE in called.body["choices"][0]["message"]["tool_calls"][0]["id"]
    paths = [request.path for request in vertex.received]
    place = "/v1/projects/project-1/locations/us-central1/publishers/google/models/gemini-3-pro-preview"
    assert paths == [f"{place}:generateContent", f"{place}:streamGenerateContent", f"{place}:generateContent"]
    assert len(tokens.received) == 1, "one token serves all calls"
    fact = await caller.fact(whole)
    assert (fact.provider, fact.usage_source, bool(fact.cost_pico)) == ("vertex_ai", "provider", True)


async def test_claude_answers_by_raw_predict(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer, tmp_path: Path
) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(tokens.service_account), encoding="utf-8")
    await start([("c", at(vertex, "claude-sonnet-4-5@20250929", str(path), vertex_location="global"))])
    vertex.next(Behaviour(tool_calls=True))
    called = await caller.ask("c", more={"tools": TOOLS, "max_tokens": 100})
    assert called.body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"
    streamed = await caller.stream("c")
    assert streamed.text == "Hello there!"
    assert (await caller.fact(streamed)).usage == ANTHROPIC_USED
    assert (await caller.fact(streamed)).cost_pico
    place = "/v1/projects/project-1/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929"
    assert [r.path for r in vertex.received] == [f"{place}:rawPredict", f"{place}:streamRawPredict"]


async def test_others_models_answer_in_openais_form(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    account = tokens.service_account
    await start(
        [
            ("llama", at(vertex, "meta/llama-3.3-70b-instruct-maas", account, vertex_location="us-east5")),
            ("mistral", at(vertex, "mistral-large-2411@001", account)),
        ]
    )
    for name in ("llama", "mistral"):
        assert (await caller.ask(name)).text == "Hello there!"
        streamed = await caller.stream(name)
        assert streamed.text == "Hello there!"
        assert (await caller.fact(streamed)).usage_source == "provider"
    llama, _, mistral, mistral_stream = vertex.received
    assert llama.path == "/v1/projects/project-1/locations/us-east5/endpoints/openapi/chat/completions"
    assert llama.body["model"] == "meta/llama-3.3-70b-instruct-maas"
    assert mistral.path.endswith("/publishers/mistralai/models/mistral-large-2411@001:rawPredict")
    assert mistral.body["model"] == "mistral-large-2411"
    assert mistral_stream.path.endswith(":streamRawPredict")


async def test_the_default_credentials_are_those_of_the_environment(
    start: Start,
    caller: Caller,
    vertex: VertexServer,
    tokens: GoogleTokenServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "account.json"
    path.write_text(json.dumps(tokens.service_account), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    await start([("g", at(vertex, "gemini-2.5-flash"))])
    assert (await caller.ask("g")).text == "Hello there!"


async def test_a_token_that_was_refused_is_followed_by_a_new_one(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    await start([("g", at(vertex, "gemini-2.5-flash", tokens.service_account, num_retries=0))])
    assert (await caller.ask("g")).text == "Hello there!"
    tokens.given.clear()  # revoked
    refused = await caller.ask("g")
    assert refused.failure is not None
    assert (refused.failure["status"], refused.failure["type"]) == (401, "provider_auth_error")
    assert (await caller.ask("g")).text == "Hello there!"
    assert len(tokens.received) == 2


async def test_what_is_missing_or_wrong_is_told_when_the_deployment_is_called(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    stranger = {**tokens.service_account, "client_email": "other@project-1.iam.gserviceaccount.com"}
    nowhere = {**tokens.service_account, "token_uri": "http://127.0.0.1:9/token"}
    cases: dict[str, tuple[Any, int, str]] = {
        "none": (None, 500, "GOOGLE_APPLICATION_CREDENTIALS"),
        "file": ("/no/such/account.json", 500, "/no/such/account.json"),
        "broken": (str(broken), 500, "no JSON"),
        "variable": ("os.environ/NO_SUCH_ACCOUNT", 500, "NO_SUCH_ACCOUNT"),
        "kind": ({"type": "strange"}, 500, "strange"),
        "stranger": (stranger, 401, "Invalid issuer"),
        "nowhere": (nowhere, 502, "could not be reached"),
    }
    await start([(name, at(vertex, "gemini-2.5-flash", given, num_retries=0)) for name, (given, _, _) in cases.items()])
    for name, (_, status, words) in cases.items():
        answer = await caller.ask(name)
        assert answer.failure is not None, name
        assert (answer.failure["status"], words in answer.failure["message"]) == (status, True), answer.failure
    assert vertex.received == []


async def test_embeddings_come_by_predict(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    await start([("e", at(vertex, "text-embedding-005", tokens.service_account))])
    body = {"model": "e", "input": ["a", "b"], "dimensions": 256, "task_type": "CLUSTERING", "auto_truncate": True}
    answer = await caller.send(body, call_type="aembedding").whole()
    assert [each["embedding"] for each in answer.body["data"]] == [VECTOR, VECTOR]
    assert (await caller.fact(answer)).usage == {"input": 12, "requests": 1}
    assert vertex.received[0].body == {
        "instances": [{"content": text, "task_type": "CLUSTERING"} for text in ("a", "b")],
        "parameters": {"outputDimensionality": 256, "autoTruncate": True},
    }
    assert vertex.received[0].path.endswith("/publishers/google/models/text-embedding-005:predict")


async def test_a_model_that_embeds_one_text_a_call_is_asked_for_each(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    await start([("e", at(vertex, "gemini-embedding-001", tokens.service_account))])
    answer = await caller.send({"model": "e", "input": ["a", "b", "c"]}, call_type="aembedding").whole()
    assert [each["embedding"] for each in answer.body["data"]] == [VECTOR] * 3
    assert (await caller.fact(answer)).usage == {"input": 18, "requests": 1}
    assert [each.body["instances"] for each in vertex.received] == [[{"content": text}] for text in "abc"]


MESSAGE: dict[str, Any] = {
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 99,
    "a_field_of_tomorrow": {"x": 1.0},
}
AS_MESSAGE: dict[str, Any] = {
    "call_type": "anthropic_messages",
    "dialect": "anthropic",
    "client_headers": (("anthropic-beta", "context-1m-2025-08-07"), ("anthropic-version", "2023-06-01")),
}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_message_goes_to_claude_as_it_is(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer, stream: bool
) -> None:
    await start([("c", at(vertex, "claude-sonnet-4-5@20250929", json.dumps(tokens.service_account)))])
    more = {**MESSAGE, **({"stream": True} if stream else {})}
    answer = await caller.ask("c", more=more, **AS_MESSAGE)
    (asked,) = vertex.received
    assert asked.path.endswith("/claude-sonnet-4-5@20250929:" + ("streamRawPredict" if stream else "rawPredict"))
    assert asked.body == {**more, "anthropic_version": "vertex-2023-10-16"}
    assert asked.headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert b'"model":"c"' in answer.data
    fact = await caller.fact(answer)
    assert (fact.usage_source, fact.usage) == ("provider", ANTHROPIC_USED)


async def test_a_messages_tokens_are_counted_there(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer
) -> None:
    await start([("c", at(vertex, "claude-sonnet-4-5@20250929", json.dumps(tokens.service_account)))])
    asked = {"messages": MESSAGE["messages"]}
    answer = await caller.ask("c", more=asked, **{**AS_MESSAGE, "call_type": "acount_tokens"})
    assert answer.body == {"input_tokens": 17}
    assert vertex.received[-1].body["model"] == "claude-sonnet-4-5@20250929"
    assert (await caller.fact(answer)).cost_pico == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_googles_own_clients_reach_gemini_as_they_are(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer, stream: bool
) -> None:
    await start([("g", at(vertex, "gemini-2.5-flash", json.dumps(tokens.service_account)))])
    asked = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "safetySettings": [{"threshold": "OFF"}]}
    body = {"model": "g", **asked}
    fields: dict[str, Any] = {"call_type": "agenerate_content", "dialect": "gemini", "stream": stream}
    answer = await caller.send(body, **fields).whole()
    assert vertex.received[-1].body == asked
    assert vertex.received[-1].query == ("alt=sse" if stream else "")
    assert b'"finishReason":"STOP"' in answer.data
    assert (await caller.fact(answer)).usage_source == "provider"
    counted = await caller.send(
        body | {"safetySettings": []}, **{**fields, "call_type": "agemini_count_tokens", "stream": False}
    ).whole()
    assert counted.failure is not None, "a field that counting does not take is told by Google"
    body = {"model": "g", "generateContentRequest": {"model": "models/g", "contents": asked["contents"]}}
    counted = await caller.send(body, **{**fields, "call_type": "agemini_count_tokens", "stream": False}).whole()
    assert counted.body == {"totalTokens": 17}


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "claude-sonnet-4-5@20250929"])
async def test_a_call_that_passes_has_the_deployments_token(
    start: Start, caller: Caller, vertex: VertexServer, tokens: GoogleTokenServer, model: str
) -> None:
    await start([("g", at(vertex, "gemini-2.5-flash", json.dumps(tokens.service_account)))])
    family, method, body = ("google", "generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    if model.startswith("claude"):
        family, method, body = "anthropic", "rawPredict", {**MESSAGE, "anthropic_version": "vertex-2023-10-16"}
    path = f"/v1/projects/project-1/locations/us-central1/publishers/{family}/models/{model}:{method}"
    passed = {"call_type": "pass_through_endpoint", "group": f"pass-through/vertex_ai/{model}", "num_retries": 0}
    answer = await caller.send(body, **passed, passed=("POST", path), stream=True).whole()
    assert answer.head is not None
    assert answer.head.status == 200, answer.data
    assert vertex.received[-1].body == body
    assert (await caller.fact(answer)).usage_source == "provider"
