import copy
from contextlib import suppress
from typing import Any

import orjson
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from services.router.providers.answers.rejection import InvalidField, Rejected, UnsupportedParameter
from services.router.providers.bedrock.converse.request import joined, to_converse
from services.router.providers.bedrock.model_id import ModelId, model_id_of
from tests.golden_files import golden, golden_names
from tests.odd_json import odd_json

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA, LLAMA = "us.amazon.nova-pro-v1:0", "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL, GPT = "mistral.mistral-large-2402-v1:0", "openai.gpt-oss-120b-1:0"


def translate(body: dict[str, Any], *, model: str = CLAUDE, drop: bool = False) -> dict[str, Any]:
    return to_converse({"messages": HELLO, **body}, model_id_of(model, ""), drop_params=drop)


def turns(*messages: dict[str, Any], model: str = CLAUDE) -> list[dict[str, Any]]:
    translated: list[dict[str, Any]] = translate({"messages": list(messages)}, model=model)["messages"]
    return translated


def unsupported_by(body: dict[str, Any], model: str = CLAUDE) -> tuple[str, ...]:
    with pytest.raises(UnsupportedParameter) as caught:
        translate(body, model=model)
    return caught.value.names


@pytest.mark.parametrize("name", golden_names("bedrock", "request"))
def test_a_documented_request_is_translated(name: str) -> None:
    sample = golden("bedrock", name)
    given_body = copy.deepcopy(sample["openai"])
    assert to_converse(given_body, model_id_of(sample["model"], ""), drop_params=False) == sample["converse"]
    assert given_body == sample["openai"], "the caller's body must stay as it was: it is sent again on a fallback"


@pytest.mark.parametrize("name", golden_names("bedrock", "request"))
def test_a_translated_request_has_the_form_of_awss_own_model(name: str) -> None:
    sample = golden("bedrock", name)
    shape = Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    report = ParamValidator().validate({"modelId": sample["model"], **sample["converse"]}, shape)
    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize(
    ("model", "known_as", "said"),
    [
        (
            "anthropic.claude-3-haiku-20240307-v1:0",
            "",
            ModelId("", "anthropic.claude-3-haiku-20240307-v1:0", "anthropic", "claude-3-haiku-20240307-v1:0"),
        ),
        (
            "converse/us.amazon.nova-pro-v1:0",
            "",
            ModelId("converse", "us.amazon.nova-pro-v1:0", "amazon", "nova-pro-v1:0"),
        ),
        ("invoke/us-gov.meta.llama3-8b", "", ModelId("invoke", "us-gov.meta.llama3-8b", "meta", "llama3-8b")),
        (
            "eu-central-1/mistral.mistral-7b-instruct-v0:2",
            "",
            ModelId("", "mistral.mistral-7b-instruct-v0:2", "mistral", "mistral-7b-instruct-v0:2"),
        ),
        (
            "converse/us-east-1/cohere.command-r-v1:0",
            "",
            ModelId("converse", "cohere.command-r-v1:0", "cohere", "command-r-v1:0"),
        ),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-v1:0",
            "",
            ModelId(
                "",
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-v1:0",
                "anthropic",
                "claude-sonnet-4-v1:0",
            ),
        ),
        (
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
            "bedrock/anthropic.claude-sonnet-4-v1:0",
            ModelId(
                "", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "anthropic", "claude-sonnet-4-v1:0"
            ),
        ),
        (
            "llama/arn:aws:bedrock:us-east-1:1:imported-model/x",
            "",
            ModelId("invoke", "arn:aws:bedrock:us-east-1:1:imported-model/x", "meta", "x"),
        ),
    ],
)
def test_a_name_tells_the_api_the_model_and_whose_it_is(model: str, known_as: str, said: ModelId) -> None:
    assert model_id_of(model, known_as) == said


def test_turns_alternate_and_results_of_tools_come_first() -> None:
    calls = [{"id": f"t{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in (1, 2)]
    sent = turns(
        *HELLO,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "user", "content": "hurry"},
        {"role": "tool", "tool_call_id": "t1", "content": "a", "cache_control": {"type": "ephemeral"}},
        {"role": "tool", "tool_call_id": "t2", "content": ""},
    )
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
    assert [next(iter(block)) for block in sent[2]["content"]] == ["toolResult", "cachePoint", "toolResult", "text"]


def test_tools_of_earlier_calls_are_declared_where_the_request_has_none() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "x"},
    ]
    for body in ({}, {"tools": [TOOL], "tool_choice": "none"}):
        tools = translate({"messages": history, **body})["toolConfig"]["tools"]
        assert [tool["toolSpec"]["name"] for tool in tools] == ["f"]


