"""The Responses API in front of providers that have chat: what is asked, and what becomes of the answers."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dialects.responses.items import messages_of
from services.router.dialects.responses.request import to_chat
from services.router.dialects.responses.stream import ResponseOutlet
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from shared.usage import Usage, usage_from_openai, usage_from_responses
from tests.dialect_files import as_stream, dialect_files, events_in

by_name: dict[str, Any] = {"ids": lambda file: file["name"]}
BODY = {"input": "x", "instructions": "be nice", "store": True}


def outlet() -> ResponseOutlet:
    return ResponseOutlet(BODY, model="m", request_id="req_1", created=1741476542)


def usage_of(file: dict[str, Any]) -> Usage:
    usage = usage_from_openai(file.get("usage") or file["chat"]["usage"])
    assert usage is not None
    return usage


@pytest.mark.parametrize("file", dialect_files("responses", "request"), **by_name)
def test_a_request_is_asked_as_a_chat(file: dict[str, Any]) -> None:
    assert to_chat(copy.deepcopy(file["responses"]), drop_params=False) == file["chat"]


@pytest.mark.parametrize("file", dialect_files("responses", "response"), **by_name)
def test_a_completion_becomes_a_response(file: dict[str, Any]) -> None:
    assert orjson.loads(outlet().whole(file["chat"], usage_of(file))) == file["response"]


@pytest.mark.parametrize("together", [False, True], ids=["chunk by chunk", "all at once"])
@pytest.mark.parametrize("file", dialect_files("responses", "stream"), **by_name)
def test_chunks_become_events(file: dict[str, Any], together: bool) -> None:
    out = outlet()
    blocks = [as_stream(file["chunks"])] if together else [as_stream([chunk]) for chunk in file["chunks"]]
    assert events_in(b"".join(map(out.feed, blocks)) + out.closing(usage_of(file))) == file["events"]
    assert file["events"][-1]["response"] == out.response


WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
THOUGHTS = st.lists(st.tuples(WORDS, WORDS), max_size=2)
CALLS = st.lists(st.tuples(WORDS, WORDS), max_size=2)


@given(text=st.none() | WORDS, thoughts=THOUGHTS, calls=CALLS, streamed=st.booleans())
def test_an_answer_that_comes_back_as_input_is_the_message_it_was(
    text: str | None, thoughts: list[tuple[str, str]], calls: list[tuple[str, str]], streamed: bool
) -> None:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    blocks = [{"type": "thinking", "thinking": one, "signature": sign} for one, sign in thoughts]
    if blocks:
        message |= {"reasoning_content": "".join(one for one, _ in thoughts), "thinking_blocks": blocks}
    asked = [
        {"id": f"c{place}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for place, (name, arguments) in enumerate(calls)
    ]
    if asked:
        message["tool_calls"] = asked
    out = outlet()
    if streamed:
        deltas: list[dict[str, Any]] = [
            {"reasoning_content": block["thinking"], "thinking_blocks": [{"index": place, **block}]}
            for place, block in enumerate(blocks)
        ]
        deltas += [{"content": letter} for letter in text or ""]
        deltas += [{"tool_calls": [{"index": place, **call}]} for place, call in enumerate(asked)]
        out.feed(as_stream([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]))
        out.closing(Usage())
    else:
        out.whole({"choices": [{"message": message, "finish_reason": "stop"}]}, Usage())
    if out.response["output"] and (text or asked):
        back = messages_of(out.response["output"], {})
        assert back == [message]


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4))
def test_usage_goes_out_as_it_is_read(counts: list[int]) -> None:
    usage = Usage(input=counts[0], cached_input=counts[1], output=counts[2], reasoning=counts[3])
    out = outlet()
    out.closing(usage)
    assert usage_from_responses(out.response["usage"]) == usage


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"background": True}, "background"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"tools": [{"type": "computer_use_preview"}]}, r"tools\[0\]"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "mcp_call"}]}, r"input\[1\]"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input_image"),
    ],
)
def test_what_chat_has_no_words_for_is_named_or_left_out(fields: dict[str, Any], named: str) -> None:
    body = {"model": "m", "input": "hi", **fields}
    with pytest.raises(UnsupportedParameter, match=named):
        to_chat(copy.deepcopy(body), drop_params=False)
    assert to_chat(copy.deepcopy(body), drop_params=True)["model"] == "m"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"role": "bot", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "reasoning"}]}, "input"),
        ({"instructions": 5}, "instructions"),
        ({"text": 5}, "text"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"reasoning": 5}, "reasoning"),
        ({"include": 5}, "include"),
        ({"include": "reasoning.encrypted_content"}, "include"),
        ({"tools": 5}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
    ],
)
def test_what_is_malformed_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_chat({"model": "m", "input": "hi", **fields}, drop_params=False)
    assert caught.value.param == path


@pytest.mark.parametrize("drop_params", [False, True])
def test_of_an_input_that_says_nothing_the_items_that_are_not_served_are_named(drop_params: bool) -> None:
    with pytest.raises(InvalidField, match=r"input\[0\], items of the type mcp_call") as caught:
        to_chat({"model": "m", "input": [{"type": "mcp_call"}]}, drop_params=drop_params)
    assert caught.value.param == "input"


def test_thoughts_that_another_sealed_are_told_by_their_summary_alone() -> None:
    thought = {"type": "reasoning", "summary": [{"text": "why"}], "encrypted_content": "gAAAA"}
    given_items = [thought, {"role": "assistant", "content": "so"}, {"role": "user", "content": "and?"}]
    assert messages_of(given_items, {})[0] == {"role": "assistant", "content": "so", "reasoning_content": "why"}
    broken = {**thought, "encrypted_content": "meterhouse:!!"}
    assert messages_of([broken, *given_items[1:]], {})[0]["reasoning_content"] == "why"
