"""What edge tells of a call that goes to a provider as it is."""

import json
from typing import Any

import pytest

from services.edge.calls.pass_through import PassThrough, endpoint_of
from services.edge.peeks.anything import peek_any_form, peek_anything
from shared.errors import InvalidRequest
from shared.payloads.forms import Field


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/gemini/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"),
        ("/gemini/v1beta/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("/bedrock/model/anthropic.claude-3%3A0/converse", "anthropic.claude-3:0"),
        ("/azure/openai/deployments/mine/chat/completions", "mine"),
        ("/sagemaker/endpoints/my-llama/invocations", "my-llama"),
        ("/vertex_ai/v1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent", "gemini-x"),
        ("/vertex_ai/v1/projects/p/locations/l/endpoints/openapi/chat/completions", ""),
        ("/openai/v1/models", ""),
        ("/openai/v1/responses", ""),
    ],
)
def test_a_model_that_the_path_names_is_found(path: str, model: str) -> None:
    found = PassThrough({"gemini", "bedrock", "sagemaker", "vertex_ai", "azure", "openai"}).find(
        path, path.encode(), b""
    )
    assert found is not None
    assert found.model == model


def test_errors_are_in_the_words_of_the_providers_api() -> None:
    passing = PassThrough({"gemini", "anthropic", "groq"})
    dialects = []
    for provider in ("anthropic", "gemini", "groq"):
        target = passing.find(f"/{provider}/x", b"", b"")
        assert target is not None
        dialects.append(endpoint_of(target, "GET").dialect)
    assert dialects == ["anthropic", "gemini", "openai"]


@pytest.mark.parametrize(
    ("body", "most"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_output_tokens": 7, "max_tokens": 3}, 7),
        ({"generationConfig": {"maxOutputTokens": 8}}, 8),
        ({"generation_config": {"max_output_tokens": 8}}, 8),
        ({"inferenceConfig": {"maxTokens": 9}}, 9),
        ({}, None),
    ],
)
def test_the_largest_maximum_that_a_body_names_counts(body: dict[str, Any], most: int | None) -> None:
    raw = json.dumps({"model": "m", **body}).encode()
    found = peek_anything(raw)
    assert (found.max_tokens, found.model, found.text_bytes) == (most, "m", len(raw))


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        ({"messages": [{"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]}, 1),
        ({"messages": [{"content": [{"image_url": "u"}, {"type": "file", "file": {"file_id": "f"}}]}]}, 1),
        ({"messages": [{"content": [{"type": "document", "source": {"type": "url", "url": "u"}}]}]}, 1),
        ({"input": [{"content": [{"type": "input_image", "image_url": "u"}, {"type": "input_file"}]}]}, 2),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "u"}}, {"inline_data": {"data": "AA"}}]}]}, 2),
        ({"input": [{"type": "video", "uri": "u"}, {"type": "text", "text": 'the "type": "image"'}]}, 1),
        ({"messages": [{"content": [{"image": {"format": "png", "source": {"bytes": "AA"}}}, {"text": "a"}]}]}, 1),
        ({"inputs": [{"content": [{"type": "image_base64", "image_base64": "AA"}, {"type": "text", "text": "a"}]}]}, 1),
        ({"messages": [{"content": "image_url"}]}, 0),
    ],
)
def test_pictures_and_other_media_are_counted_in_any_form(body: dict[str, Any], pieces: int) -> None:
    assert peek_anything(json.dumps(body, indent=1).encode()).images == pieces
    assert peek_anything(json.dumps(body).replace("ima", "im\\u0061").encode()).images == pieces


@pytest.mark.parametrize("body", [b"", b"plain", b"[1]", b"\xff\x00"])
def test_what_is_no_json_object_is_known_by_its_size(body: bytes) -> None:
    assert (peek_anything(body).model, peek_anything(body).text_bytes) == (None, len(body))


@pytest.mark.parametrize("body", [b'{"model":1}', b'{"max_tokens":"many"}', b"{", b'{"n":0}', b'{"max_tokens":-1}'])
def test_a_number_that_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        peek_anything(body)


