"""What edge reads of a request for a response."""

import json
from typing import Any

import pytest

from services.edge.peeks.responses import peek_responses
from shared.errors import InvalidRequest


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi", **fields}).encode()


def test_a_request_tells_its_maximum_and_its_stream() -> None:
    found = peek_responses(body(max_output_tokens=9, stream=True, tools=[{"type": "function"}], user="ann"))
    assert (found.max_tokens, found.max_tokens_field, found.stream) == (9, "max_output_tokens", True)
    assert (found.has_tools, found.user) == (True, "ann")


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"input": None}, "input"), ({"input": 5}, "input"), ({"max_output_tokens": 0}, "max_output_tokens"),
     ({"conversation": "conv_1"}, "conversation"), ({"store": "yes"}, "store")],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="/responses") as caught:
        peek_responses(body(**fields))
    assert caught.value.param == param


def test_pictures_are_counted_by_the_piece_and_files_by_their_bytes() -> None:
    parts = [
        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 4_000},
        {"type": "input_file", "file_data": "A" * 4_000},
        {"type": "input_text", "text": "look"},
    ]
    result = {"type": "function_call_output", "call_id": "c", "output": parts[:1]}
    raw = body(input=[{"role": "user", "content": parts}, result])
    found = peek_responses(raw)
    assert found.images == 3
    assert len(raw) - 8_100 < found.text_bytes < len(raw) - 8_000
