import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.anthropic.answers.response import to_completion
from services.router.providers.anthropic.answers.stream import StreamTranslator
from services.router.providers.anthropic.requests.request import to_messages
from shared.usage import Usage
from tests.golden_files import golden, golden_names

START = {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 9, "output_tokens": 1}}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
STOP = {"type": "message_stop"}


def block(index: int, content_block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content_block},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def chunks_of(events: list[dict[str, Any]], *, include_usage: bool = False) -> list[dict[str, Any]]:
    translator = StreamTranslator("claude", 1767225600, include_usage)
    return [chunk for event in events for chunk in translator.feed(event)]


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What OpenAI's own SDK makes of the chunks."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion().to_dict()


@pytest.mark.parametrize("name", golden_names("anthropic", "stream"))
def test_a_documented_stream_is_translated(name: str) -> None:
    sample = golden("anthropic", name)
    assert chunks_of(sample["events"], include_usage=True) == sample["chunks"]


@pytest.mark.parametrize("name", golden_names("anthropic", "stream"))
def test_both_sides_of_a_stream_have_the_form_of_the_official_types(name: str) -> None:
    sample = golden("anthropic", name)
    for event in sample["events"]:
        if event["type"] != "ping":
            TypeAdapter(RawMessageStreamEvent).validate_python(event)
    for chunk in sample["chunks"]:
        ChatCompletionChunk.model_validate(chunk)


def test_the_official_sdk_joins_the_chunks_of_tool_calls() -> None:
    message = joined(golden("anthropic", "stream_tool_use")["chunks"])["choices"][0]["message"]
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    assert calls == [
        ("toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather", '{"location": "San Francisco, CA"}'),
        ("toolu_02", "get_time", "{}"),
    ]


def test_a_thought_joined_by_the_official_sdk_can_be_sent_back() -> None:
    message = joined(golden("anthropic", "stream_thinking")["chunks"])["choices"][0]["message"]
    body = {"messages": [{"role": "user", "content": "?"}, message, {"role": "user", "content": "Sure?"}]}
    sent = to_messages(body, model="claude-sonnet-4-5", drop_params=False, default_max_tokens=1)["messages"][1]
    assert message["reasoning_content"] == "1071 = 2 x 462 + 147"
    assert sent["content"] == [
        {"type": "thinking", "thinking": "1071 = 2 x 462 + 147", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"},
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix"},
        {"type": "text", "text": "The GCD is 21."},
    ]


def test_the_official_sdk_joins_the_results_of_server_tools() -> None:
    results = [
        {"type": "web_search_tool_result", "tool_use_id": "a", "content": []},
        {"type": "web_search_tool_result", "tool_use_id": "b", "content": []},
    ]
    events = [START, *block(0, results[0]), *block(1, results[1]), END, STOP]
    message = joined(chunks_of(events))["choices"][0]["message"]
    found = message["provider_specific_fields"]["web_search_results"]
    assert [result["tool_use_id"] for result in found] == ["a", "b"]


def test_a_stream_is_finished_at_its_last_event_and_not_before() -> None:
    translator = StreamTranslator("claude", 0, True)
    for event in (START, *block(0, {"type": "text", "text": ""}), END):
        translator.feed(event)
        assert not translator.finished
    translator.feed(STOP)
    assert translator.finished


def test_usage_is_the_last_report_and_keeps_what_only_the_first_one_told() -> None:
    assert StreamTranslator("claude", 0, False).usage is None
    translator = StreamTranslator("claude", 0, False)
    first = {
        "input_tokens": 25,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1,
    }
    translator.feed({"type": "message_start", "message": {"id": "m", "usage": first}})
    assert translator.usage == Usage(input=25, cache_write=10, cache_write_1h=20, output=1)
    last = {"input_tokens": None, "output_tokens": 15, "server_tool_use": {"web_search_requests": 3}}
    translator.feed({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last})
    assert translator.usage == Usage(input=25, cache_write=10, cache_write_1h=20, output=15, web_searches=3)


def test_the_usage_chunk_comes_only_where_it_is_asked_for() -> None:
    events = [START, *block(0, {"type": "text", "text": "hi"}), END, STOP]
    without, with_usage = chunks_of(events), chunks_of(events, include_usage=True)
    assert all("usage" not in chunk for chunk in without)
    assert with_usage[:-1] == without
    assert with_usage[-1]["choices"] == []
    assert with_usage[-1]["usage"]["total_tokens"] == 14


def test_a_second_report_of_the_end_makes_no_second_finish() -> None:
    finishes = [
        chunk["choices"][0]["finish_reason"]
        for chunk in chunks_of([START, {**END, "delta": {"stop_reason": None}}, END, END, STOP])
        if chunk["choices"][0]["finish_reason"]
    ]
    assert finishes == ["stop"]


def test_a_refusal_ends_with_its_explanation() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    end = {**END, "delta": {"stop_reason": "refusal", "stop_details": details}}
    assert chunks_of([START, end, STOP])[-1]["choices"] == [
        {"index": 0, "delta": {"refusal": "No."}, "finish_reason": "content_filter"}
    ]


def test_input_that_comes_whole_at_the_start_is_not_lost() -> None:
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    message = joined(chunks_of([START, *block(0, tool), END, STOP]))["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": 1}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "an_event_of_tomorrow"},
        {},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "fallback"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "a_delta_of_tomorrow"}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{"}},
        {"type": "content_block_stop", "index": 7},
    ],
)
def test_what_is_not_for_the_client_is_passed_over(event: dict[str, Any]) -> None:
    assert StreamTranslator("claude", 0, True).feed(event) == []


