import copy
from typing import Any

import pytest
from anthropic.types import ContentBlockParam, OutputConfigParam, ThinkingConfigParam, ToolChoiceParam, ToolUnionParam
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.router.providers.answers.rejection import InvalidField, Rejected, UnsupportedParameter
from services.router.providers.anthropic.answers.response import to_completion
from services.router.providers.anthropic.requests.request import to_messages
from tests.golden_files import golden, golden_names

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
PERSON = {"type": "json_schema", "json_schema": {"name": "p", "schema": {"type": "object", "properties": {}}}}


def translate(
    body: dict[str, Any], *, model: str = "claude-sonnet-4-5", drop: bool = False, default: int = 4096
) -> dict[str, Any]:
    return to_messages({"messages": HELLO, **body}, model=model, drop_params=drop, default_max_tokens=default)


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    translated: list[dict[str, Any]] = translate({"messages": list(messages)})["messages"]
    return translated


def unsupported_by(body: dict[str, Any], model: str = "claude-sonnet-4-5") -> tuple[str, ...]:
    with pytest.raises(UnsupportedParameter) as caught:
        translate(body, model=model)
    return caught.value.names


@pytest.mark.parametrize("name", golden_names("anthropic", "request"))
def test_a_documented_request_is_translated(name: str) -> None:
    sample = golden("anthropic", name)
    given_body = copy.deepcopy(sample["openai"])
    translated = to_messages(given_body, model=sample["model"], drop_params=False, default_max_tokens=4096)
    assert translated == sample["anthropic"]
    assert given_body == sample["openai"], "the caller's body must stay as it was: it is sent again on a fallback"


@pytest.mark.parametrize("name", golden_names("anthropic", "request"))
def test_every_part_of_a_translated_request_has_the_form_of_the_official_types(name: str) -> None:
    request = golden("anthropic", name)["anthropic"]
    for turn in request["messages"]:
        for block in turn["content"]:
            TypeAdapter(ContentBlockParam).validate_python(block)
    for tool in request.get("tools", ()):
        TypeAdapter(ToolUnionParam).validate_python(tool)
    if "tool_choice" in request:
        TypeAdapter(ToolChoiceParam).validate_python(request["tool_choice"])
    if "thinking" in request:
        TypeAdapter(ThinkingConfigParam).validate_python(request["thinking"])
    if "output_config" in request:
        TypeAdapter(OutputConfigParam).validate_python(request["output_config"])


# --- messages ---


def test_system_and_developer_messages_become_the_system_prompt_wherever_they_stand() -> None:
    request = translate(
        {
            "messages": [
                {"role": "system", "content": "One."},
                *HELLO,
                {"role": "developer", "content": [{"type": "text", "text": "Two."}]},
            ]
        }
    )
    assert request["system"] == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert [turn["role"] for turn in request["messages"]] == ["user"]


def test_messages_of_one_role_become_one_turn() -> None:
    assert turns(
        {"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}
    ) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}]},
    ]


def test_tool_results_come_before_other_content_of_their_turn() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
    last = turns(
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": "hurry"},
        {"role": "tool", "tool_call_id": "t1", "content": "done", "is_error": True},
    )[-1]
    assert last["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "done", "is_error": True},
        {"type": "text", "text": "hurry"},
    ]


@pytest.mark.parametrize("blank", ["", " ", "\n\t", None, [], [{"type": "text", "text": " "}]])
def test_a_message_without_a_visible_character_is_left_out(blank: object) -> None:
    assert turns({"role": "user", "content": blank}, {"role": "user", "content": "x"})[0]["content"] == [
        {"type": "text", "text": "x"}
    ]


def test_the_beginning_of_an_answer_loses_the_white_space_at_its_end() -> None:
    assert turns(*HELLO, {"role": "assistant", "content": "It is \n"})[-1]["content"][-1]["text"] == "It is"


def test_a_refusal_is_sent_back_as_text() -> None:
    parts = [{"type": "refusal", "refusal": "I will not."}]
    assert turns(*HELLO, {"role": "assistant", "content": parts}) == turns(
        *HELLO, {"role": "assistant", "content": None, "refusal": "I will not."}
    )


def test_the_fragments_of_a_streamed_thought_are_joined_and_an_unsigned_one_stays_here() -> None:
    fragments = [
        {"type": "thinking", "thinking": "one "},
        {"type": "thinking", "thinking": "two"},
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "thinking", "thinking": "never signed"},
    ]
    answer = turns(*HELLO, {"role": "assistant", "content": "x", "thinking_blocks": fragments})[-1]["content"]
    assert answer == [
        {"type": "thinking", "thinking": "one two", "signature": "sig"},
        {"type": "text", "text": "x"},
    ]


