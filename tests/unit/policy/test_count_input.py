"""What of a request is text, and how many tokens that is."""

from typing import Any

import orjson
import pytest

from services.policy.budgets.count_input import TextTokens, text_tokens
from shared import tokens

HELLO = {"role": "user", "content": "hello world"}


def counted(*messages: Any, **fields: Any) -> TextTokens | None:
    return text_tokens(orjson.dumps({"model": "m", "messages": list(messages), **fields}))


def known(*messages: Any, **fields: Any) -> TextTokens:
    found = counted(*messages, **fields)
    assert found is not None
    return found


def test_what_messages_say_is_counted_and_their_number() -> None:
    assert known(HELLO) == TextTokens(2, tokens.most("hello world"), 1)
    assert known(HELLO, HELLO).counted == 4
    assert known(HELLO, HELLO).messages == 2


def test_parts_are_counted_and_pictures_and_sounds_are_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 90_000}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 90_000, "format": "wav"}}
    parts = [{"type": "text", "text": "hello world"}, picture, sound]
    assert known({"role": "user", "content": parts}).counted == 2


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        "text",
        3,
    ],
)
def test_a_part_whose_tokens_nobody_can_tell_leaves_the_bytes_as_the_bound(part: Any) -> None:
    assert counted({"role": "user", "content": [{"type": "text", "text": "hi"}, part]}) is None


@pytest.mark.parametrize(
    "more",
    [
        {"name": "somebody"},
        {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
        {"reasoning_content": "let me think about that for a moment"},
        {"content": [{"type": "text", "text": "hello world", "cache_control": {"type": "ephemeral"}}]},
        {"content": [{"type": "unheard_of", "unheard_of": "let me think about that"}]},
    ],
)
def test_whatever_else_a_message_holds_is_counted_too(more: dict[str, Any]) -> None:
    assert known({**HELLO, **more}).counted > 2


@pytest.mark.parametrize("field", ["tools", "functions", "response_format", "prediction", "unheard_of"])
def test_whatever_else_a_request_holds_is_counted_too_with_what_is_written_around_it(field: str) -> None:
    found = known(HELLO, **{field: [{"name": "a description of some length"}]})
    assert found.counted > 100 + 2
    assert found.most >= found.counted


def test_settings_of_the_call_are_not_read_by_the_model() -> None:
    settings = {"user": "somebody" * 9, "metadata": {"a": "b" * 99}, "stop": ["x"], "temperature": 1, "seed": 5}
    assert known(HELLO, **settings) == known(HELLO)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"messages": 3}', b'{"messages": [3]}', b'"x"'])
def test_a_body_of_another_form_leaves_the_bytes_as_the_bound(body: bytes) -> None:
    assert text_tokens(body) is None


@pytest.mark.parametrize(
    ("call_type", "fields"),
    [
        ("aembedding", {"input": "the quick brown fox " * 50}),
        ("aembedding", {"input": ["the quick brown fox " * 25] * 2}),
        ("atext_completion", {"prompt": "the quick brown fox " * 50, "max_tokens": 9}),
    ],
)
def test_a_text_that_stands_alone_is_counted(call_type: str, fields: dict[str, Any]) -> None:
    body = orjson.dumps({"model": "m", **fields})
    found = text_tokens(body, call_type)
    assert found is not None
    assert 200 <= found.counted <= found.most < len(body) / 2
    assert text_tokens(body) is None, "of a chat request it is not the text"


def test_a_text_of_tokens_is_at_least_as_many() -> None:
    found = text_tokens(orjson.dumps({"model": "m", "input": list(range(1_000))}), "aembedding")
    assert found is not None
    assert found.counted >= 1_000


def test_content_of_another_form_leaves_the_bytes_as_the_bound() -> None:
    assert counted({"role": "user", "content": {"text": "hi"}}) is None
    assert known({"role": "assistant", "content": None}) == TextTokens(0, 0, 1)
