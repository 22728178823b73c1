"""Whatever stands anywhere in a chat: each provider's request is made of it, or it is refused by its name."""

from typing import Any

import pytest

from services.router.prepare import prepared
from services.router.providers.answers.rejection import Rejected
from services.router.providers.registry import load_providers
from tests.odd_json import OTHER_VALUES, places_in, with_another
from tests.router_calls import deployment, provider_call

CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": "hi",
            "reasoning_content": "r",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "stop": ["a"],
    "temperature": 1,
    "max_tokens": 5,
    "seed": 1,
    "reasoning_effort": "low",
}

PROVIDERS: dict[str, dict[str, Any]] = {
    "mistral": {},
    "cohere": {},
    "ollama": {"api_base": "http://127.0.0.1:1"},
    "cloudflare": {"model": "@cf/meta/llama", "api_base": "https://127.0.0.1:1/run"},
    "databricks": {"api_base": "https://127.0.0.1:1"},
    "groq": {},
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_value_in_a_chat_breaks_a_providers_request(provider: str) -> None:
    adapter = load_providers({})[provider]
    to = deployment(provider=provider, **PROVIDERS[provider])
    prepared(adapter, provider_call(CHAT, drop_params=True), to)
    for drops in (True, False):
        for place in places_in(CHAT):
            for value in OTHER_VALUES:
                try:
                    prepared(adapter, provider_call(with_another(CHAT, place, value), drop_params=drops), to)
                except Rejected:
                    continue
