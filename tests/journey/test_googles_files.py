"""Files that Google keeps: made by pass-through, asked for by its SDK, named in calls; their maker's alone."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from google import genai
from google.genai import errors, types

from tests.journey.strict_providers import StrictProviders
from tests.running_gateway import RunningGateway

SdkWith = Callable[[str], openai.OpenAI]


@pytest.fixture
def uploaded(gateway: RunningGateway) -> Callable[[str], dict[str, Any]]:
    def upload(key: str) -> dict[str, Any]:
        """Metadata alone, which Google takes too: guardrails of this gateway refuse what they cannot read."""
        url = f"{gateway.url}/gemini/v1beta/files"
        answer = httpx.post(url, headers={"x-goog-api-key": key}, json={"file": {"displayName": "a"}})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["file"])

    return upload


def test_a_file_is_its_makers_alone_by_googles_sdk(
    gateway: RunningGateway, new_key: Callable[..., str], uploaded: Callable[[str], dict[str, Any]]
) -> None:
    maker_key = new_key()
    file = uploaded(maker_key)
    options = types.HttpOptions(base_url=f"{gateway.url}/gemini")
    with (
        genai.Client(api_key=maker_key, http_options=options) as maker,
        genai.Client(api_key=new_key(), http_options=options) as other,
    ):
        assert maker.files.get(name=file["name"]).uri == file["uri"]
        for refused in (other.files.get, other.files.delete):
            with pytest.raises(errors.ClientError, match="not found") as caught:
                refused(name=file["name"])
            assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
        maker.files.delete(name=file["name"])
        with pytest.raises(errors.ClientError, match="not found"):
            maker.files.get(name=file["name"])


def test_a_file_that_a_call_names_by_its_address_is_its_makers_in_every_dialect(
    gateway: RunningGateway,
    new_key: Callable[..., str],
    sdk_with: SdkWith,
    strict: StrictProviders,
    uploaded: Callable[[str], dict[str, Any]],
) -> None:
    maker, other = new_key(), new_key()
    uri = uploaded(maker)["uri"]
    url = f"{gateway.url}/v1beta/models/strict-gemini:generateContent"
    contents = {
        "contents": [
            {"role": "user", "parts": [{"fileData": {"fileUri": uri, "mimeType": "text/plain"}}, {"text": "what?"}]}
        ]
    }
    parts: list[Any] = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "what?"}]
    asked: Any = {"model": "strict-gemini", "messages": [{"role": "user", "content": parts}]}
    answer = httpx.post(url, json=contents, headers={"x-goog-api-key": maker}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert sdk_with(maker).chat.completions.create(**asked).choices
    assert strict.gemini.received[-1].body["contents"][0]["parts"][0]["fileData"]["fileUri"] == uri
    before = len(strict.gemini.received)
    refused = httpx.post(url, json=contents, headers={"x-goog-api-key": other}, timeout=30)
    assert (refused.status_code, refused.json()["error"]["status"]) == (404, "NOT_FOUND")
    with pytest.raises(openai.NotFoundError):
        sdk_with(other).chat.completions.create(**asked)
    assert len(strict.gemini.received) == before