def test_blocks_in_the_providers_own_form_go_through() -> None:
    block = {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]}
    assert turns({"role": "user", "content": [block]})[0]["content"] == [block]


def test_a_cache_mark_on_a_message_goes_to_its_last_block() -> None:
    mark = {"type": "ephemeral"}
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    blocks = turns({"role": "user", "content": content, "cache_control": mark})[0]["content"]
    assert blocks == [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": mark}]


def test_ids_of_other_providers_are_spelt_alike_in_call_and_answer_and_never_run_together() -> None:
    ids = ["functions.f:0", "functions_f:0", "functions_f_0"]
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in ids]
    answers = [{"role": "tool", "tool_call_id": each, "content": "ok"} for each in ids]
    _, assistant, user = turns(*HELLO, {"role": "assistant", "tool_calls": calls}, *answers)
    sent = [block["id"] for block in assistant["content"]]
    assert sent == [block["tool_use_id"] for block in user["content"]]
    assert len(set(sent)) == 3
    assert sent[2] == "functions_f_0"


@pytest.mark.parametrize(
    ("file", "block"),
    [
        (
            {"file_data": "JVBERi0xLjQK"},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}},
        ),
        (
            {"file_data": "aMOp", "filename": "notes.txt"},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "hé"},
                "title": "notes.txt",
            },
        ),
        (
            {"file_data": "data:image/jpg;base64,AAAA"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        (
            {"file_id": "https://example.com/a.pdf"},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            {"file_id": "file_1", "format": "image/png"},
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_a_file_becomes_the_block_of_its_kind(file: dict[str, Any], block: dict[str, Any]) -> None:
    assert turns({"role": "user", "content": [{"type": "file", "file": file}]})[0]["content"] == [block]


# --- malformed bodies ---


def part(value: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [value]}]}


def call(**changes: object) -> dict[str, Any]:
    sound = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {"messages": [*HELLO, {"role": "assistant", "tool_calls": [{**sound, **changes}]}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "alone"}]}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": "https://x"}]}]}, None),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "content": "x", "thinking_blocks": "t"}]}, "messages[0].thinking_blocks"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (part("hi"), "messages[0].content[0]"),
        (part({"type": "text"}), "messages[0].content[0].text"),
        (part({"type": "poem"}), "messages[0].content[0].type"),
        (part({"type": "input_audio", "input_audio": {}}), "messages[0].content[0].type"),
        (part({"type": "image_url"}), "messages[0].content[0].image_url"),
        (part({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url"),
        (part({"type": "image_url", "image_url": {"url": "ftp://x"}}), "messages[0].content[0].image_url.url"),
        (
            part({"type": "image_url", "image_url": {"url": "data:image/png,AA"}}),
            "messages[0].content[0].image_url.url",
        ),
        (part({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}}), None),
        (part({"type": "file"}), "messages[0].content[0].file"),
        (part({"type": "file", "file": {}}), "messages[0].content[0].file"),
        (part({"type": "file", "file": {"file_data": "AAAA"}}), "messages[0].content[0].file.file_data"),
        (part({"type": "file", "file": {"file_data": "data:text/plain;base64,?"}}), None),
        (call(id=None), "messages[1].tool_calls[0].id"),
        (call(type="custom"), "messages[1].tool_calls[0].type"),
        (call(function=None), "messages[1].tool_calls[0].function"),
        (call(function={"arguments": "{}"}), "messages[1].tool_calls[0].function.name"),
        (call(function={"name": "f", "arguments": "{"}), "messages[1].tool_calls[0].function.arguments"),
        (call(function={"name": "f", "arguments": "[1]"}), "messages[1].tool_calls[0].function.arguments"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}, None),
        ({"tools": [TOOL], "tool_choice": "perhaps"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "oracle"}}, "tool_choice.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"stop": 3}, "stop"),
        ({"stop": ["a", 3]}, "stop[1]"),
        ({"reasoning_effort": "heroic"}, "reasoning_effort"),
        ({"thinking": True}, "thinking"),
        ({"output_config": []}, "output_config"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"web_search_options": {"search_context_size": "huge"}}, "web_search_options.search_context_size"),
        ({"web_search_options": {"user_location": {}}}, "web_search_options.user_location"),
        ({"system": "x", "messages": [{"role": "system", "content": "y"}, *HELLO]}, "system"),
    ],
)
def test_a_malformed_field_is_named_with_its_path(body: dict[str, Any], path: str | None) -> None:
    with pytest.raises(InvalidField) as caught:
        translate(body, drop=True)  # dropping parameters never hides a malformed one
    assert caught.value.message.startswith(caught.value.param)
    if path is not None:
        assert caught.value.param == path


