"""What edge reads of a request to Google's API, and of the key in its address."""

import json
from typing import Any

import pytest

from services.edge.identify import with_key_of_query
from services.edge.peeks.generate_content import peek_count_contents, peek_generate, peek_stream_generate
from shared.errors import InvalidRequest


def body(**fields: Any) -> bytes:
    return json.dumps({"contents": [{"parts": [{"text": "hi"}]}], **fields}).encode()


@pytest.mark.parametrize(
    "config",
    [{"generationConfig": {"maxOutputTokens": 9, "candidateCount": 2}},
     {"generation_config": {"max_output_tokens": 9, "candidate_count": 2}}],
)  # fmt: skip
def test_a_request_tells_its_maximum_in_either_spelling(config: dict[str, Any]) -> None:
    found = peek_generate(body(**config))
    assert (found.max_tokens, found.max_tokens_field, found.n, found.stream) == (9, "maxOutputTokens", 2, False)
    assert peek_stream_generate(body()).stream


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"contents": None}, "contents"), ({"contents": 5}, "contents"),
     ({"generationConfig": {"maxOutputTokens": 0}}, "maxOutputTokens"),
     ({"generationConfig": {"candidateCount": 0}}, "candidateCount"),
     ({"generation_config": {"candidate_count": -1}}, "candidateCount")],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        peek_generate(body(**fields))
    assert caught.value.param == param


def test_what_is_wrong_is_told_by_what_was_called() -> None:
    told = {peek_generate: "generateContent", peek_stream_generate: "streamGenerateContent"}
    for peek, name in {**told, peek_count_contents: "countTokens"}.items():
        for wrong in (b"{}", b'{"contents":[{}],"generationConfig":{"candidateCount":0}}', b'{"user":5}'):
            with pytest.raises(InvalidRequest, match=f"^{name}: "):
                peek(wrong)


def test_pictures_are_counted_by_the_piece_and_files_by_their_bytes() -> None:
    media = [
        {"inlineData": {"mimeType": "image/png", "data": "A" * 4_000}},
        {"inline_data": {"mime_type": "application/pdf", "data": "A" * 4_000}},
        {"fileData": {"fileUri": "https://example.com/a.png"}},
    ]
    raw = body(contents={"parts": media})
    found = peek_generate(raw)
    assert found.images == 3
    assert len(raw) - 4_100 < found.text_bytes < len(raw) - 4_000


def test_the_key_in_the_address_counts_where_no_header_has_one() -> None:
    assert with_key_of_query({}, b"alt=sse&key=sk-1%2B") == {b"x-goog-api-key": b"sk-1+"}
    for headers in ({b"authorization": b"Bearer sk-2"}, {b"x-goog-api-key": b"sk-2"}):
        assert with_key_of_query(headers, b"key=sk-1") == headers
    assert with_key_of_query({}, b"monkey=1") == {}
