"""What edge reads of a message, and what it counts as text."""

import json
from typing import Any

import pytest

from services.edge.http.error_dialects import anthropic_error
from services.edge.peeks.anything import peek_anything
from services.edge.peeks.messages import peek_count_tokens, peek_messages
from shared.errors import InvalidRequest

HELLO = [{"role": "user", "content": "hi"}]
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4_000}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 4_000}}


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": HELLO, **fields}).encode()


def test_a_message_tells_its_maximum_its_stream_and_its_user() -> None:
    raw = body(stream=True, tools=[{"name": "f"}], metadata={"user_id": "ann", "tags": ["t"]})
    found = peek_messages(raw)
    assert (found.model, found.max_tokens, found.max_tokens_field, found.stream) == ("m", 9, "max_tokens", True)
    assert (found.user, found.tags, found.has_tools, found.text_bytes) == ("ann", ("t",), True, len(raw))


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"max_tokens": None}, "max_tokens"), ({"max_tokens": 0}, "max_tokens"), ({"messages": []}, "messages"),
     ({"messages": None}, "messages"), ({"stream": "yes"}, "stream")],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest, match="/v1/messages") as caught:
        peek_messages(body(**fields))
    assert caught.value.param == param


def test_a_count_needs_no_maximum() -> None:
    assert peek_count_tokens(b'{"messages":[{"role":"user","content":"hi"}]}').max_tokens is None


@pytest.mark.parametrize(
    "body", [b"{}", b'{"messages":[]}', b'{"messages":5}', b'{"messages":[{"role":"user"}],"user":5}']
)
def test_what_is_wrong_with_a_count_is_told_by_the_path_that_was_called(body: bytes) -> None:
    for peek, path in ((peek_count_tokens, "/v1/messages/count_tokens"), (peek_messages, "/v1/messages")):
        with pytest.raises(InvalidRequest, match=f"^{path}: "):
            peek(body)


def test_pictures_are_counted_by_the_piece_and_documents_by_their_bytes() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [PICTURE, {"type": "text", "text": "x"}]}
    raw = body(messages=[{"role": "user", "content": [PICTURE, PDF, result]}, {"role": "assistant", "content": "ok"}])
    found = peek_messages(raw)
    assert found.images == 3
    assert len(raw) - 8_200 < found.text_bytes < len(raw) - 8_000


def test_a_type_that_hides_behind_an_escape_is_found() -> None:
    url = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    raw = body(messages=[{"role": "user", "content": [url]}]).replace(b'"image"', b'"im\\u0061ge"')
    assert peek_messages(raw).images == 1


def test_text_that_only_looks_like_a_picture_counts_in_full() -> None:
    raw = body(messages=[{"role": "user", "content": json.dumps(PICTURE)}])
    assert (peek_messages(raw).text_bytes, peek_messages(raw).images) == (len(raw), 0)


@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}, {}, "x"])
@pytest.mark.parametrize("peek", [peek_messages, peek_count_tokens])
def test_a_thread_is_refused_in_the_words_of_its_maker(peek: Any, thread: Any) -> None:
    with pytest.raises(InvalidRequest, match="'thread' is not served") as refused:
        peek(body(thread=thread))
    assert refused.value.param == "thread"
    told = anthropic_error(refused.value)["error"]
    assert told["type"] == "invalid_request_error"
    assert told["details"] == {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}


def test_a_thread_goes_by_no_other_way_but_openais_run_does() -> None:
    for sent in (b'{"thread": {"type": "create"}}', b'{"\\u0074hread": {"type": "contin\\u0075e"}, "messages": []}'):
        with pytest.raises(InvalidRequest, match="'thread' is not served"):
            peek_anything(sent)
    peek_anything(b'{"assistant_id": "a", "thread": {"messages": []}}')
    peek_anything(b'{"thread": null}')