# --- parameters ---


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"frequency_penalty": 0.5},
        {"presence_penalty": -1},
        {"logit_bias": {"50256": -100}},
        {"seed": 7},
        {"audio": {"voice": "alloy", "format": "mp3"}},
        {"modalities": ["text", "audio"]},
        {"prediction": {"type": "content", "content": "x"}},
        {"store": True},
        {"verbosity": "low"},
        {"functions": [{"name": "f"}]},
        {"service_tier": "flex"},
        {"stop": [" ", "END"]},
    ],
)
def test_what_anthropic_lacks_is_refused_by_name_and_left_out_if_wanted(asked: dict[str, Any]) -> None:
    name = next(iter(asked))
    assert unsupported_by(asked) == (name,)
    dropped = translate(asked, drop=True)
    assert name not in dropped
    assert dropped["messages"] == translate({})["messages"]


def test_all_refused_parameters_are_named_at_once_with_the_remedy() -> None:
    with pytest.raises(Rejected, match=r"Anthropic \(claude-sonnet-4-5\) does not support: n, seed, temperature") as e:
        translate({"n": 3, "seed": 1, "temperature": 1.5})
    assert "drop_params: true" in e.value.message
    assert e.value.param == "n"


@pytest.mark.parametrize(
    "idle",
    [
        {"n": 1},
        {"logprobs": False},
        {"frequency_penalty": 0},
        {"presence_penalty": 0.0},
        {"logit_bias": {}},
        {"modalities": ["text"]},
        {"store": False},
        {"seed": None},
        {"temperature": 1},
        {"top_p": 1.0},
        {"stop": []},
        {"tool_choice": "auto"},
        {"tool_choice": "none"},
        {"parallel_tool_calls": False},
        {"stream": False},
        {"stream_options": {"include_usage": True}},
        {"prompt_cache_key": "k"},
        {"response_format": {"type": "text"}},
        {"metadata": {"team": "blue"}},
        {"user": "ada@example.com"},
        {"user": "+44 20 7946 0958"},
    ],
)
def test_a_parameter_that_asks_for_nothing_changes_nothing(idle: dict[str, Any]) -> None:
    assert translate(idle) == translate({})


def test_the_limit_of_tokens_is_the_callers_or_the_default() -> None:
    assert translate({}, default=777)["max_tokens"] == 777
    assert translate({"max_tokens": 5})["max_tokens"] == 5
    assert translate({"max_tokens": 5, "max_completion_tokens": 6})["max_tokens"] == 6
    assert translate({"max_tokens": 0})["max_tokens"] == 0


def test_a_temperature_above_one_is_refused_or_lowered_to_one() -> None:
    assert unsupported_by({"temperature": 1.2}) == ("temperature",)
    assert "temperature" not in translate({"temperature": 1.2}, drop=True)  # 1 is Anthropic's default
    assert translate({"temperature": 0})["temperature"] == 0


def test_temperature_and_top_p_go_together_only_where_the_model_allows() -> None:
    both = {"temperature": 0.2, "top_p": 0.9}
    assert translate(both, model="claude-3-haiku-20240307") | both == translate(both, model="claude-3-haiku-20240307")
    assert unsupported_by(both) == ("top_p",)
    assert unsupported_by({**both, "top_k": 5}, "claude-opus-4-7") == ("temperature", "top_p", "top_k")
    assert translate({"temperature": 1, "top_p": 1}, model="claude-opus-4-7")["max_tokens"] == 4096


def test_thinking_excludes_sampling() -> None:
    asked = {"reasoning_effort": "low", "temperature": 0.5, "top_k": 4, "top_p": 0.5}
    assert set(unsupported_by(asked)) == {"temperature", "top_k", "top_p"}
    dropped = translate(asked, drop=True)
    assert not {"temperature", "top_k", "top_p"} & set(dropped)
    assert translate({"reasoning_effort": "low", "top_p": 0.96})["top_p"] == 0.96


def test_an_end_user_is_named_by_the_providers_field_first() -> None:
    assert translate({"user": "u1"})["metadata"] == {"user_id": "u1"}
    assert translate({"safety_identifier": "s1"})["metadata"] == {"user_id": "s1"}
    assert translate({"user": "u1", "metadata": {"user_id": "m1", "x": 1}})["metadata"] == {"user_id": "m1"}


