"""What a session's next response reads at most is never less than what the provider will say it read."""

import base64
from typing import Any

import pytest

from services.router.realtime.context import (
    ITEM_TOKENS,
    TEMPLATE_TOKENS,
    Context,
    bytes_per_ms,
    item_tokens,
)

SECOND = 24_000 * 2


def sound(seconds: float) -> str:
    return base64.b64encode(bytes(int(seconds * SECOND))).decode()


def test_text_counts_by_its_bytes() -> None:
    context = Context()
    context.added({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "é" * 100}]})
    assert context.tokens >= TEMPLATE_TOKENS + ITEM_TOKENS + 200


def test_sound_counts_by_its_length_and_not_by_its_bytes() -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": sound(10)}]}
    assert 100 <= item_tokens(item, 48) - item_tokens({**item, "content": []}, 48) < 160


def test_a_picture_counts_as_a_picture() -> None:
    part = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 100_000}
    context = Context()
    context.added({"type": "message", "role": "user", "content": [part]})
    assert (context.images, context.tokens < 500) == (1, True)


@pytest.mark.parametrize(
    "content", [None, "text", [], ["text"], [{"audio": 5}], [{"image_url": None}], [{"type": "input_text"}]]
)
def test_content_of_any_form_can_be_counted(content: Any) -> None:
    assert item_tokens({"type": "message", "content": content}, 48) > ITEM_TOKENS


def test_what_is_in_the_buffer_counts_once_it_is_committed() -> None:
    context = Context()
    before = context.tokens
    context.buffered(len(sound(2)))
    assert context.tokens == before
    context.committed()
    assert 20 <= context.tokens - before < 20 + ITEM_TOKENS + 3
    context.buffered(len(sound(2)))
    context.cleared()
    after = context.tokens
    context.committed()
    assert context.tokens - after <= ITEM_TOKENS + 1


def test_of_a_turn_that_was_heard_only_the_speech_counts() -> None:
    context = Context()
    before = context.tokens
    context.buffered(len(sound(60)))
    context.speech_began(50_000)
    context.speech_ended(53_000)
    context.committed()
    assert 30 <= context.tokens - before < 30 + ITEM_TOKENS + 3


def test_after_a_response_its_usage_takes_the_place_of_the_bound() -> None:
    context = Context()
    context.updated(10_000)
    context.added({"type": "message", "content": [{"type": "input_image", "image_url": "data:"}]})
    mark = context.mark
    context.added({"type": "message", "content": [{"type": "input_text", "text": "said meanwhile"}]})
    meanwhile = context.tokens - mark.tokens
    context.responded(mark, 120, 30)
    assert (context.tokens, context.images) == (meanwhile + 120 + 30 + TEMPLATE_TOKENS, 0)


def test_the_instructions_that_a_provider_begins_with_count() -> None:
    context = Context()
    context.opened({"instructions": "i" * 1_000, "tools": [{"name": "t" * 500}]})
    assert context.tokens > 1_500


@pytest.mark.parametrize(
    ("session", "per_ms"),
    [
        ({}, 48),
        ({"input_audio_format": "pcm16"}, 48),
        ({"input_audio_format": "g711_ulaw"}, 8),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}}}}, 48),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, 8),
        ({"audio": {"input": {"format": {"type": "audio/new"}}}}, 8),
    ],
)
def test_a_millisecond_of_sound_is_as_many_bytes_as_its_format_has(session: dict[str, Any], per_ms: int) -> None:
    assert bytes_per_ms(session, "input") == per_ms
