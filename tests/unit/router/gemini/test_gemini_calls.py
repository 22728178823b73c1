"""Where Gemini is called, with which headers, and what is said when something is missing."""

from typing import Any

import orjson
import pytest

from services.router.providers.base import HttpCall
from services.router.providers.openai.body import outgoing_body
from services.router.providers.registry import load_providers
from shared.config import MissingVariable
from shared.errors import CredentialMissing
from tests.router_calls import deployment, provider_call

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
GEMINI: dict[str, Any] = {"provider": "gemini", "model": "gemini-2.5-flash", "api_key": "AIza"}
BASE = "https://generativelanguage.googleapis.com"


def prepared(fields: dict[str, Any], environ: dict[str, str] | None = None, **call: Any) -> HttpCall:
    provider = load_providers(environ or {})["gemini"]
    return provider.prepare(provider_call(BODY, **call), deployment(**GEMINI | fields))[0]


@pytest.mark.parametrize(
    ("fields", "stream", "url"),
    [
        ({}, False, f"{BASE}/v1beta/models/gemini-2.5-flash:generateContent"),
        ({}, True, f"{BASE}/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ({"api_version": "v1"}, False, f"{BASE}/v1/models/gemini-2.5-flash:generateContent"),
        ({"model": "tunedModels/mine"}, False, f"{BASE}/v1beta/tunedModels/mine:generateContent"),
        ({"api_base": "http://a/v1beta/"}, False, "http://a/v1beta/models/gemini-2.5-flash:generateContent"),
        ({"api_base": "http://a/x"}, False, "http://a/x/v1beta/models/gemini-2.5-flash:generateContent"),
    ],
)
def test_gemini_is_called_at_the_models_address(fields: dict[str, Any], stream: bool, url: str) -> None:
    call = prepared(fields, stream=stream)
    assert call.url == url
    assert call.headers == {"content-type": "application/json", "x-goog-api-key": "AIza"}


def test_geminis_key_comes_from_the_environment_by_either_name() -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        assert prepared({"api_key": None}, {name: "env"}).headers["x-goog-api-key"] == "env"


@pytest.mark.parametrize(
    ("fields", "variable"), [({"api_key": None}, "GEMINI_API_KEY"), ({"api_key": MissingVariable("MY_KEY")}, "MY_KEY")]
)
def test_what_gemini_lacks_is_named_with_its_variable(fields: dict[str, Any], variable: str) -> None:
    with pytest.raises(CredentialMissing, match=variable):
        prepared(fields)


def test_the_admitted_maximum_and_the_deployments_fields_are_sent() -> None:
    fields = {
        "defaults": {"temperature": 0.2, "max_tokens": 90},
        "extra_body": {"safetySettings": [], "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}},
    }
    sent = orjson.loads(prepared(fields, max_tokens=50).body)
    assert sent["generationConfig"] == {
        "temperature": 0.2,
        "maxOutputTokens": 50,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    assert sent["safetySettings"] == []


def test_other_providers_get_tool_calls_without_geminis_signatures() -> None:
    call = {"id": "call_1__thought__Sig+/A==", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "what is __thought__x?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "x"},
    ]
    sent = orjson.loads(outgoing_body(provider_call({"messages": messages}), deployment()))["messages"]
    assert sent[0] == messages[0]
    assert (sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"]) == ("call_1", "call_1")
    claude = deployment(provider="anthropic", model="claude-sonnet-4-5", api_key="k")
    body = load_providers({})["anthropic"].prepare(provider_call({"messages": messages}), claude)[0].body
    turns = orjson.loads(body)["messages"]
    assert (turns[1]["content"][0]["id"], turns[2]["content"][0]["tool_use_id"]) == ("call_1", "call_1")
