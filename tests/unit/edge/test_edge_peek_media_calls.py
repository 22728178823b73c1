"""What edge reads of requests for pictures, sound, moderation and reranking."""

import json
from typing import Any

import pytest

from services.edge.peeks.audio import LEAST_MS, SPOKEN_TOKENS_AROUND, peek_speech, peek_transcription, peek_translation
from services.edge.peeks.images import PICTURE_TOKENS_MAX, peek_edit, peek_edit_form, peek_image
from services.edge.peeks.moderations import USUAL_MODEL, peek_moderation
from services.edge.peeks.peek import Peek
from services.edge.peeks.rerank import peek_rerank
from shared.errors import InvalidRequest
from shared.payloads.forms import Field
from shared.payloads.picture_sizes import MOST

FILE = Field("file", bytes(1_500), "a.mp3", "audio/mpeg")
PICTURE = Field("image", bytes(90_000), "a.png", "image/png")


def units(peek: Peek) -> dict[str, int]:
    return dict(peek.units)


def plain(**fields: str) -> tuple[Field, ...]:
    return tuple(Field(name, value.encode()) for name, value in fields.items())


def test_every_picture_that_is_asked_for_is_counted() -> None:
    found = peek_image(b'{"model":"m","prompt":"a","n":3,"stream":true}')
    assert (found.model, found.stream) == ("m", True)
    pixels = 3 * MOST  # the model may choose
    assert units(found) == {"images": 3, "image_output": 3 * PICTURE_TOKENS_MAX, "pixels": pixels}
    assert units(peek_image(b'{"prompt":"a","n":2,"size":"512x256"}'))["pixels"] == 2 * 512 * 256
    assert units(peek_image(b'{"prompt":"a"}'))["images"] == 1


def test_the_pictures_of_a_form_are_no_text() -> None:
    mask = Field("mask", bytes(10), "m.png")
    found = peek_edit_form((*plain(model="m", prompt="paint", n="2", stream="true"), PICTURE, mask), 90_100)
    assert (found.model, found.images, found.stream) == ("m", 2, True)
    assert (units(found)["images"], found.text_bytes < 100) == (2, True)


def test_the_pictures_that_json_refers_to_are_no_text() -> None:
    url = "data:image/png;base64," + "A" * 50_000
    body = json.dumps({"prompt": "paint", "images": [{"image_url": url}, {"file_id": "f"}], "mask": {"file_id": "m"}})
    found = peek_edit(body.encode())
    assert (found.images, found.text_bytes) == (3, 5)


def test_speech_comes_as_it_is_made_and_is_bound_by_its_text() -> None:
    found = peek_speech(b'{"model":"m","input":"h\xc3\xa4llo","voice":"x"}')
    assert found.stream
    assert units(found)["input_characters"] == 5
    assert units(found)["audio_output"] > SPOKEN_TOKENS_AROUND


@pytest.mark.parametrize("peek", [peek_transcription, peek_translation])
def test_a_recording_is_bound_by_its_length(peek: Any) -> None:
    found = peek((*plain(model="m", stream="True", user="ann", tags="a, b", timeout="3"), FILE), 1_600)
    assert units(found) == {"audio_input_ms": LEAST_MS, "audio_input": 60, "output": 540}
    assert (found.stream, found.user, found.tags, found.timeout_s) == (True, "ann", ("a", "b"), 3.0)


def test_a_moderation_without_a_model_asks_for_the_usual_one() -> None:
    found = peek_moderation(b'{"input":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]}')
    assert (found.model, found.images) == (USUAL_MODEL, 1)
    assert peek_moderation(b'{"input":"a","model":"m"}').model == "m"


def test_a_search_unit_is_a_hundred_documents_and_a_long_one_counts_as_several() -> None:
    def asked(documents: list[str]) -> int:
        return units(peek_rerank(json.dumps({"query": "q", "documents": documents}).encode()))["search_units"]

    assert asked(["a"] * 50) == 1
    assert asked(["a"] * 101) == 2
    assert asked(["a" * 50_000]) == 2


@pytest.mark.parametrize(
    ("peek", "body", "param"),
    [
        (peek_image, {}, "prompt"),
        (peek_image, {"prompt": ""}, "prompt"),
        (peek_image, {"prompt": "a", "n": 0}, "n"),
        (peek_image, {"prompt": "a", "n": 101}, "n"),
        (peek_edit, {"prompt": "a", "n": "two"}, "n"),
        (peek_speech, {"input": ""}, "input"),
        (peek_speech, {"input": ["a"]}, "input"),
        (peek_moderation, {"input": []}, "input"),
        (peek_rerank, {"query": "", "documents": ["a"]}, "query"),
        (peek_rerank, {"query": "a", "documents": []}, "documents"),
        (peek_rerank, {"query": "a"}, "documents"),
    ],
)
def test_a_wrong_field_is_named(peek: Any, body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^/") as caught:
        peek(json.dumps(body).encode())
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("peek", "fields", "param"),
    [
        (peek_transcription, plain(model="m"), "file"),
        (peek_transcription, plain(model="m", file="no file"), "file"),
        (peek_translation, (Field("file", b"", "a.mp3"),), "file"),
        (peek_transcription, (*plain(timeout="soon"), FILE), "timeout"),
        (peek_transcription, (*plain(num_retries="x"), FILE), "num_retries"),
        (peek_edit_form, plain(prompt="a"), "image"),
        (peek_edit_form, (PICTURE,), "prompt"),
        (peek_edit_form, (*plain(prompt="a", n="many"), PICTURE), "n"),
    ],
)
def test_a_wrong_field_of_a_form_is_named(peek: Any, fields: tuple[Field, ...], param: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^/") as caught:
        peek(fields, 100)
    assert caught.value.param == param