def test_unknown_fields_go_through_and_nulls_do_not() -> None:
    own = {"top_k": 5, "mcp_servers": [{"type": "url"}], "container": "c", "inference_geo": "eu", "brand_new": 1}
    request = translate({**own, "seed": None, "context_management": None})
    assert {name: request[name] for name in own} == own
    assert "context_management" not in request


def test_the_service_tier_keeps_its_meaning() -> None:
    assert translate({"service_tier": "auto"})["service_tier"] == "auto"
    assert translate({"service_tier": "default"})["service_tier"] == "standard_only"


# --- thinking ---


@pytest.mark.parametrize(
    ("level", "budget"),
    [("minimal", 1024), ("low", 1024), ("medium", 2048), ("high", 4096), ("xhigh", 8192), ("max", 16384)],
)
def test_effort_becomes_a_budget_beside_the_default_limit(level: str, budget: int) -> None:
    request = translate({"reasoning_effort": level}, default=1000)
    assert request["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert request["max_tokens"] == 1000 + budget


def test_a_budget_stays_below_the_callers_limit_or_is_refused() -> None:
    assert translate({"reasoning_effort": "high", "max_tokens": 2000})["thinking"]["budget_tokens"] == 1999
    assert unsupported_by({"reasoning_effort": "high", "max_tokens": 1024}) == ("reasoning_effort",)
    assert "thinking" not in translate({"reasoning_effort": "high", "max_tokens": 1024}, drop=True)


def test_newer_models_are_steered_by_effort() -> None:
    request = translate({"reasoning_effort": {"effort": "minimal", "summary": "auto"}}, model="claude-opus-4-6")
    assert request["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert request["output_config"] == {"effort": "low"}
    own = translate({"reasoning_effort": "low", "output_config": {"effort": "max"}}, model="claude-opus-4-6")
    assert own["output_config"] == {"effort": "max"}


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("claude-sonnet-4-5", None),
        ("claude-opus-4-8", None),
        ("claude-opus-5", {"type": "disabled"}),
        ("claude-sonnet-5", {"type": "disabled"}),
        ("claude-haiku-5-5", {"type": "disabled"}),
        ("claude-sonnet-5-5", {"type": "between_tools"}),
    ],
)
def test_no_effort_turns_thinking_off_in_the_models_own_way(model: str, thinking: dict[str, str] | None) -> None:
    assert translate({"reasoning_effort": "none"}, model=model).get("thinking") == thinking


@pytest.mark.parametrize("model", ["claude-fable-5", "claude-mythos-preview", "claude-opus-5-5"])
def test_a_model_that_always_thinks_says_so(model: str) -> None:
    assert unsupported_by({"reasoning_effort": "none"}, model) == ("reasoning_effort",)


def test_a_model_that_cannot_think_refuses_effort() -> None:
    assert unsupported_by({"reasoning_effort": "low"}, "claude-3-5-sonnet-20241022") == ("reasoning_effort",)


def test_thinking_in_the_providers_form_goes_through() -> None:
    own = {"type": "enabled", "budget_tokens": 1500}
    request = translate({"thinking": own, "reasoning_effort": "high"}, default=100)
    assert request["thinking"] == own
    assert request["max_tokens"] == 1600


# --- tools ---


def tools_in(body: dict[str, Any], **how: Any) -> tuple[list[Any], Any]:
    request = translate(body, **how)
    return request.get("tools", []), request.get("tool_choice")


@pytest.mark.parametrize(
    ("choice", "parallel", "translated"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
        ({"type": "any", "disable_parallel_tool_use": True}, None, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_the_choice_of_tools(choice: object, parallel: bool | None, translated: object) -> None:
    body = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": parallel}
    assert tools_in(body)[1] == translated


def test_allowed_tools_are_the_only_ones_sent() -> None:
    other = {"type": "function", "function": {"name": "other"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "other"}}]}
    body = {"tools": [TOOL, other], "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}
    assert tools_in(body) == (
        [{"name": "other", "input_schema": {"type": "object", "properties": {}}}],
        {"type": "any"},
    )


def test_a_strict_tool_is_strict_where_the_model_can_and_its_schema_is_made_to_fit() -> None:
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "description": "in years"},
            "pet": {"oneOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]},
            "tags": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {}}},
        },
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": schema, "strict": True}}
    before = copy.deepcopy(tool)
    assert tools_in({"tools": [tool]})[0] == [
        {
            "name": "f",
            "strict": True,
            "input_schema": {
                "type": "object",
                "properties": {
                    "age": {"type": "integer", "description": 'in years\n\n{"minimum":0}'},
                    "pet": {"anyOf": [{"type": "string", "description": '{"maxLength":9}'}, {"type": "null"}]},
                    "tags": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "object", "properties": {}, "additionalProperties": False},
                    },
                },
                "additionalProperties": False,
            },
        }
    ]
    assert tools_in({"tools": [tool]}, model="claude-3-opus-20240229")[0] == [{"name": "f", "input_schema": schema}]
    assert tool == before


