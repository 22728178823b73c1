from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from services.router.providers.anthropic.answers.response import openai_usage, to_completion, usage_of
from shared.usage import Usage, usage_from_openai
from tests.golden_files import golden, golden_names

counts = st.integers(0, 10**7)


def answer(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    message = {"id": "msg_1", "content": list(blocks), "stop_reason": "end_turn", "usage": {}, **fields}
    completion: dict[str, Any] = to_completion(message, model="claude", created=1)
    return completion


def choice(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    first: dict[str, Any] = answer(*blocks, **fields)["choices"][0]
    return first


@pytest.mark.parametrize("name", golden_names("anthropic", "response"))
def test_a_documented_answer_is_translated(name: str) -> None:
    sample = golden("anthropic", name)
    assert to_completion(sample["anthropic"], model="claude", created=1767225600) == sample["openai"]


@pytest.mark.parametrize("name", golden_names("anthropic", "response"))
def test_both_sides_of_a_translation_have_the_form_of_the_official_types(name: str) -> None:
    sample = golden("anthropic", name)
    Message.model_validate(sample["anthropic"])
    ChatCompletion.model_validate(sample["openai"])


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("a_reason_of_tomorrow", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reasons(stop_reason: str | None, finish_reason: str) -> None:
    assert choice({"type": "text", "text": "x"}, stop_reason=stop_reason)["finish_reason"] == finish_reason


def test_a_json_answer_by_tool_is_content_again() -> None:
    block = {"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {"name": "Ada"}}
    assert choice(block, stop_reason="tool_use") == {
        "index": 0,
        "message": {"role": "assistant", "content": '{"name":"Ada"}'},
        "finish_reason": "stop",
    }


def test_a_call_beside_a_json_answer_is_still_a_call() -> None:
    json_answer = {"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {}}
    call = {"type": "tool_use", "id": "u", "name": "f", "input": {}}
    both = choice(json_answer, call, stop_reason="tool_use")
    assert both["finish_reason"] == "tool_calls"
    assert [each["id"] for each in both["message"]["tool_calls"]] == ["u"]


def test_a_call_without_input_has_an_empty_json_object() -> None:
    message = choice({"type": "tool_use", "id": "u", "name": "f"}, stop_reason="tool_use")["message"]
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert message["content"] is None


def test_a_container_is_kept() -> None:
    fields = choice(container={"id": "c1"})["message"]["provider_specific_fields"]
    assert fields == {"container": {"id": "c1"}}


# --- usage ---


_BOTH = Usage(output=3, reasoning=20, mismatch="20 tokens of thinking in an answer of 3")


@pytest.mark.parametrize(
    ("reported", "counted"),
    [
        ({}, Usage()),
        ({"input_tokens": 10, "output_tokens": 5}, Usage(input=10, output=5)),
        (
            {"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 4, "output_tokens": None},
            Usage(input=1, cached_input=2, cache_write=4),
        ),
        (
            {
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
            },
            Usage(cache_write=4, cache_write_1h=5),
        ),
        # The total grew after the split was told: what is over was written for as long as anything in the split.
        (
            {
                "cache_creation_input_tokens": 12,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
            },
            Usage(cache_write=4, cache_write_1h=8, mismatch="12 tokens were written to the cache, their split has 9"),
        ),
        (
            {"cache_creation_input_tokens": 12, "cache_creation": {"ephemeral_5m_input_tokens": 4}},
            Usage(cache_write=12),
        ),
        ({"cache_creation": {"ephemeral_5m_input_tokens": 4}}, Usage(cache_write=4)),
        ({"output_tokens": 30, "output_tokens_details": {"thinking_tokens": 20}}, Usage(output=10, reasoning=20)),
        ({"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 20}}, _BOTH),
        ({"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}}, Usage(web_searches=2)),
        (
            {"input_tokens": "many", "output_tokens": True, "server_tool_use": 3},
            Usage(mismatch="input_tokens and output_tokens cannot be read"),
        ),
        (
            {
                "input_tokens": 100,
                "output_tokens": 10,
                "iterations": [
                    {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
                    {"type": "message", "input_tokens": 100, "output_tokens": 10},
                ],
            },
            Usage(input=1100, output=60),
        ),
    ],
)
def test_usage_is_counted_in_disjoint_classes(reported: dict[str, Any], counted: Usage) -> None:
    assert usage_of(reported) == counted


@given(read=counts, cached=counts, short=counts, long=counts, output=counts, thought=counts)
def test_no_token_is_lost_or_counted_twice(
    read: int, cached: int, short: int, long: int, output: int, thought: int
) -> None:
    usage = usage_of(
        {
            "input_tokens": read,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": short + long,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            "output_tokens": output,
            "output_tokens_details": {"thinking_tokens": thought},
        }
    )
    assert usage.prompt_tokens == read + cached + short + long
    assert usage.completion_tokens == (output if thought <= output else output + thought)
    assert (usage.cached_input, usage.cache_write, usage.cache_write_1h) == (cached, short, long)


@given(st.builds(Usage, input=counts, cached_input=counts, cache_write=counts, output=counts, reasoning=counts))
def test_usage_shown_to_a_client_can_be_read_back(usage: Usage) -> None:
    shown = openai_usage(usage)
    assert shown["total_tokens"] == usage.total_tokens
    assert usage_from_openai(shown) == usage
