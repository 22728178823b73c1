"""OpenAI's official SDK in front of Gemini, through a whole gateway."""

import json
from typing import Any

import openai
import pytest

from tests.journey.strict_providers import StrictProviders
from tests.provider_servers.gemini import SIGNATURE
from tests.provider_servers.http_server import Behaviour

MODEL = "strict-gemini"
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"$ref": "#/$defs/City", "description": "where"}, "kind": {"const": 1}},
                "required": ["city"],
                "additionalProperties": False,
                "$defs": {"City": {"type": "string", "enum": ["Oslo", "Rome"]}},
            },
        },
    }
    for name in ("weather", "time")
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_signatures_of_thoughts_go_back_over_several_turns(
    sdk: openai.OpenAI, strict: StrictProviders, streamed: bool
) -> None:
    """The server refuses a call that comes back without its signature, as Gemini does from version 3 on."""
    messages: list[Any] = [{"role": "user", "content": "the weather and the time in Oslo?"}]
    for turn in range(1, 3):
        strict.gemini.next(Behaviour(tool_calls=True))
        asked: Any = {"model": MODEL, "messages": messages, "tools": TOOLS}
        if streamed:
            with sdk.chat.completions.stream(**asked) as stream:
                for _ in stream:
                    pass
                answer: Any = stream.get_final_completion()
        else:
            answer = sdk.chat.completions.create(**asked)
        choice = answer.choices[0]
        assert (choice.finish_reason, len(choice.message.tool_calls)) == ("tool_calls", 2)
        messages.append(choice.message.model_dump(exclude_none=True))
        results = ["", json.dumps({"at": turn})]
        for call, result in zip(choice.message.tool_calls, results, strict=True):
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    strict.gemini.next(Behaviour(text="Cold."))
    last = sdk.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert last.choices[0].message.content == "Cold."
    sent = strict.gemini.received[-1].body
    called = [turn["parts"] for turn in sent["contents"] if turn["role"] == "model"]
    assert [[part.get("thoughtSignature") for part in parts] for parts in called] == [[SIGNATURE, None]] * 2
    answered = [turn["parts"] for turn in sent["contents"] if turn["role"] == "user"][1:]
    assert [[part["functionResponse"]["response"] for part in parts] for parts in answered] == [
        [{"output": ""}, {"at": 1}],
        [{"output": ""}, {"at": 2}],
    ]
    declared = sent["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert declared["properties"] == {
        "city": {"anyOf": [{"$ref": "#/$defs/City"}], "description": "where"},
        "kind": {"enum": [1]},
    }


@pytest.mark.parametrize(
    ("answer", "finish", "refusal"),
    [
        ({"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}, "content_filter", True),
        ({"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "no"}}, "content_filter", True),
        ({"candidates": [{"finishReason": "RECITATION", "index": 0}]}, "content_filter", False),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}, "stop", False),
        ({"candidates": [{"content": {}, "finishReason": "MAX_TOKENS", "index": 0}]}, "length", False),
    ],
)
def test_answers_without_a_text_say_why(
    sdk: openai.OpenAI, strict: StrictProviders, answer: dict[str, Any], finish: str, refusal: bool
) -> None:
    usage = {"promptTokenCount": 9, "totalTokenCount": 9}
    strict.gemini.next(Behaviour(body=json.dumps({**answer, "usageMetadata": usage}).encode()))
    choice = sdk.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}]).choices[0]
    assert (choice.finish_reason, choice.message.content, choice.message.refusal is not None) == (finish, None, refusal)


def test_what_gemini_cannot_do_is_named(sdk: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    for fields, param in (
        ({"modalities": ["audio"], "audio": {"voice": "Kore", "format": "mp3"}}, "audio.format"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"reasoning_effort": "none"}, "reasoning_effort"),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            sdk.chat.completions.create(**asked, **fields)
        assert caught.value.param == param
