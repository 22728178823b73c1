import copy
from contextlib import suppress
from typing import Any

import orjson
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from services.router.providers.answers.rejection import InvalidField, Rejected, UnsupportedParameter
from services.router.providers.gemini.requests.request import to_generate_content
from tests.golden_files import golden, golden_names
from tests.odd_json import odd_json


class Inner(BaseModel):
    size: int = 1


class Outer(BaseModel):
    inner: Inner = Field(description="the inner one")


HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
PERSON = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "object", "properties": {}}}}


def translate(body: dict[str, Any], *, model: str = "gemini-2.5-flash", drop: bool = False) -> dict[str, Any]:
    return to_generate_content({"messages": HELLO, **body}, model=model, drop_params=drop)


def turns(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> list[dict[str, Any]]:
    translated: list[dict[str, Any]] = translate({"messages": list(messages)}, model=model)["contents"]
    return translated


def config(body: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    found: dict[str, Any] = translate(body, model=model).get("generationConfig", {})
    return found


def unsupported_by(body: dict[str, Any], model: str = "gemini-2.5-flash") -> tuple[str, ...]:
    with pytest.raises(UnsupportedParameter) as caught:
        translate(body, model=model)
    return caught.value.names


@pytest.mark.parametrize("name", golden_names("gemini", "request"))
def test_a_documented_request_is_translated(name: str) -> None:
    sample = golden("gemini", name)
    given_body = copy.deepcopy(sample["openai"])
    translated = to_generate_content(given_body, model=sample["model"], drop_params=False)
    assert translated == sample["gemini"]
    assert given_body == sample["openai"], "the caller's body must stay as it was: it is sent again on a fallback"


@pytest.mark.parametrize("name", golden_names("gemini", "request"))
def test_every_part_of_a_translated_request_has_the_form_of_the_official_types(name: str) -> None:
    request = golden("gemini", name)["gemini"]
    for turn in request["contents"]:
        types.Content.model_validate(_without_signatures(turn))
    for tool in request.get("tools", ()):
        types.Tool.model_validate(tool)
    types.GenerationConfig.model_validate(request.get("generationConfig", {}))
    types.ToolConfig.model_validate(request.get("toolConfig", {}))


def _without_signatures(turn: dict[str, Any]) -> dict[str, Any]:
    """The SDK decodes signatures and data as base64, which those of the documentation's examples are not."""
    parts = [{name: value for name, value in part.items() if name != "thoughtSignature"} for part in turn["parts"]]
    return {**turn, "parts": parts}


def test_system_and_developer_messages_become_the_system_instruction() -> None:
    request = translate(
        {
            "messages": [
                {"role": "system", "content": "One."},
                *HELLO,
                {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            ]
        }
    )
    assert request["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert [turn["role"] for turn in request["contents"]] == ["user"]


def test_messages_of_one_role_become_one_turn() -> None:
    assert turns(*HELLO, {"role": "user", "content": ""}, {"role": "user", "content": "you"}) == [
        {"role": "user", "parts": [{"text": "Hello"}, {"text": "you"}]}
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("15 degrees", {"output": "15 degrees"}),
        ('{"c": 15}', {"c": 15}),
        ("{broken", {"output": "{broken"}),
        ("[1]", {"output": "[1]"}),
        ("", {"output": ""}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"output": "ab"}),
    ],
)
def test_what_a_tool_returned_becomes_an_object(content: Any, response: dict[str, Any]) -> None:
    call = {"id": "call_9", "type": "function", "function": {"name": "f", "arguments": ""}}
    sent = turns(
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": content},
    )
    assert sent[-1]["parts"] == [{"functionResponse": {"name": "f", "response": response}}]


def test_an_image_that_a_tool_returned_stands_beside_its_response_before_version_3() -> None:
    call = {"id": "call_9", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    history = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_9", "content": [image]},
    ]
    assert [list(part) for part in turns(*history)[-1]["parts"]] == [["functionResponse"], ["inlineData"]]
    assert "parts" in turns(*history, model="gemini-3-pro-preview")[-1]["parts"][0]["functionResponse"]


def test_results_of_parallel_calls_stand_as_their_calls_do() -> None:
    """Two calls of one function that have no ids at Gemini are told apart by their order alone."""
    calls = [
        {"id": f"call_{city}", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        for city in "ab"
    ]
    late = {"role": "tool", "tool_call_id": "call_b__thought__S", "content": "of b"}
    early = {"role": "tool", "tool_call_id": "call_a", "content": "of a"}
    *_, results, _ = turns(
        HELLO[0], {"role": "assistant", "tool_calls": calls}, late, early, {"role": "assistant", "content": "ok"}
    )
    assert [part["functionResponse"]["response"] for part in results["parts"]] == [
        {"output": "of a"},
        {"output": "of b"},
    ]


def test_an_id_of_geminis_own_goes_back_and_one_made_here_does_not() -> None:
    history = [
        *HELLO,
        {
            "role": "assistant",
            "tool_calls": [
                {"id": f"{call_id}__thought__S", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                for call_id in ("own-1", "call_2")
            ],
        },
        {"role": "tool", "tool_call_id": "own-1__thought__S", "content": "x"},
        {"role": "tool", "tool_call_id": "call_2", "content": "y"},
    ]
    sent = turns(*history)
    assert [part["functionCall"].get("id") for part in sent[1]["parts"]] == ["own-1", None]
    assert [part["functionResponse"].get("id") for part in sent[2]["parts"]] == ["own-1", None]


@pytest.mark.parametrize(
    "call",
    [
        {"id": "call_1__thought__SigA"},
        {"id": "call_1", "provider_specific_fields": {"thought_signature": "SigA"}},
        {"id": "call_1", "extra_content": {"google": {"thought_signature": "SigA"}}},
    ],
)
def test_a_signature_goes_back_from_wherever_the_client_kept_it(call: dict[str, Any]) -> None:
    history = {"role": "assistant", "tool_calls": [{**call, "function": {"name": "f", "arguments": "{}"}}]}
    part = turns(*HELLO, history, model="gemini-3-pro-preview")[1]["parts"][0]
    assert part["thoughtSignature"] == "SigA"


def test_a_call_that_gemini_did_not_make_gets_the_documented_stand_in() -> None:
    calls = [{"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
    history = {"role": "assistant", "tool_calls": calls}
    parts = turns(*HELLO, history, model="gemini-3-pro-preview")[1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == ["skip_thought_signature_validator", None]
    assert all("thoughtSignature" not in part for part in turns(*HELLO, history)[1]["parts"])


@pytest.mark.parametrize(
    ("model", "body", "thinking"),
    [
        ("gemini-2.5-flash", {"reasoning_effort": "low"}, {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash", {"reasoning_effort": "none"}, {"includeThoughts": False, "thinkingBudget": 0}),
        (
            "gemini-2.5-pro",
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            {"includeThoughts": True, "thinkingBudget": 128},
        ),
        ("gemini-2.5-pro", {"thinking": {"type": "adaptive"}}, {"includeThoughts": True, "thinkingBudget": -1}),
        ("gemini-3-pro-preview", {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "high"}),
        ("gemini-3-pro-preview", {"reasoning_effort": "minimal"}, {"includeThoughts": True, "thinkingLevel": "low"}),
        (
            "gemini-3-flash-preview",
            {"reasoning_effort": "minimal"},
            {"includeThoughts": True, "thinkingLevel": "minimal"},
        ),
        (
            "gemini-3-flash-preview",
            {"reasoning_effort": "none"},
            {"includeThoughts": False, "thinkingLevel": "minimal"},
        ),
        (
            "gemini-3.1-pro-preview",
            {"reasoning_effort": {"effort": "medium"}},
            {"includeThoughts": True, "thinkingLevel": "medium"},
        ),
        ("gemini-4-argon", {"reasoning_effort": "xhigh"}, {"includeThoughts": True, "thinkingLevel": "high"}),
        (
            "gemini-3.1-pro-preview",
            {"thinking": {"type": "enabled", "budget_tokens": 1500}},
            {"includeThoughts": True, "thinkingLevel": "medium"},
        ),
        ("gemini-2.0-flash", {"reasoning_effort": "none"}, None),
        ("gemini-2.5-flash", {}, None),
    ],
)
def test_thinking_is_asked_for_in_the_models_own_way(model: str, body: dict[str, Any], thinking: Any) -> None:
    assert config(body, model).get("thinkingConfig") == thinking


@pytest.mark.parametrize(
    ("model", "body", "name"),
    [
        ("gemini-2.0-flash", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("gemini-2.5-pro", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("gemini-3-pro-preview", {"thinking": {"type": "disabled"}}, "thinking"),
        ("gemini-2.5-flash", {"logit_bias": {"1": 2}}, "logit_bias"),
        ("gemini-2.5-flash", {"parallel_tool_calls": False}, "parallel_tool_calls"),
        ("gemini-2.5-flash", {"service_tier": "scale"}, "service_tier"),
        ("gemini-2.5-flash", {"tools": [{"custom": {"name": "x"}}]}, "tools[0]"),
    ],
)
def test_what_gemini_lacks_is_named_or_dropped(model: str, body: dict[str, Any], name: str) -> None:
    assert unsupported_by(body, model) == (name,)
    assert translate(body, model=model, drop=True)["contents"]


def test_tools_of_googles_own_stand_beside_the_functions() -> None:
    request = translate({"tools": [TOOL, {"code_execution": {}}, TOOL], "web_search_options": {}})
    assert [list(tool) for tool in request["tools"]] == [["functionDeclarations"], ["codeExecution"], ["googleSearch"]]
    assert len(request["tools"][0]["functionDeclarations"]) == 2


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]},
            },
            {"mode": "VALIDATED", "allowedFunctionNames": ["get_weather"]},
        ),
    ],
)
def test_the_choice_among_tools(choice: Any, sent: dict[str, Any]) -> None:
    request = translate({"tools": [TOOL], "tool_choice": choice})
    assert request["toolConfig"] == {"functionCallingConfig": sent}
    assert "toolConfig" not in translate({"tool_choice": "auto"})


def test_a_forced_tool_without_tools_is_refused() -> None:
    with pytest.raises(InvalidField, match="tool_choice"):
        translate({"tool_choice": "required"})


def test_a_schema_that_refers_to_itself_is_refused_where_references_cannot_be_sent() -> None:
    schema = {
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert config({"response_format": wanted})["responseJsonSchema"] == schema
    with pytest.raises(InvalidField, match="response_format"):
        translate({"response_format": wanted}, model="gemini-1.5-pro")


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"$ref": "#/$defs/a", "description": "d"}, {"anyOf": [{"$ref": "#/$defs/a"}], "description": "d"}),
        ({"$ref": "#/definitions/a"}, {"$ref": "#/$defs/a"}),
        ({"allOf": [{"$ref": "#/$defs/a"}], "title": "t"}, {"anyOf": [{"$ref": "#/$defs/a"}], "title": "t"}),
        ({"const": 3}, {"enum": [3]}),
        ({"const": True}, {"const": True}),
        ({"enum": [1, 2.5, "a"], "type": "number"}, {"enum": [1, 2.5, "a"], "type": "number"}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"type": "object", "additionalProperties": {"const": "x"}},
            {"type": "object", "additionalProperties": {"enum": ["x"]}},
        ),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
        ({"prefixItems": [{"const": "x"}]}, {"prefixItems": [{"enum": ["x"]}]}),
        (
            {"default": {"const": 1}, "examples": [{"$ref": "x", "a": 1}]},
            {"default": {"const": 1}, "examples": [{"$ref": "x", "a": 1}]},
        ),
    ],
)
def test_a_schema_says_the_same_in_the_words_that_gemini_reads(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    parameters = {"type": "object", "properties": {"const": schema, "$ref": {"type": "string"}}, "$schema": "x"}
    parameters["definitions"] = {"a": {"type": "integer"}}
    given = copy.deepcopy(parameters)
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": True}}
    told = translate({"tools": [tool]})["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert told["properties"] == {"const": sent, "$ref": {"type": "string"}}
    assert (told["$defs"], "$schema" in told) == ({"a": {"type": "integer"}}, False)
    assert parameters == given


def test_pydantics_own_schemas_have_nothing_beside_a_reference() -> None:
    schema = Outer.model_json_schema()
    wanted = {"type": "json_schema", "json_schema": {"name": "o", "schema": schema}}
    told = config({"response_format": wanted}, "gemini-3-pro-preview")["responseJsonSchema"]
    assert told["properties"]["inner"] == {"anyOf": [{"$ref": "#/$defs/Inner"}], "description": "the inner one"}
    assert told["$defs"].keys() == {"Inner"}


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-2.5-pro-preview-tts"])
def test_models_that_draw_or_speak_do_not_think(model: str) -> None:
    assert unsupported_by({"reasoning_effort": "low"}, model) == ("reasoning_effort",)
    assert "thinkingConfig" not in config({"reasoning_effort": "none", "temperature": 1}, model)


@pytest.mark.parametrize(("form", "stream", "fine"), [
    ("pcm16", True, True), ("pcm16", False, True), ("wav", False, True), ("wav", True, False), ("mp3", False, False),
])  # fmt: skip
def test_the_forms_of_sound_are_those_that_can_be_had(form: str, stream: bool, fine: bool) -> None:
    body = {"modalities": ["audio"], "audio": {"voice": "Kore", "format": form}, "stream": stream}
    if fine:
        assert config(body)["responseModalities"] == ["AUDIO"]
    else:
        assert unsupported_by(body) == ("audio.format",)


@pytest.mark.parametrize("wrapped", [True, False])
def test_googles_own_fields_of_its_openai_interface_are_understood(wrapped: bool) -> None:
    google = {"google": {"thinking_config": {"thinking_level": "low"}, "cached_content": "cachedContents/c"}}
    request = translate({"temperature": 1, **({"extra_body": google} if wrapped else google)})
    assert request["generationConfig"] == {"temperature": 1, "thinkingConfig": {"thinking_level": "low"}}
    assert request["cachedContent"] == "cachedContents/c"
    assert request.keys() == {"contents", "generationConfig", "cachedContent"}
    with pytest.raises(InvalidField, match="thought_tag_marker"):
        translate({"google": {"thought_tag_marker": "x"}})
    with pytest.raises(InvalidField, match=r"extra_body\.google"):
        translate({"extra_body": {"google": 3}})


def test_a_signature_of_a_text_goes_back_from_googles_own_place_for_it() -> None:
    said = {"role": "assistant", "content": "Hi", "extra_content": {"google": {"thought_signature": "c2ln"}}}
    assert turns(*HELLO, said)[1]["parts"] == [{"text": "Hi", "thoughtSignature": "c2ln"}]


@pytest.mark.parametrize("content", ["", None, []])
def test_a_tool_that_returned_nothing_returned_an_empty_output(content: Any) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": content}
    last = turns(*HELLO, {"role": "assistant", "tool_calls": [call]}, result)[-1]
    assert last["parts"] == [{"functionResponse": {"name": "f", "response": {"output": ""}}}]


def test_fields_of_geminis_own_are_joined_with_the_translated_ones() -> None:
    request = translate(
        {"temperature": 0.5, "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}, "labels": {"a": "b"}}
    )
    assert request["generationConfig"] == {"temperature": 0.5, "mediaResolution": "MEDIA_RESOLUTION_LOW"}
    assert request["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "ftp://x"}]}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}]},
            "messages[0].content[0].input_audio.format",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}, "messages[0].content[0].file"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{"}}]}
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop[0]"),
        ({"modalities": ["smell"]}, "modalities"),
        ({"audio": {}}, "audio.voice"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"reasoning_effort": "hard"}, "reasoning_effort"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"generationConfig": 3}, "generationConfig"),
    ],
)
def test_a_malformed_field_is_named(body: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        translate(body)
    assert caught.value.param == path


FIELDS = [
    "tools",
    "tool_choice",
    "stop",
    "response_format",
    "reasoning_effort",
    "thinking",
    "service_tier",
    "n",
    "web_search_options",
    "temperature",
    "max_tokens",
    "modalities",
    "audio",
    "generationConfig",
]


@given(st.sampled_from(["user", "assistant", "tool", "system"]), odd_json, st.sampled_from(FIELDS), odd_json)
def test_no_request_breaks_the_translator(role: str, content: Any, field: str, value: Any) -> None:
    message = {"role": role, "content": content, "tool_calls": value, "tool_call_id": value}
    for body in ({"messages": [message], field: value}, {"messages": value}, {"messages": [content], field: value}):
        for model in ("gemini-3-pro-preview", "gemini-1.5-pro"):
            with suppress(Rejected):
                orjson.dumps(to_generate_content(body, model=model, drop_params=False))