def test_an_error_in_the_stream_is_raised_in_the_providers_words() -> None:
    translator = StreamTranslator("claude", 0, True)
    translator.feed(START)
    with pytest.raises(ProviderStreamError) as caught:
        translator.feed({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert (caught.value.type, caught.value.message) == ("overloaded_error", "Overloaded")
    assert translator.usage == Usage(input=9, output=1)


@pytest.mark.parametrize(
    "kind", ["message_start", "content_block_start", "content_block_delta", "message_delta", "error"]
)
def test_an_event_without_its_object_breaks_the_stream(kind: str) -> None:
    with pytest.raises(ProviderStreamError, match="malformed_stream"):
        StreamTranslator("claude", 0, True).feed({"type": kind, "index": 0})


def test_the_first_chunk_has_the_role_even_without_the_first_event() -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}
    first = StreamTranslator("claude", 0, False).feed(text)[0]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "x"}


# --- however it is cut, a stream says the same as the whole answer ---


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in pairwise(places)]


@given(
    text=st.text(max_size=40),
    inputs=st.lists(
        st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53) | st.text(max_size=9), max_size=3), max_size=3
    ),
    at=st.lists(st.integers(0, 200), max_size=6),
)
def test_a_stream_cut_anywhere_says_what_the_whole_answer_says(
    text: str, inputs: list[dict[str, Any]], at: list[int]
) -> None:
    events = [
        START,
        *block(0, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in cut(text, at))),
    ]
    whole: list[dict[str, Any]] = [{"type": "text", "text": text}]
    for index, given_input in enumerate(inputs, start=1):
        tool = {"type": "tool_use", "id": f"t{index}", "name": f"f{index}"}
        whole.append({**tool, "input": given_input})
        pieces = cut(json.dumps(given_input), at)
        deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
        events += block(index, {**tool, "input": {}}, *deltas)
    reason = "tool_use" if inputs else "end_turn"
    events += [{**END, "delta": {"stop_reason": reason}}, STOP]

    streamed = joined(chunks_of(events))["choices"][0]
    expected = to_completion({"content": whole, "stop_reason": reason}, model="claude", created=0)["choices"][0]
    assert streamed["finish_reason"] == expected["finish_reason"]
    assert (streamed["message"].get("content") or "") == (expected["message"]["content"] or "")
    assert parsed(streamed["message"]) == parsed(expected["message"])


def parsed(message: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]