def test_tools_in_the_providers_own_form_go_through() -> None:
    own = [{"type": "bash_20250124", "name": "bash"}, {"name": "g", "input_schema": {"type": "object"}}]
    assert tools_in({"tools": own})[0] == own


def test_a_custom_tool_is_refused_by_its_place() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    assert unsupported_by({"tools": [TOOL, custom]}) == ("tools[1]",)
    assert len(tools_in({"tools": [TOOL, custom]}, drop=True)[0]) == 1


def test_web_search_options_become_the_search_tool() -> None:
    place = {"type": "approximate", "approximate": {"city": "Paris", "country": "FR"}}
    assert tools_in({"web_search_options": {"search_context_size": "low", "user_location": place}})[0] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "max_uses": 1,
            "user_location": {"type": "approximate", "city": "Paris", "country": "FR"},
        }
    ]


@pytest.mark.parametrize(
    ("model", "more"), [("claude-opus-5-5", {}), ("claude-sonnet-4-5", {"reasoning_effort": "low"})]
)
def test_a_forced_call_is_refused_where_it_cannot_be_and_becomes_a_free_choice_if_dropped(
    model: str, more: dict[str, Any]
) -> None:
    body = {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}, **more}
    assert unsupported_by(body, model) == ("tool_choice",)
    assert tools_in(body, model=model, drop=True)[1] == {"type": "auto"}


def test_tools_of_earlier_calls_are_declared_but_not_offered() -> None:
    earlier = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        *HELLO,
        {"role": "assistant", "tool_calls": [earlier]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    ]
    assert tools_in({"messages": messages}) == (
        [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        {"type": "none"},
    )


# --- response_format ---


def test_a_json_answer_beside_tools_leaves_the_model_the_choice_among_them() -> None:
    tools, choice = tools_in({"tools": [TOOL], "response_format": PERSON}, model="claude-3-5-haiku-20241022")
    assert [tool["name"] for tool in tools] == ["get_weather", "json_tool_call"]
    assert choice == {"type": "any"}


def test_any_json_object_is_an_answer_by_tool_on_every_model() -> None:
    tools, choice = tools_in({"response_format": {"type": "json_object"}}, model="claude-opus-5")
    assert tools[0]["input_schema"] == {"type": "object", "properties": {}}
    assert choice == {"type": "tool", "name": "json_tool_call"}


def test_a_json_answer_is_offered_but_not_forced_while_thinking() -> None:
    body = {"response_format": PERSON | {"json_schema": {"name": "p", "schema": {}}}, "reasoning_effort": "low"}
    assert tools_in(body, model="claude-sonnet-4-20250514")[1] is None


def test_the_name_of_the_answering_tool_is_taken() -> None:
    mine = {"type": "function", "function": {"name": "json_tool_call"}}
    with pytest.raises(InvalidField, match="json_tool_call"):
        translate({"tools": [mine], "response_format": {"type": "json_object"}})


# --- there and back ---

visible = st.text(min_size=1).filter(lambda text: text.strip() == text)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True).filter(lambda name: name != "json_tool_call")


@given(
    text=st.none() | visible,
    calls=st.lists(st.tuples(names, names, st.dictionaries(st.text(), json_values, max_size=3)), max_size=3),
)
def test_text_and_tool_calls_there_and_back_lose_nothing(
    text: str | None, calls: list[tuple[str, str, dict[str, Any]]]
) -> None:
    answer = {
        "role": "assistant",
        "content": [
            *([{"type": "text", "text": text}] if text else []),
            *({"type": "tool_use", "id": id, "name": name, "input": given} for id, name, given in calls),
        ],
    }
    message = to_completion(answer, model="m", created=0)["choices"][0]["message"]
    if not answer["content"]:
        return
    translated = translate({"messages": [*HELLO, message]})
    assert translated["messages"][1] == answer
