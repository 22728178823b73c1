"""What edge reads of requests that are no chats."""

import json
from typing import Any

import pytest

from services.edge.peeks.completions import peek_completion
from services.edge.peeks.embeddings import peek_embeddings
from services.edge.peeks.media import READ_PIXELS_MAX
from services.edge.peeks.peek import Peek
from shared.errors import InvalidRequest


def completion(**fields: Any) -> Peek:
    return peek_completion(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"prompt": "a"}, 1),
        ({"prompt": "a", "n": 3}, 3),
        ({"prompt": "a", "n": 2, "best_of": 5}, 5),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2]]}, 2),
    ],
)
def test_every_text_that_will_be_written_is_counted(fields: dict[str, Any], texts: int) -> None:
    assert completion(**fields).n == texts


def test_a_completion_tells_its_maximum_and_its_stream() -> None:
    found = completion(prompt="a", max_tokens=5, stream=True, stream_options={"include_usage": True}, user="ann")
    assert (found.max_tokens, found.max_tokens_field) == (5, "max_tokens")
    assert (found.stream, found.include_usage, found.user) == (True, True, "ann")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "a", "n": 0}, "n"),
        ({"prompt": "a", "best_of": 0}, "best_of"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
    ],
)
def test_a_wrong_field_of_a_completion_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="/completions") as caught:
        completion(**fields)
    assert caught.value.param == param


def test_an_embedding_is_bound_by_its_bytes() -> None:
    body = b'{"model":"m","input":["a","b"],"tags":["t"]}'
    found = peek_embeddings(body)
    assert (found.model, found.text_bytes, found.tags, found.max_tokens) == ("m", len(body), ("t",), None)


def test_a_picture_that_is_embedded_is_bound_by_its_pixels() -> None:
    found = peek_embeddings(b'{"model":"m","input":["a","data:image/png;base64,AA","data:image/png;base64,AA"]}')
    assert (found.images, dict(found.units)) == (2, {"input_images": 2, "pixels": 2 * READ_PIXELS_MAX})


@pytest.mark.parametrize("body", [b"{}", b'{"input":""}', b'{"input":[]}', b'{"input":{}}'])
def test_an_embedding_of_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="/embeddings") as caught:
        peek_embeddings(body)
    assert caught.value.param == "input"
