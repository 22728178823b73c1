"""Which strings of a request are examined, and that replacing one changes nothing else."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.guardrails.texts import TEXT_FIELDS, texts_of

IMAGE = "data:image/png;base64,iVBORw0KGgo="


def texts_in(body: dict[str, Any]) -> list[str]:
    return [text.value for field in TEXT_FIELDS if field in body for text in texts_of({field: body[field]}, field)]


def user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def called(arguments: Any) -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": arguments}}
    return {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}


BODIES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a plain message", user("hello"), ["hello"]),
    ("an empty message", user(""), []),
    ("all roles, in order", {"messages": [{"role": role, "content": role} for role in ("system", "user", "assistant")]},
     ["system", "user", "assistant"]),
    ("text parts", user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]), ["one", "two"]),
    ("pictures and sound are not text", user([
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
        {"type": "input_audio", "input_audio": {"data": "UklGR", "format": "wav"}},
        {"type": "file", "file": {"file_data": IMAGE, "filename": "a.pdf"}},
    ]), ["look"]),
    ("a refusal", {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]}, ["no"]),
    ("reasoning sent back", {"messages": [{"role": "assistant", "reasoning_content": "why", "content": "so"}]},
     ["why", "so"]),
    ("names and ids are not text", {"messages": [{"role": "user", "name": "ann", "content": "hi"}]}, ["hi"]),
    ("arguments of a tool", called('{"to": "ann", "cc": ["bob", {"x": "cy"}], "n": 12, "b": true, "z": null}'),
     ["to", "cc", "n", "b", "z", "ann", "bob", "x", "cy", "12"]),
    ("escapes in arguments", called('{"to": "\\u0061nn\\n"}'), ["to", "ann\n"]),
    ("arguments that are no JSON", called("to=ann"), ["to=ann"]),
    ("arguments that are one JSON string", called('"ann"'), ['"ann"']),
    ("arguments nested beyond reason", called("[" * 100_000), ["[" * 100_000]),
    ("arguments as an object", called({"to": "ann"}), ["to", "ann"]),
    ("the old function call", {"messages": [
        {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": "b"}'}}]}, ["a", "b"]),
    ("a custom tool's input", {"messages": [{"role": "assistant", "tool_calls": [
        {"type": "custom", "custom": {"name": "sql", "input": "select 1"}}]}]}, ["select 1"]),
    ("a tool's result", {"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "42 °C"}]}, ["42 °C"]),
    ("a tool's result in parts", {"messages": [{"role": "tool", "content": [{"type": "text", "text": "42"}]}]}, ["42"]),
    ("definitions of tools are not text", {"tools": [{"function": {"description": "secret"}}], **user("hi")}, ["hi"]),
    ("metadata is not text", {"metadata": {"note": "secret"}, "user": "ann", **user("hi")}, ["hi"]),
    ("messages API", {"system": [{"type": "text", "text": "be nice"}], "messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"q": "ann"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "found"}]},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a page"}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a part"}]}},
        ]},
    ]}, ["be nice", "q", "ann", "found", "a page", "a part"]),
    ("a prompt", {"prompt": "once", "suffix": "ever after"}, ["once", "ever after"]),
    ("prompts", {"prompt": ["once", "twice"]}, ["once", "twice"]),
    ("tokens are not text", {"prompt": [1, 2, 3], "input": [[4, 5], [6]]}, []),
    ("embeddings", {"input": ["one", "two"]}, ["one", "two"]),
    ("one embedding", {"input": "one"}, ["one"]),
    ("responses", {"instructions": "be nice", "input": [
        {"role": "user", "content": [
            {"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": IMAGE}]},
        {"type": "function_call", "name": "f", "arguments": '{"a": "b"}'},
        {"type": "function_call_output", "output": "c"},
        {"type": "function_call_output", "output": [{"type": "input_text", "text": "d"}]},
        {"type": "custom_tool_call", "input": "e"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "f"}]},
    ]}, ["be nice", "hi", "a", "b", "c", "d", "e", "f"]),
    ("a stored prompt's variables", {"prompt": {"id": "pmpt_1", "variables": {"city": "Rome"}}}, ["city", "Rome"]),
    ("a predicted answer", {"prediction": {"type": "content", "content": "draft"}}, ["draft"]),
    ("rerank", {"query": "who", "documents": ["one", {"text": "two"}]}, ["who", "one", "two"]),
    ("a batch that Gemini embeds", {"requests": [
        {"model": "models/m", "title": "a title", "content": {"parts": [{"text": "a passage"}]}},
    ]}, ["a title", "a passage"]),
    ("Gemini's contents", {"systemInstruction": {"parts": [{"text": "be nice"}]}, "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": "ann"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"found": "bob"}}}]},
    ]}, ["hi", "q", "ann", "found", "bob", "be nice"]),
    ("thoughts and documents of the messages API", {"messages": [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "why", "signature": "c2ln"}]},
        {"role": "user", "content": [{"type": "document", "title": "a title", "context": "a note",
            "source": {"type": "url", "url": "https://example.com/a.pdf"}}]}]}, ["why", "a title", "a note"]),
    ("shapes nobody expects", {"messages": ["loose", 7, None, [["deep"]], {"content": {"text": "odd"}}]},
     ["loose", "deep", "odd"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*rest, id=name) for name, *rest in BODIES])
def test_text_is_examined_wherever_it_stands_and_nothing_else_is(body: dict[str, Any], expected: list[str]) -> None:
    assert texts_in(body) == expected


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body, _ in BODIES if "beyond" not in name])
def test_every_text_can_be_replaced_in_its_place(body: dict[str, Any]) -> None:
    before = texts_in(body)
    copy = orjson.loads(orjson.dumps(body))
    fixed = []
    for field in TEXT_FIELDS:
        if field not in copy:
            continue
        for text in texts_of(copy, field):
            if text.fixed:
                fixed.append(text.value)
            else:
                text.replace(text.value + "!")
    after = texts_in(copy)
    assert sorted(after) == sorted([*fixed, *(value + "!" for value in _without(before, fixed))])
    assert orjson.dumps(copy).count(b"!") == len(after) - len(fixed)


def _without(values: list[str], others: list[str]) -> list[str]:
    left = list(values)
    for other in others:
        left.remove(other)
    return left


def test_a_replaced_argument_leaves_the_json_and_its_numbers_as_they_were() -> None:
    body = called('{"to":"ann","n":123456789012345678901234567890,"f":1e-7,"ü":"ä","half":"\\ud800"}')
    for text in texts_of(body, "messages"):
        if text.value == "ann":
            text.replace('"bob"')
    arguments = body["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {
        "to": '"bob"', "n": 123456789012345678901234567890, "f": 1e-7, "ü": "ä", "half": "\ud800",
    }  # fmt: skip
    assert orjson.dumps(arguments)


def test_arguments_without_a_replacement_keep_their_spelling() -> None:
    spelled = '{"to" :  "ann",\n"x":1.0}'
    body = called(spelled)
    assert list(texts_of(body, "messages"))
    assert body == called(spelled)


def test_a_body_nested_as_deep_as_the_parser_allows_is_examined_to_its_ground() -> None:
    nested: Any = "deep"
    for _ in range(1_000):
        nested = {"content": nested}
    assert [text.value for text in texts_of({"messages": [nested]}, "messages")] == ["deep"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["content", "text", "type", "input", "arguments", "role", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_is_walked_without_a_failure_and_left_as_it_was(value: Any) -> None:
    holder = {"messages": value}
    copy = json.loads(json.dumps(holder))
    for text in texts_of(holder, "messages"):
        assert isinstance(text.value, str)
    assert holder == copy
