"""What edge reads of a chat request, and how it says what is wrong with one."""

import json
from typing import Any

import msgspec
import pytest

from services.edge.peeks.chat import peek_chat
from services.edge.peeks.peek import NAME_MAX, NAMES_MAX, NUMBER_MAX, Peek
from shared.errors import InvalidRequest

MESSAGES = '"messages":[{"role":"user","content":"hi"}]'


def peek(**fields: Any) -> Peek:
    return peek_chat(json.dumps({"messages": [{"role": "user", "content": "hi"}], **fields}).encode())


def refused(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        peek_chat(body)
    assert caught.value.status == 400
    assert caught.value.type == "invalid_request_error"
    return caught.value


def test_what_is_not_said_has_openais_defaults() -> None:
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    assert peek_chat(body) == Peek(
        model=None,
        stream=False,
        include_usage=False,
        max_tokens=None,
        max_tokens_field="",
        n=1,
        user="",
        has_tools=False,
        tags=(),
        guardrails=(),
        metadata=None,
        num_retries=None,
        timeout_s=None,
        disable_fallbacks=False,
        text_bytes=len(body),
        images=0,
    )


def test_every_field_it_knows_is_read_and_the_others_are_passed_over() -> None:
    found = peek(
        model="gpt-4o",
        stream=True,
        stream_options={"include_usage": True, "more": 1},
        max_tokens=7,
        n=3,
        user="ann",
        tools=[{"type": "function", "function": {"name": "f"}}],
        tags=["a"],
        metadata={"tags": ["b"], "spend_logs_metadata": {"team": "x"}, "other": None},
        guardrails=["g1", {"g2": {"extra_body": {}}}],
        num_retries=0,
        timeout=2.5,
        disable_fallbacks=True,
        drop_params=True,
        priority=-3,
        temperature=0.1,
        unheard_of={"deep": [[{}]]},
    )
    assert found == Peek(
        model="gpt-4o",
        stream=True,
        include_usage=True,
        max_tokens=7,
        max_tokens_field="max_tokens",
        n=3,
        user="ann",
        has_tools=True,
        tags=("a", "b"),
        guardrails=("g1", "g2"),
        metadata={"team": "x"},
        num_retries=0,
        timeout_s=2.5,
        disable_fallbacks=True,
        drop_params=True,
        priority=-3,
        text_bytes=found.text_bytes,
    )


def test_null_stands_for_a_field_that_is_not_there() -> None:
    names = ["model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "user", "tools", "tags"]
    names += ["metadata", "guardrails", "num_retries", "timeout", "disable_fallbacks", "drop_params"]
    found = peek(**dict.fromkeys(names))
    assert found == msgspec.structs.replace(peek(), text_bytes=found.text_bytes)


def test_no_tools_in_a_list_are_no_tools() -> None:
    assert not peek(tools=[]).has_tools


def test_an_end_user_stands_in_user_else_in_the_metadata_as_with_litellm() -> None:
    assert peek(metadata={"user_id": "bob"}).user == "bob"
    assert peek(user="ann", metadata={"user_id": "bob"}).user == "ann"
    assert peek(metadata={"user_id": 5, "tags": ["x"]}).user == ""


def test_max_completion_tokens_goes_before_max_tokens() -> None:
    both, one = peek(max_tokens=5, max_completion_tokens=9), peek(max_completion_tokens=None, max_tokens=5)
    assert (both.max_tokens, both.max_tokens_field) == (9, "max_completion_tokens")
    assert (one.max_tokens, one.max_tokens_field) == (5, "max_tokens")


def test_of_a_key_written_twice_the_last_counts_as_it_does_for_providers() -> None:
    body = f'{{"model":"a",{MESSAGES},"n":1,"model":"b","n":4}}'.encode()
    assert (peek_chat(body).model, peek_chat(body).n) == ("b", 4)
    assert json.loads(body)["n"] == 4


def test_a_key_written_with_escapes_is_the_same_key() -> None:
    assert peek_chat(f'{{{MESSAGES},"\\u006e":9}}'.encode()).n == 9


def test_text_of_any_script_is_read_as_it_is() -> None:
    found = peek(model="modèle-ß-模型", user="🦉", messages=[{"role": "user", "content": "жёлтый \u0000 𝄞"}])
    assert (found.model, found.user) == ("modèle-ß-模型", "🦉")
    raw = json.dumps({"model": "模型", "messages": [{"role": "user"}]}, ensure_ascii=False).encode()
    assert peek_chat(raw).model == "模型"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the body is empty"),
        (b"{", "unexpected end of data: line 1 column 2 (char 1)"),
        (b'{"model":"a', "unexpected end of data: line 1 column 12 (char 11)"),
        (b'{"model":\n "a",\n', "unexpected end of data: line 3 column 1 (char 16)"),
        (b'{"a" 1}', "line 1 column 6 (char 5)"),
        (b'{"a":1,}', "trailing comma is not allowed: line 1 column 7 (char 6)"),
        (b"{'a':1}", "line 1 column 2 (char 1)"),
        (b'{"a":NaN}', "line 1 column 6 (char 5)"),
        (b'{"a":-Infinity}', "line 1 column 7 (char 6)"),
        (b'{"a":01}', "line 1 column 6 (char 5)"),
        (b'{"a":tru}', "line 1 column 6 (char 5)"),
        (b'{"a":"\n"}', "line 1 column 7 (char 6)"),
        (b'{"a":"\\q"}', "line 1 column 7 (char 6)"),
        (b'{"a":"\\ud800"}', "line 1 column 7 (char 6)"),
        (b"\xef\xbb\xbf{}", "(BOM) is not supported: line 1 column 1 (char 0)"),
        (b'{"messages":[{"role":"user"}]}]', "line 1 column 31 (char 30)"),
        (b"messages=hello", "line 1 column 1 (char 0)"),
        (b"\x1f\x8b\x08\x00", "line 1 column 1 (char 0)"),
    ],
)
def test_malformed_json_is_refused_with_the_position(body: bytes, problem: str) -> None:
    failure = refused(body)
    assert failure.message.startswith("Invalid JSON payload: ")
    assert failure.message.endswith(problem)
    assert failure.param == "request_body"