def test_an_id_that_is_too_long_for_bedrock_is_shortened_alike_on_both_sides() -> None:
    ids = [f"{'x' * 70}{n}" for n in (1, 2)]
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in ids]
    results = [{"role": "tool", "tool_call_id": each, "content": "x"} for each in ids]
    sent = turns(*HELLO, {"role": "assistant", "tool_calls": calls}, *results)
    called = [block["toolUse"]["toolUseId"] for block in sent[1]["content"]]
    answered = [block["toolResult"]["toolUseId"] for block in sent[2]["content"]]
    assert called == answered
    assert len(set(called)) == 2
    assert all(len(each) <= 64 for each in called)


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        (CLAUDE, "auto", None),
        (CLAUDE, "required", {"any": {}}),
        (CLAUDE, {"type": "function", "function": {"name": "get_weather"}}, {"tool": {"name": "get_weather"}}),
        (NOVA, "required", {"any": {}}),
        (MISTRAL, "required", {"any": {}}),
    ],
)
def test_the_choice_among_tools(model: str, choice: Any, sent: Any) -> None:
    assert translate({"tools": [TOOL], "tool_choice": choice}, model=model)["toolConfig"].get("toolChoice") == sent


@pytest.mark.parametrize(
    ("model", "body", "name"),
    [
        (LLAMA, {"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        (
            MISTRAL,
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            "tool_choice",
        ),
        ("amazon.titan-text-express-v1", {"tools": [TOOL]}, "tools"),
        (CLAUDE, {"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls"),
        (CLAUDE, {"n": 2}, "n"),
        (CLAUDE, {"seed": 1}, "seed"),
        (LLAMA, {"reasoning_effort": "low"}, "reasoning_effort"),
        (LLAMA, {"thinking": {"type": "enabled"}}, "thinking"),
        (CLAUDE, {"service_tier": "scale"}, "service_tier"),
        ("amazon.titan-text-express-v1", {"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_a_model_lacks_is_named_or_dropped(model: str, body: dict[str, Any], name: str) -> None:
    assert unsupported_by(body, model) == (name,)
    assert translate(body, model=model, drop=True)["messages"]


@pytest.mark.parametrize(
    ("model", "body", "own"),
    [
        (
            CLAUDE,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        ("us.amazon.nova-2-lite-v1:0", {"reasoning_effort": "none"}, {"reasoningConfig": {"type": "disabled"}}),
        (GPT, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        (CLAUDE, {"top_k": 5}, {"top_k": 5}),
        ("cohere.command-r-v1:0", {"top_k": 5}, {"k": 5}),
        (LLAMA, {"reasoning_effort": "none"}, None),
    ],
)
def test_what_only_the_family_knows_goes_to_the_model(model: str, body: dict[str, Any], own: Any) -> None:
    assert translate(body, model=model).get("additionalModelRequestFields") == own


def test_effort_is_told_in_converses_own_field() -> None:
    request = translate({"reasoning_effort": "high"}, model="global.anthropic.claude-opus-4-6-v1:0")
    assert request["outputConfig"] == {"effort": "high"}
    assert request["additionalModelRequestFields"]["thinking"]["type"] == "adaptive"


@pytest.mark.parametrize(
    ("model", "choice"),
    [(NOVA, {"tool": {"name": "json_tool_call"}}), (MISTRAL, {"any": {}}), (LLAMA, None)],
)
def test_a_tool_stands_for_structured_output_and_is_forced_where_it_can_be(model: str, choice: Any) -> None:
    config = translate({"response_format": {"type": "json_object"}}, model=model)["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["json_tool_call"]
    assert config.get("toolChoice") == choice


def test_fields_of_an_operator_are_joined_in_their_places() -> None:
    request = translate({"temperature": 0.5, "top_k": 3})
    extra = {"inferenceConfig": {"maxTokens": 5}, "anthropic_beta": ["x"], "guardrailConfig": {"guardrailVersion": "1"}}
    sent = joined(request, extra)
    assert sent["inferenceConfig"] == {"temperature": 0.5, "maxTokens": 5}
    assert sent["additionalModelRequestFields"] == {"top_k": 3, "anthropic_beta": ["x"]}
    assert sent["guardrailConfig"] == {"guardrailVersion": "1"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y.png"}]}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "AAAA"}}]}]},
            "messages[0].content[0].file.file_data",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, "messages[0].content[0].type"),
        ({"temperature": "hot"}, "temperature"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": "maybe"}, "tool_choice"),
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
    "temperature",
    "max_tokens",
    "inferenceConfig",
    "top_k",
]


@given(st.sampled_from(["user", "assistant", "tool", "system"]), odd_json, st.sampled_from(FIELDS), odd_json)
def test_no_request_breaks_the_translator(role: str, content: Any, field: str, value: Any) -> None:
    message = {"role": role, "content": content, "tool_calls": value, "tool_call_id": value}
    for body in ({"messages": [message], field: value}, {"messages": value}, {"messages": [content], field: value}):
        for model in (CLAUDE, "us.amazon.nova-2-lite-v1:0", "amazon.titan-text-express-v1"):
            with suppress(Rejected):
                orjson.dumps(to_converse(body, model_id_of(model, ""), drop_params=False))
