import asyncio
from typing import Any

import orjson
import pytest

from services.router.streaming.count_tokens import counted_usage
from shared.tokens.of_request import ANSWER_TOKENS, MESSAGE_TOKENS
from shared.usage import Usage


async def counted(body: Any, answer: str = "") -> Usage:
    return await counted_usage(body if isinstance(body, bytes) else orjson.dumps(body), answer)


async def test_texts_are_counted_as_openais_tokenizer_counts_them() -> None:
    body = {"messages": [{"role": "user", "content": "hello world"}]}
    assert await counted(body, "tiktoken is great!") == Usage(input=ANSWER_TOKENS + MESSAGE_TOKENS + 2, output=6)


async def test_parts_of_content_are_counted_and_images_are_not() -> None:
    parts = [
        {"type": "text", "text": "hello world"},
        {"type": "image_url", "image_url": {"url": "data:" + "x" * 9_000}},
    ]
    assert (
        await counted({"messages": [{"role": "user", "content": parts}]})
    ).input == ANSWER_TOKENS + MESSAGE_TOKENS + 2


async def test_tools_and_earlier_calls_are_counted() -> None:
    plain = {"messages": [{"role": "assistant", "content": None}]}
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}
    called = {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    tools = {**plain, "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]}
    least = (await counted(plain)).input
    assert least == ANSWER_TOKENS + MESSAGE_TOKENS
    assert (await counted(called)).input > least + 5
    assert (await counted(tools)).input > least + 5


async def test_nothing_written_is_no_output() -> None:
    assert (await counted({"messages": []})).output == 0


@pytest.mark.parametrize("letters", [60_000, 1_200_000])
async def test_texts_longer_than_the_tokenizer_takes_are_counted_too(letters: int) -> None:
    usage = await counted({"messages": [{"role": "user", "content": "a b " * (letters // 4)}]}, "x y " * (letters // 4))
    assert abs(usage.input - letters // 2) < letters / 100
    assert abs(usage.output - letters // 2) < letters / 100


async def test_letters_that_are_many_tokens_each_are_counted() -> None:
    assert (await counted({"messages": []}, "\U0001f9d9\u200d" * 120_000)).output > 240_000


async def test_a_long_text_is_counted_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    async def to_thread(function: Any, *args: Any) -> Any:
        calls.append(function)
        return function(*args)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    await counted({"messages": []}, "x" * 100)
    calls.clear()
    await counted({"messages": []}, "x" * 100)
    assert calls == [], "once the tokenizer is loaded, a short text takes microseconds"
    await counted({"messages": []}, "x" * 100_000)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", {"messages": "x"}, {"messages": [1, None, {"content": 3}]}, {"messages": 5}]
)
async def test_a_body_of_another_form_has_little_to_count(body: Any) -> None:
    assert (await counted(body)).input <= ANSWER_TOKENS + MESSAGE_TOKENS
