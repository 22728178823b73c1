"""What Google's official SDK can ask of a model, before each kind of provider: served, or named in the refusal."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from tests.journey.strict_providers import StrictProviders
from tests.provider_servers.http_server import Behaviour
from tests.running_gateway import RunningGateway

MODELS = {"gemini": "strict-gemini", "openai": "strict-gpt", "anthropic": "claude"}
EVERYWHERE = pytest.mark.parametrize("kind", MODELS)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
Part = types.Part


class Recipe(BaseModel):
    name: str
    minutes: int | None = None


def declared(*names: str) -> list[types.Tool]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return [
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name=name, parameters_json_schema=schema) for name in names
            ]
        )
    ]


@pytest.fixture(scope="module")
def google(gateway: RunningGateway) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.url, retry_options=types.HttpRetryOptions(attempts=1))
    with genai.Client(api_key=gateway.master_key, http_options=options) as client:
        yield client


SERVED: dict[str, tuple[Any, dict[str, Any]]] = {
    "a system instruction, stops and sampling": (
        "hi",
        {"system_instruction": "be nice", "stop_sequences": ["END"], "temperature": 0.5},
    ),
    "safety settings": (
        "hi",
        {"safety_settings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}]},
    ),
    "a model of pydantic": ("hi", {"response_mime_type": "application/json", "response_schema": Recipe}),
    "a JSON schema": (
        "hi",
        {"response_mime_type": "application/json", "response_json_schema": Recipe.model_json_schema()},
    ),
    "an image": ([Part.from_bytes(data=PNG, mime_type="image/png"), "what is it?"], {}),
    "a PDF": ([Part.from_bytes(data=b"%PDF-1.4", mime_type="application/pdf"), "what is it?"], {}),
    "an image by address": ([Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png"), "what?"], {}),
    "thinking by a budget": ("hi", {"thinking_config": {"thinking_budget": 2048, "include_thoughts": True}}),
    "thinking by a level": ("hi", {"thinking_config": {"thinking_level": "LOW", "include_thoughts": True}}),
    "tools and a choice": (
        "hi",
        {
            "tools": declared("f", "g"),
            "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
        },
    ),
    "results of parallel calls without ids": (
        [
            types.Content(role="user", parts=[Part(text="the weather?")]),
            types.Content(
                role="model",
                parts=[
                    Part(
                        function_call=types.FunctionCall(name="f", args={"city": city}),
                        thought_signature=b"signed" if city == "Oslo" else None,
                    )
                    for city in ("Oslo", "Rome")
                ],
            ),
            types.Content(
                role="user",
                parts=[Part.from_function_response(name="f", response={"degrees": at}) for at in (1, 2)],
            ),
        ],
        {"tools": declared("f")},
    ),
}


@EVERYWHERE
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("feature", SERVED)
def test_what_every_provider_can_do_is_served(google: genai.Client, feature: str, kind: str, streamed: bool) -> None:
    contents, config = SERVED[feature]
    asked: dict[str, Any] = {"model": MODELS[kind], "contents": contents}
    asked["config"] = types.GenerateContentConfig(
        max_output_tokens=3000, automatic_function_calling={"disable": True}, **config
    )
    if streamed:
        answers = list(google.models.generate_content_stream(**asked))
    else:
        answers = [google.models.generate_content(**asked)]
    parts = [part for answer in answers for part in answer.parts or ()]
    assert any(part.text or part.function_call for part in parts)
    assert answers[-1].candidates is not None
    assert answers[-1].candidates[0].finish_reason == types.FinishReason.STOP


ELSEWHERE: dict[str, tuple[Any, dict[str, Any], str, tuple[str, ...]]] = {
    "a seed": ("hi", {"seed": 7}, "seed", ("anthropic",)),
    "log probabilities": ("hi", {"response_logprobs": True, "logprobs": 2}, "logprobs", ("anthropic",)),
    "candidates": ("hi", {"candidate_count": 2}, "n", ("anthropic",)),
    "cached content": ("hi", {"cached_content": "cachedContents/none"}, "cachedContent", ("openai", "anthropic")),
    "code execution": ("hi", {"tools": [{"code_execution": {}}]}, "codeExecution", ("openai", "anthropic")),
    "code beside a search": (
        "hi",
        {"tools": [{"google_search": {}, "code_execution": {}}]},
        "codeExecution",
        ("openai", "anthropic"),
    ),
    "pages": ("hi", {"tools": [{"url_context": {}}]}, "urlContext", ("openai", "anthropic")),
    "sound": ([Part.from_bytes(data=b"RIFF", mime_type="audio/wav"), "what?"], {}, "audio", ("anthropic",)),
    "a film": (
        [Part.from_uri(file_uri="https://youtu.be/x", mime_type="video/mp4"), "what?"],
        {},
        "video",
        ("openai", "anthropic"),
    ),
    "images as answers": ("hi", {"response_modalities": ["IMAGE"]}, "responseModalities", ("openai", "anthropic")),
    "speech": (
        "hi",
        {"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}}},
        "speechConfig",
        ("openai", "anthropic"),
    ),
    "a resolution of media": (
        "hi",
        {"media_resolution": "MEDIA_RESOLUTION_LOW"},
        "mediaResolution",
        ("openai", "anthropic"),
    ),
    "an enum as the answer": (
        "hi",
        {"response_mime_type": "text/x.enum", "response_schema": {"type": "STRING", "enum": ["a", "b"]}},
        "responseMimeType",
        ("openai", "anthropic"),
    ),
}


@EVERYWHERE
@pytest.mark.parametrize("feature", ELSEWHERE)
def test_what_a_provider_cannot_do_is_named_in_googles_words(google: genai.Client, feature: str, kind: str) -> None:
    contents, config, named, refusing = ELSEWHERE[feature]
    asked: dict[str, Any] = {"model": MODELS[kind], "contents": contents}
    asked["config"] = types.GenerateContentConfig(max_output_tokens=50, **config)
    if kind not in refusing:
        assert google.models.generate_content(**asked).candidates
        return
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(**asked)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert named.lower() in str(caught.value.message).lower()


def test_models_are_listed_and_looked_up(
    gateway: RunningGateway, google: genai.Client, new_key: Callable[..., str]
) -> None:
    listed = {model.name: model for model in google.models.list(config={"page_size": 7})}
    assert {"models/claude", "models/strict-gemini", "models/team/nested"} <= listed.keys()
    one = google.models.get(model="team/nested")
    assert (one.name, one.supported_actions) == ("models/team/nested", ["generateContent", "countTokens"])
    assert (google.models.get(model="claude").output_token_limit or 0) > 1_000
    options = types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=new_key(models=["claude"]), http_options=options) as client:
        assert [model.name for model in client.models.list()] == ["models/claude"]
        with pytest.raises(errors.ClientError) as caught:
            client.models.get(model="recorded")
        assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    with genai.Client(api_key="sk-wrong", http_options=options) as client:
        with pytest.raises(errors.ClientError) as caught:
            client.models.get(model="claude")
        assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")


STATES = {
    400: (400, "INVALID_ARGUMENT"),
    403: (403, "PERMISSION_DENIED"),
    404: (404, "NOT_FOUND"),
    429: (429, "RESOURCE_EXHAUSTED"),
    500: (500, "INTERNAL"),
    503: (503, "UNAVAILABLE"),
}


@pytest.mark.parametrize("kind", ["gemini", "openai"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", STATES)
def test_a_providers_error_is_googles_with_status_and_details(
    google: genai.Client, strict: StrictProviders, kind: str, status: int, streamed: bool
) -> None:
    server: Any = strict.gemini if kind == "gemini" else strict.openai
    server.next(Behaviour(status=status))
    kind_of_error = errors.ServerError if status >= 500 else errors.ClientError
    asked: Any = {"model": MODELS[kind], "contents": "hi"}
    with pytest.raises(kind_of_error) as caught:
        list(google.models.generate_content_stream(**asked) if streamed else [google.models.generate_content(**asked)])
    assert (caught.value.code, caught.value.status) == STATES[status]
    details = caught.value.details["error"]["details"]
    assert details[0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    if status == 429 and kind == "gemini":
        assert details[1]["retryDelay"] == "4s"


@EVERYWHERE
def test_tokens_are_counted(google: genai.Client, kind: str) -> None:
    assert (google.models.count_tokens(model=MODELS[kind], contents="hello there").total_tokens or 0) > 1


@pytest.mark.parametrize("model", ["google-vectors", "recorded"])
def test_contents_are_embedded(
    google: genai.Client,
    gateway: RunningGateway,
    new_key: Callable[..., str],
    master: httpx.Client,
    eventually: Callable[..., Any],
    model: str,
) -> None:
    key = new_key(max_budget=1)
    options = types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=key, http_options=options) as client:
        answer = client.models.embed_content(model=model, contents=["hello", "there"])
    vectors = [embedding.values or [] for embedding in answer.embeddings or ()]
    assert len(vectors) == 2
    assert all(vectors)
    row = eventually(lambda: (master.get("/spend/logs", params={"api_key": key}).json() or [None])[0], 5.0)
    assert (row["call_type"], row["status"], row["completion_tokens"]) == ("aembed_content", "success", 0)
    assert row["spend"] > 0


def test_a_task_of_embedding_is_googles_alone(google: genai.Client, strict: StrictProviders) -> None:
    asked: Any = {"contents": "hello", "config": {"task_type": "RETRIEVAL_QUERY", "output_dimensionality": 3}}
    assert google.models.embed_content(model="google-vectors", **asked).embeddings
    (sent,) = strict.gemini.received[-1].body["requests"]
    assert (sent["model"], sent["taskType"]) == ("models/gemini-embedding-001", "RETRIEVAL_QUERY")
    with pytest.raises(errors.ClientError, match=r"requests\[0\]\.taskType") as caught:
        google.models.embed_content(model="recorded", **asked)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def test_one_content_is_embedded_too_and_what_is_no_content_is_refused(master: httpx.Client) -> None:
    for model in ("google-vectors", "recorded"):
        url = f"/v1beta/models/{model}:embedContent"
        answer = master.post(url, json={"content": {"parts": [{"text": "hello"}]}})
        assert answer.json()["embedding"]["values"], answer.text
        refused = master.post(url, json={"contents": "hello"})
        assert (refused.status_code, refused.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
