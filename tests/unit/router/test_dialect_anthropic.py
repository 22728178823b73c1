"""Anthropic's clients in front of other providers: what chat is asked, and what becomes of its answers."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dialects.anthropic.request import to_chat
from services.router.dialects.anthropic.response import to_message
from services.router.dialects.anthropic.stream import MessageOutlet
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.anthropic.answers.response import to_completion
from services.router.providers.anthropic.answers.stream import StreamTranslator
from services.router.providers.anthropic.requests.request import to_messages
from services.router.providers.openai.plain_chat import plain_chat
from shared.usage import Usage, usage_from_anthropic, usage_from_openai
from tests.dialect_files import as_stream, dialect_files, events_in

by_name: dict[str, Any] = {"ids": lambda file: file["name"]}


@pytest.mark.parametrize("file", dialect_files("anthropic", "request"), **by_name)
def test_a_request_is_asked_as_a_chat(file: dict[str, Any]) -> None:
    chat = to_chat(copy.deepcopy(file["anthropic"]), drop_params=False)
    assert chat == file["chat"]
    assert plain_chat(chat, takes=(), drop_params=True) == file["plain"]


@pytest.mark.parametrize("file", dialect_files("anthropic", "response"), **by_name)
def test_a_completion_becomes_a_message(file: dict[str, Any]) -> None:
    usage = usage_from_openai(file["chat"]["usage"])
    assert usage is not None
    assert to_message(file["chat"], usage, model="claude", stop_sequences=("END",)) == file["anthropic"]


@pytest.mark.parametrize("together", [False, True], ids=["chunk by chunk", "all at once"])
@pytest.mark.parametrize("file", dialect_files("anthropic", "stream"), **by_name)
def test_chunks_become_events(file: dict[str, Any], together: bool) -> None:
    outlet = MessageOutlet("claude")
    blocks = [as_stream(file["chunks"])] if together else [as_stream([chunk]) for chunk in file["chunks"]]
    said = b"".join(map(outlet.feed, [b": a comment\n\n", *blocks]))
    usage = usage_from_openai(file["usage"])
    assert usage is not None
    assert events_in(said + outlet.closing(usage)) == file["events"]


# There and back: what both sides can say comes through.

WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(WORDS, WORDS | st.integers(-1000, 1000) | st.lists(WORDS, max_size=2), max_size=3)
IDS = st.from_regex(r"toolu_[A-Za-z0-9]{1,8}", fullmatch=True)
MARKED = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}])


def block(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.fixed_dictionaries(fields), MARKED).map(lambda both: {**both[0], **both[1]})


TEXT = block(type=st.just("text"), text=WORDS)
PICTURE = block(
    type=st.just("image"),
    source=st.sampled_from([
        {"type": "base64", "media_type": "image/png", "data": "iVBO"}, {"type": "url", "url": "https://e.com/a.png"},
    ]),
)  # fmt: skip
PDF = st.fixed_dictionaries({
    "type": st.just("document"), "title": WORDS,
    "source": st.just({"type": "base64", "media_type": "application/pdf", "data": "JVBE"}),
})  # fmt: skip
THOUGHT = st.fixed_dictionaries({"type": st.just("thinking"), "thinking": WORDS, "signature": WORDS})
CALL = block(type=st.just("tool_use"), id=IDS, name=st.just("look_up"), input=ARGUMENTS)
RESULT = block(type=st.just("tool_result"), tool_use_id=IDS, content=WORDS | st.lists(TEXT | PICTURE, min_size=1))
USER = st.tuples(st.lists(RESULT, max_size=2), st.lists(TEXT | PICTURE | PDF, min_size=1, max_size=3)).map(
    lambda both: {"role": "user", "content": [*both[0], *both[1]]}
)
ASSISTANT = st.tuples(st.lists(THOUGHT, max_size=1), st.lists(TEXT, min_size=1, max_size=2), st.lists(CALL)).map(
    lambda all_: {"role": "assistant", "content": [block for blocks in all_ for block in blocks]}
)
TURNS = st.lists(st.tuples(USER, ASSISTANT), min_size=1, max_size=2).map(lambda pairs: [*sum(pairs, ()), USER_TURN])
USER_TURN = {"role": "user", "content": [{"type": "text", "text": "and now?"}]}
TOOL = {"name": "look_up", "input_schema": {"type": "object", "properties": {}}, "description": "Looks things up"}


@given(
    turns=TURNS,
    system=st.lists(TEXT, min_size=1, max_size=2),
    more=st.fixed_dictionaries(
        {"max_tokens": st.integers(2_000, 9_000)},
        optional={
            "stop_sequences": st.lists(WORDS, min_size=1, max_size=2),
            "tool_choice": st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "look_up"}]),
            "stream": st.just(True),
            "thinking": st.just({"type": "disabled"}),
            "metadata": WORDS.filter(str.isalpha).map(lambda user: {"user_id": user}),
        },
    ),
)
def test_a_request_goes_to_chat_and_back_and_is_the_same(
    turns: list[dict[str, Any]], system: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    body = {"model": "claude-sonnet-4-5", "system": system, "messages": turns, "tools": [TOOL], **more}
    chat = to_chat(copy.deepcopy(body), drop_params=False)
    assert to_messages(chat, model="claude-sonnet-4-5", drop_params=False, default_max_tokens=1) == body


MESSAGES = st.tuples(st.lists(THOUGHT, max_size=2), st.lists(st.fixed_dictionaries(
    {"type": st.just("text"), "text": WORDS}), max_size=1), st.lists(st.fixed_dictionaries(
    {"type": st.just("tool_use"), "id": IDS, "name": WORDS, "input": ARGUMENTS}), max_size=2),
).map(lambda all_: [block for blocks in all_ for block in blocks])  # fmt: skip


@given(content=MESSAGES, counts=st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_an_answer_goes_to_chat_and_back_and_is_the_same(content: list[dict[str, Any]], counts: list[int]) -> None:
    calls = any(block["type"] == "tool_use" for block in content)
    names = ("input_tokens", "cache_read_input_tokens", "output_tokens")
    usage: dict[str, Any] = dict(zip(names, counts, strict=False))
    usage["cache_creation_input_tokens"] = counts[3] + counts[4]
    if counts[3] + counts[4]:
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": counts[3], "ephemeral_1h_input_tokens": counts[4]}
    message = {
        **{"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content},
        **{"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None, "usage": usage},
    }
    completion = to_completion(copy.deepcopy(message), model="m", created=1)
    read = usage_from_anthropic(usage)
    assert read is not None
    assert to_message(completion, read, model="m") == message


@given(content=MESSAGES)
def test_a_stream_goes_to_events_and_back_and_says_the_same(content: list[dict[str, Any]]) -> None:
    chunks: list[dict[str, Any]] = []
    for place, one in enumerate(content):
        if one["type"] == "text":
            chunks += [{"content": letter} for letter in one["text"]]
        elif one["type"] == "thinking":
            thought = {"index": place, "type": "thinking"}
            chunks.append({"thinking_blocks": [{**thought, "thinking": one["thinking"]}]})
            chunks.append({"thinking_blocks": [{**thought, "thinking": "", "signature": one["signature"]}]})
        else:
            arguments = orjson.dumps(one["input"]).decode()
            call = {"index": place, "id": one["id"], "type": "function"}
            chunks.append({"tool_calls": [{**call, "function": {"name": one["name"], "arguments": ""}}]})
            chunks += [{"tool_calls": [{"index": place, "function": {"arguments": letter}}]} for letter in arguments]
    outlet = MessageOutlet("m")
    said = outlet.feed(as_stream([{"id": "1", "choices": [{"index": 0, "delta": delta}]} for delta in chunks]))
    back = StreamTranslator("m", 1, False)
    deltas = [
        chunk["choices"][0]["delta"]
        for event in events_in(said + outlet.closing(Usage(input=1)))
        for chunk in back.feed(event)
    ]
    assert "".join(delta.get("content") or "" for delta in deltas) == "".join(one.get("text", "") for one in content)
    thoughts = [one for delta in deltas for one in delta.get("thinking_blocks", ())]
    assert "".join(one["thinking"] for one in thoughts) == "".join(one.get("thinking", "") for one in content)
    signatures = [one["signature"] for one in thoughts if one.get("signature")]
    assert signatures == [one["signature"] for one in content if one["type"] == "thinking"]
    calls: dict[int, str] = {}
    for call in [call for delta in deltas for call in delta.get("tool_calls", ())]:
        calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert [orjson.loads(text) for text in calls.values()] == [one["input"] for one in content if "input" in one]
    assert back.finished


# What cannot be said, and what is wrong.

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"name": "x"}]}, "mcp_servers"),
        ({"tools": [{"type": "computer_20250124", "name": "computer"}]}, r"tools\[0\]"),
        ({"messages": [{"role": "user", "content": [{"type": "container_upload"}]}]}, "container_upload"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "citations": {"enabled": True},
          "source": {"type": "text", "media_type": "text/plain", "data": "x"}}, {"type": "text", "text": "y"}]}]},
         "citations"),
    ],
)  # fmt: skip
def test_what_chat_has_no_words_for_is_named_or_left_out(fields: dict[str, Any], named: str) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": HELLO, **fields}
    with pytest.raises(UnsupportedParameter, match=named):
        to_chat(copy.deepcopy(body), drop_params=False)
    assert to_chat(copy.deepcopy(body), drop_params=True)["model"] == "m"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": [{"role": "bot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1"}]}]},
         "messages[0].content[0].name"),
        ({"system": [{"type": "image"}]}, "system[0]"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "on"}}, "thinking.type"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_chat({"model": "m", "max_tokens": 5, "messages": HELLO, **fields}, drop_params=False)
    assert caught.value.param == path


def test_hints_and_what_a_server_tool_left_behind_ask_for_nothing() -> None:
    said = [
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
        {"type": "text", "text": "It rains."},
    ]
    turns = [*HELLO, {"role": "assistant", "content": said}, *HELLO]
    body = {"model": "m", "max_tokens": 5, "messages": turns, "context_management": {"edits": []}}
    chat = to_chat(body, drop_params=False)
    assert chat["messages"][1] == {"role": "assistant", "content": "It rains."}
    assert chat.keys() == {"model", "max_tokens", "messages"}


def test_a_long_name_of_a_user_is_told_by_its_hash() -> None:
    body = {"model": "m", "max_tokens": 5, "messages": HELLO, "metadata": {"user_id": "user_" + "a" * 200}}
    assert len(to_chat(body, drop_params=False)["user"]) == 64


def test_an_effort_goes_to_those_who_think_and_top_k_is_named_to_those_without() -> None:
    chat = to_chat(
        {"model": "m", "max_tokens": 5, "messages": HELLO, "top_k": 3, "thinking": {"type": "adaptive"}},
        drop_params=False,
    )
    assert plain_chat(chat, takes={"reasoning_effort", "top_k"}, drop_params=False) == {
        **{"model": "m", "max_tokens": 5, "messages": HELLO, "top_k": 3, "reasoning_effort": "medium"}
    }
    with pytest.raises(UnsupportedParameter, match="top_k"):
        plain_chat(chat, takes=(), drop_params=False)


def test_a_document_that_would_have_to_be_fetched_is_refused_by_its_place() -> None:
    source = {"type": "url", "url": "https://example.com/a.pdf"}
    turns = [{"role": "user", "content": [{"type": "document", "source": source}]}]
    chat = to_chat({"model": "m", "max_tokens": 5, "messages": turns}, drop_params=False)
    with pytest.raises(InvalidField, match=r"messages\[0\]\.content\[0\]"):
        plain_chat(chat, takes=(), drop_params=True)


@pytest.mark.parametrize(("arguments", "expected"), [("{oops", {"arguments": "{oops"}), ("[1]", {"arguments": [1]})])
def test_arguments_that_are_no_object_are_kept_in_one(arguments: str, expected: dict[str, Any]) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": arguments}}
    completion = {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "stop"}]}
    message = to_message(completion, Usage(), model="m")
    assert (message["content"][0]["input"], message["stop_reason"]) == (expected, "tool_use")