@pytest.mark.parametrize("name", ["model", "user", "x"])
def test_text_that_is_not_utf_8_is_refused_with_the_position_wherever_it_stands(name: str) -> None:
    body = f'{{{MESSAGES},"{name}":"'.encode() + b"\xff\xfe" + b'"}'
    at = body.index(0xFF)
    assert refused(body).message == f"Invalid JSON payload: it is not UTF-8: invalid start byte (byte {at})"


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("field", ["metadata", "unheard_of"])
def test_json_nested_without_end_is_refused(opened: str, closed: str, field: str) -> None:
    body = f'{{{MESSAGES},"{field}":{{"a":{opened * 50_000}1{closed * 50_000}}}}}'.encode()
    assert refused(body).message == "Invalid JSON payload: it is nested too deeply"


@pytest.mark.parametrize("body", [b"[1]", b'"hi"', b"null", b"7", b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    failure = refused(body)
    assert "the body must be a JSON object" in failure.message
    assert failure.param == "request_body"


WRONG = {
    "messages": ({}, "hello", 1, None),
    "model": (1, ["a"], {}, True),
    "stream": ("yes", 1, []),
    "stream_options": (True, []),
    "max_tokens": ("5", 1.5, True, 0, -1, NUMBER_MAX + 1, 2**70, 10**500),
    "max_completion_tokens": ("5", 1.5, False, 0, 2**64),
    "n": ("2", 1.5, 0, -3, 2**63),
    "user": (7, {}, "u" * (NAME_MAX + 1)),
    "tools": ({}, "f"),
    "tags": ("a", {}, ["x" * (NAMES_MAX + 1)]),
    "metadata": ("a", [1]),
    "guardrails": ("g", {}, ["x" * (NAMES_MAX + 1)]),
    "num_retries": ("1", -1, 0.5, 101, 2**40),
    "timeout": ("1", 0, -1.5, [], 10**400),
    "disable_fallbacks": ("no", 0),
    "drop_params": ("yes", 1),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_type_or_value_is_refused_with_the_fields_name(field: str, value: Any) -> None:
    fields = {"messages": [{"role": "user", "content": "hi"}], field: value}
    failure = refused(json.dumps(fields).encode())
    assert failure.param == field
    assert f"'{field}'" in failure.message
    assert len(failure.message) < 200


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [{"role": 1}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}, {"rolle": "user"}]}, "messages[1].role"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "user"}], "tags": ["a", 1]}, "tags[1]"),
        ({"messages": [{"role": "user"}], "stream_options": {"include_usage": "x"}}, "stream_options.include_usage"),
        ({}, "messages"),
        ({"model": "a"}, "messages"),
    ],
)
def test_the_path_to_a_wrong_or_missing_field_is_named(fields: dict[str, Any], path: str) -> None:
    failure = refused(json.dumps(fields).encode())
    assert failure.param == path
    assert f"'{path}'" in failure.message


def test_missing_messages_are_refused_in_litellms_words() -> None:
    assert refused(b"{}").message == "/chat/completions: Missing required parameter: 'messages'."


def test_no_messages_in_the_list_are_refused() -> None:
    assert refused(b'{"messages":[]}').param == "messages"


@pytest.mark.parametrize("tags", [5, "abc", {"a": 1}, True, [1, None, {}]])
def test_tags_in_metadata_that_are_no_texts_are_passed_over(tags: Any) -> None:
    assert peek(metadata={"tags": tags}).tags == ()


def test_spend_logs_metadata_that_is_no_object_is_passed_over() -> None:
    assert peek(metadata={"spend_logs_metadata": ["a"]}).metadata is None


def test_guardrails_that_are_no_names_are_passed_over() -> None:
    assert peek(guardrails=[1, None, "g"]).guardrails == ("g",)


def test_the_longest_names_that_are_allowed_are_read() -> None:
    found = peek(model="m" * NAME_MAX, user="u" * NAME_MAX, tags=["t" * NAMES_MAX], max_tokens=NUMBER_MAX)
    assert (len(found.model or ""), len(found.user), len(found.tags[0])) == (NAME_MAX, NAME_MAX, NAMES_MAX)
