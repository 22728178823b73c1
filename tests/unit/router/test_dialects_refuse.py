"""Whatever stands anywhere in a request of another dialect: it is translated, or refused by its name."""

from typing import Any

import pytest

from services.router.dialects.registry import TRANSLATIONS
from services.router.providers.answers.rejection import Rejected
from tests.odd_json import OTHER_VALUES, places_in, with_another
from tests.router_calls import provider_call

RESPONSE = {
    "model": "m",
    "instructions": "i",
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "u", "detail": "low"},
                {"type": "input_file", "file_id": "f"},
                {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
            ],
        },
        {"type": "reasoning", "summary": [{"text": "a"}], "content": [{"text": "b"}], "encrypted_content": "abc"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "d", "name": "f", "input": "x"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "x"}]},
    ],
    "max_output_tokens": 4,
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "tools": [
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "web_search", "user_location": {"type": "approximate", "city": "x"}, "search_context_size": "low"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]},
    "include": ["message.output_text.logprobs"],
    "top_logprobs": 3,
    "background": False,
}

MESSAGE = {
    "model": "m",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aa"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": "s"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "x", "citations": [{"type": "web_search_result_location", "url": "u"}]},
                {"type": "tool_use", "id": "i", "name": "n", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "x"}]}],
        },
    ],
    "stop_sequences": ["a"],
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low"},
    "tools": [
        {"name": "n", "input_schema": {}, "description": "d"},
        {"type": "web_search_20250305", "max_uses": 3, "user_location": {"type": "approximate", "city": "c"}},
    ],
    "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
    "metadata": {"user_id": "u"},
}

CONTENTS = {
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "x"},
                {"inlineData": {"mimeType": "image/png", "data": "aa"}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "u"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True, "thoughtSignature": "s"},
                {"functionCall": {"id": "i", "name": "n", "args": {}}, "thoughtSignature": "q"},
            ],
        },
        {"role": "user", "parts": [{"functionResponse": {"id": "i", "name": "n", "response": {}}}]},
    ],
    "systemInstruction": {"parts": [{"text": "x"}]},
    "generationConfig": {
        "maxOutputTokens": 5,
        "stopSequences": ["a"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
        "thinkingConfig": {"thinkingBudget": 1, "includeThoughts": True},
        "responseModalities": ["TEXT"],
    },
    "tools": [{"functionDeclarations": [{"name": "n", "parameters": {"type": "OBJECT"}}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["n"]}},
}

TEXT = {"model": "m", "prompt": ["x"], "echo": False, "suffix": "", "best_of": 1, "logprobs": 0, "stop": ["a"], "n": 1}


@pytest.mark.parametrize(
    ("call_type", "body"),
    [
        ("aresponses", RESPONSE),
        ("anthropic_messages", MESSAGE),
        ("agenerate_content", CONTENTS),
        ("atext_completion", TEXT),
    ],
    ids=["responses", "messages", "generateContent", "completions"],
)
def test_no_value_in_a_request_breaks_its_translation(call_type: str, body: dict[str, Any]) -> None:
    translate = TRANSLATIONS[call_type]
    translate(provider_call(body, call_type=call_type))
    refused = 0
    for place in places_in(body):
        for value in OTHER_VALUES:
            try:
                translate(provider_call(with_another(body, place, value), call_type=call_type))
            except Rejected:
                refused += 1
    assert refused >= 2 * len(list(places_in(body)))
