"""The reader of Anthropic's answers around its translator: bytes in, chunks and figures out."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.rejection import Rejected
from services.router.providers.anthropic.provider import AnthropicAnswer
from services.router.providers.anthropic.requests.request import to_messages
from shared.usage import Usage
from tests.odd_json import odd_json

START = {
    "type": "message_start",
    "message": {"id": "msg_1", "usage": {"input_tokens": 10, "cache_read_input_tokens": 3, "output_tokens": 1}},
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
STOP = {"type": "message_stop"}


def text(words: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words}}


def event(data: dict[str, Any]) -> bytes:
    return b"event: " + str(data["type"]).encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(event(data) for data in events)


WHOLE = stream(START, BLOCK, {"type": "ping"}, text("hel"), text("lo"), END, STOP)


def answer(include_usage: bool = False) -> AnthropicAnswer:
    return AnthropicAnswer("m", include_usage, created=1)


def contents(out: bytes) -> str:
    chunks = [orjson.loads(line[6:]) for line in out.split(b"\n") if line]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


def test_a_stream_cut_anywhere_comes_out_the_same() -> None:
    for data in (WHOLE, WHOLE.replace(b"\n", b"\r\n"), WHOLE.removesuffix(b"\n\n")):
        expected: bytes | None = None
        for cut in range(len(data) + 1):
            reader = answer(include_usage=True)
            out = reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.end()
            expected = expected or out
            assert out == expected
            assert contents(out) == "hello"
            assert reader.usage == Usage(input=10, cached_input=3, output=7)
            assert (reader.response_id, reader.finish_reason, reader.done) == ("msg_1", "stop", True)
            assert reader.text_so_far() == "hello"


def test_a_stream_that_breaks_off_tells_what_it_used_until_then() -> None:
    reader = answer()
    reader.feed(stream(START, BLOCK, text("hel")))
    with pytest.raises(UnreadableAnswer, match="message_stop"):
        reader.end()
    assert reader.usage == Usage(input=10, cached_input=3, output=1)
    assert reader.text_so_far() == "hel"


def test_an_error_in_mid_stream_comes_after_what_was_whole_before_it() -> None:
    reader = answer()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ProviderStreamError) as caught:
        reader.feed(stream(START, BLOCK, text("hel"), error))
    assert contents(caught.value.before) == "hel"
    assert caught.value.status == 529
    assert reader.usage is not None


@pytest.mark.parametrize(
    "data",
    [
        b"data: not json\n\n",
        b"data: [1]\n\n",
        stream({"type": "message_start", "message": 3}),
        stream(START, {"type": "content_block_delta", "index": [], "delta": {"type": "input_json_delta"}}),
        stream(START, {"type": "content_block_start", "index": {}, "content_block": {"type": "tool_use"}}),
    ],
)
def test_a_stream_of_another_form_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        answer().feed(data)


def test_an_error_with_status_200_is_told_in_the_providers_words() -> None:
    with pytest.raises(ProviderStreamError, match="too many"):
        answer().whole(b'{"type":"error","error":{"type":"rate_limit_error","message":"too many"}}')


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content":[3]}', b'{"content":[{"type":"text"}],"usage":3}'])
def test_what_is_no_message_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        answer().whole(body)


def test_a_whole_message_tells_its_figures() -> None:
    message = {
        "id": "msg_2",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 4, "output_tokens": 2},
    }
    whole = answer().whole(orjson.dumps(message))
    assert (whole.usage, whole.response_id, whole.finish_reason) == (Usage(input=4, output=2), "msg_2", "length")
    assert orjson.loads(whole.body)["model"] == "m"


kinds = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "error", "ping"]
)


@given(
    st.lists(st.tuples(kinds, st.sampled_from(["message", "delta", "content_block", "usage"]), odd_json), max_size=5)
)
def test_no_event_breaks_more_than_the_answer(events: list[tuple[str, str, Any]]) -> None:
    reader = answer(include_usage=True)
    with suppress(BrokenAnswer):
        reader.feed(stream(*[{"type": kind, field: value, "index": value} for kind, field, value in events]))
        reader.end()


@given(odd_json)
def test_no_message_breaks_more_than_the_answer(value: Any) -> None:
    for body in ({"content": value}, {"content": [value], "usage": value}, {"content": [], "stop_reason": value}):
        with suppress(BrokenAnswer):
            answer().whole(orjson.dumps(body))


FIELDS = [
    "tools",
    "tool_choice",
    "stop",
    "response_format",
    "reasoning_effort",
    "thinking",
    "service_tier",
    "web_search_options",
    "user",
    "metadata",
    "temperature",
    "n",
    "max_tokens",
    "system",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [[], {}, [[]], [{}], [{"type": []}], {"type": {}}, {"effort": []}, "x", 1.5, True])
def test_a_field_of_another_type_is_named(field: str, value: Any) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], field: value}
    problem = ""
    try:
        to_messages(body, model="claude-sonnet-4-5", drop_params=False, default_max_tokens=10)
    except Rejected as rejected:
        problem = rejected.message
    assert not problem or field in problem


@given(st.sampled_from(["user", "assistant", "tool", "system"]), odd_json, st.sampled_from(FIELDS), odd_json)
def test_no_request_breaks_the_translator(role: str, content: Any, field: str, value: Any) -> None:
    message = {"role": role, "content": content, "tool_calls": value, "tool_call_id": value}
    for body in ({"messages": [message], field: value}, {"messages": value}, {"messages": [content], field: value}):
        with suppress(Rejected):
            to_messages(body, model="claude-sonnet-4-5", drop_params=False, default_max_tokens=10)
