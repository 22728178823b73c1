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
    assert (found.max_tokens, found.model, found.text_bytes, found.stream) == (most, "m", len(raw), True)


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