def test_the_files_of_a_form_are_no_text() -> None:
    fields = (Field("model", b"m"), Field("purpose", b"batch"), Field("file", bytes(10_000), "a.jsonl"))
    found = peek_any_form(fields, 10_100)
    assert (found.model, found.images, found.text_bytes < 100) == ("m", 1, True)


@pytest.mark.parametrize(
    "path",
    [
        "/openai/v1/realtime/client_secrets",
        "/azure/openai/realtime/sessions",
        "/azure/openai/v1/Realtime/calls",
        "/openai/v1/realtime",
        "/openai/v1/real%74ime/client_secrets",
        "/gemini/v1alpha/auth_tokens",
        "/deepgram/v1/auth/grant",
        "/elevenlabs/v1/convai/conversation/get-signed-url",
        "/elevenlabs/v1/single-use-token/realtime_scribe",
    ],
)
def test_where_a_provider_gives_out_secrets_is_known(path: str) -> None:
    providers = frozenset(("openai", "azure", "gemini", "deepgram", "elevenlabs"))
    target = PassThrough(providers).find(path, path.encode(), b"")
    assert target is not None
    assert target.gives_secrets


def test_other_paths_give_none() -> None:
    for path in ("/openai/v1/chat/completions", "/gemini/v1beta/models/m:countTokens", "/openai/v1/realtimes"):
        target = PassThrough(frozenset(("openai", "gemini"))).find(path, path.encode(), b"")
        assert target is not None
        assert not target.gives_secrets


def asks_for_a_stream(url: str, body: bytes) -> bool:
    provider = url.split("/")[1]
    path, _, query = url.partition("?")
    target = PassThrough({provider}).find(path, path.encode(), query.encode())
    assert target is not None
    peek = endpoint_of(target, "POST").peek
    assert peek is not None
    return peek(body).stream


@pytest.mark.parametrize(
    "url",
    [
        "/openai/v1/chat/completions",
        "/anthropic/v1/messages",
        "/gemini/v1beta/models/gemini-2.5-pro:generateContent",
        "/gemini/v1beta/models/gemini-2.5-pro:countTokens",
        "/vertex_ai/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict",
        "/bedrock/model/anthropic.claude-3%3A0/converse",
        "/bedrock/model/anthropic.claude-3%3A0/invoke",
        "/sagemaker/endpoints/my-llama/invocations",
        "/cohere/v2/chat",
        "/openai/v1/files?limit=2",
        "/openai/v1/chat/completions?q=alt%3Dsse",
    ],
)
def test_a_call_that_passes_is_a_stream_where_its_body_says_so(url: str) -> None:
    assert [asks_for_a_stream(url, body) for body in (b"", b"{}", b'{"stream":false}', b'{"stream":true}')] == [
        *(False, False, False, True)
    ]


@pytest.mark.parametrize(
    "url",
    [
        "/gemini/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        "/gemini/v1beta/models/gemini-2.5-pro%3AstreamGenerateContent?alt=sse",
        "/gemini/v1beta/interactions?alt=sse",
        "/vertex_ai/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
        "/vertex_ai/v1/projects/p/locations/l/endpoints/1:serverStreamingPredict",
        "/bedrock/model/anthropic.claude-3%3A0/converse-stream",
        "/bedrock/model/anthropic.claude-3%3A0/invoke-with-response-stream/",
        "/sagemaker/endpoints/my-llama/invocations-response-stream",
        "/ollama/api/chat",
        "/ollama/api/generate",
        "/openai/v1/responses/resp_1?stream=true&starting_after=4",
        "/openai/v1/audio/speech",
        "/elevenlabs/v1/text-to-speech/voice?output_format=mp3",
        "/deepgram/v1/speak?model=aura",
        "/openai/v1/files/file-1/content",
    ],
)
def test_or_where_its_address_does_and_its_body_does_not_say_otherwise(url: str) -> None:
    assert [asks_for_a_stream(url, body) for body in (b"", b"{}", b'{"stream":true}', b'{"stream":false}')] == [
        *(True, True, True, False)
    ]


def test_a_form_says_so_in_a_field() -> None:
    asked = [peek_any_form((Field("stream", value, None, ""),), 5).stream for value in (b"true", b"false")]
    assert asked == [True, False]
