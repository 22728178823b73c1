"""What of a request counts as text, and how many images and other media it has."""

import json
import time
from typing import Any

import pytest

from services.edge.peeks.media import text_and_media

DATA_URL = "data:image/png;base64," + "iVBORw0KGgo" * 100


def body_of(*parts: Any, **more: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": list(parts)}], **more}).encode()


def image(url: str = DATA_URL) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


TEXT = {"type": "text", "text": "what is this?"}


def test_all_bytes_of_a_body_without_media_count_as_text() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    assert text_and_media(body) == (len(body), 0)
    assert text_and_media(body_of(TEXT)) == (len(body_of(TEXT)), 0)


def test_an_image_counts_once_and_its_bytes_are_no_text() -> None:
    text, images = text_and_media(body_of(TEXT, image()))
    assert images == 1
    assert text < len(body_of(TEXT)) + 60
    assert text_and_media(body_of(image(), TEXT, image(), image("https://example.com/a.png")))[1] == 3


def test_images_of_all_messages_count() -> None:
    messages = [{"role": "user", "content": [image()]}, {"role": "tool", "content": "x"}, {"role": "assistant"}]
    body = json.dumps({"messages": [*messages, {"role": "user", "content": [TEXT, image()]}]}).encode()
    assert text_and_media(body)[1] == 2


def test_audio_counts_as_a_piece_and_its_bytes_are_no_text() -> None:
    body = body_of({"type": "input_audio", "input_audio": {"data": "UklGR" * 1_000, "format": "wav"}})
    text, pieces = text_and_media(body)
    assert (text < 120, pieces) == (True, 1)


@pytest.mark.parametrize("kind", ["file", "video_url"])
def test_the_bytes_of_a_file_stay_counted_because_its_tokens_grow_with_them(kind: str) -> None:
    body = body_of({"type": kind, kind: {"file_data": "JVBERi0" * 1_000}})
    assert text_and_media(body) == (len(body), 1)


def test_text_that_looks_like_an_image_counts_in_full() -> None:
    hidden = [
        body_of({"type": "text", "text": DATA_URL}),
        body_of({"type": "text", "text": json.dumps(image())}),
        body_of(TEXT, tools=[{"type": "function", "function": {"name": "f", "description": DATA_URL}}]),
        json.dumps({"messages": [{"role": "user", "content": json.dumps([image()])}]}).encode(),
    ]
    for body in hidden:
        assert text_and_media(body) == (len(body), 0)


def test_text_beside_an_image_counts_in_full_whatever_it_looks_like() -> None:
    text, images = text_and_media(body_of({"type": "text", "text": DATA_URL}, image()))
    assert images == 1
    assert text > len(DATA_URL)


def test_an_image_behind_escapes_is_still_seen() -> None:
    body = body_of(image("https://example.com/a.png")).replace(b'"image_url": {', b'"image\\u005furl": {')
    body = body.replace(b'"image_url"', b'"image\\u005furl"')
    assert b'"image_url"' not in body
    assert text_and_media(body)[1] == 1


def test_a_tool_with_a_parameter_named_like_media_is_no_media() -> None:
    tool = {"name": "f", "parameters": {"type": "object", "properties": {"file": {"type": "string"}}}}
    body = body_of(TEXT, tools=[{"type": "function", "function": tool}])
    assert text_and_media(body) == (len(body), 0)


@pytest.mark.parametrize("content", [["text", {}], [image(), 7], {"image_url": 1}, 7, None, [], [{}]])
def test_content_that_no_provider_takes_counts_as_text(content: Any) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": content, "image_url": {}}]}).encode()
    assert text_and_media(body) == (len(body), 0)


def test_a_request_of_20_mb_is_looked_through_in_a_moment() -> None:

    body = body_of(TEXT, *[image("data:image/png;base64," + "A" * 5_000_000) for _ in range(4)])
    began = time.process_time()
    text, images = text_and_media(body)
    assert time.process_time() - began < 0.5
    assert (text < 500, images) == (True, 4)
