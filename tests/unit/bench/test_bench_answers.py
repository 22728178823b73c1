import json

import pytest

from bench.answers import Head, Malformed, complaint, ends_chunked, read_head, without_framing
from bench.exchange import CHUNKS, answers, cost_usd, request_body
from bench.messages_exchange import message_answers


def test_a_head_tells_status_and_length():
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{}"
    assert read_head(data) == Head(size=len(data) - 2, status=200, body_size=12)


def test_a_chunked_head_has_no_length():
    head = read_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    assert head is not None
    assert head.body_size is None


def test_half_a_head_is_waited_for():
    assert read_head(b"HTTP/1.1 200 OK\r\ncontent-le") is None


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n"])
def test_what_is_no_answer_is_told(data):
    with pytest.raises(Malformed):
        read_head(data)


def test_chunks_are_joined():
    assert without_framing(b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n") == b"abc0123456789"


@pytest.mark.parametrize("body", [b"", b"5\r\nabc\r\n0\r\n\r\n", b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabc\r\n"])
def test_broken_chunks_are_told(body):
    with pytest.raises(Malformed):
        without_framing(body)


def test_a_body_ends_with_the_empty_chunk_only():
    assert ends_chunked(b"3\r\nabc\r\n0\r\n\r\n")
    assert ends_chunked(b"0\r\n\r\n")
    assert not ends_chunked(b"3\r\nabc\r\n")
    assert not ends_chunked(b"5\r\n10\r\n\r\n")


def test_the_upstreams_own_answers_are_whole():
    prepared = answers()
    head = read_head(prepared.plain)
    assert head is not None
    body = prepared.plain[head.size :]
    assert len(body) == head.body_size == 610
    assert complaint(200, body, stream=False) is None
    for end in (prepared.stream_end, prepared.stream_end_with_usage):
        content = without_framing(b"".join(prepared.stream_chunks) + end)
        assert complaint(200, content, stream=True) is None


def test_the_upstreams_own_messages_are_whole():
    prepared = message_answers()
    head = read_head(prepared.plain)
    assert head is not None
    assert complaint(200, prepared.plain[head.size :], stream=False, dialect="anthropic") is None
    content = without_framing(b"".join(prepared.stream_chunks) + prepared.stream_end)
    assert complaint(200, content, stream=True, dialect="anthropic") is None
    assert "without [DONE]" in str(complaint(200, content, stream=True))


def test_a_stream_without_message_stop_is_not_whole():
    content = without_framing(b"".join(message_answers().stream_chunks) + b"0\r\n\r\n")
    assert "without message_stop" in str(complaint(200, content, stream=True, dialect="anthropic"))


def test_an_answer_without_usage_is_not_whole():
    body = answers().plain.replace(b'"usage"', b'"other"')
    assert "incomplete" in str(complaint(200, body, stream=False))


def test_a_stream_that_lost_a_chunk_is_not_whole():
    content = without_framing(b"".join(answers().stream_chunks[:-1]) + answers().stream_end)
    assert complaint(200, content, stream=True) == f"stream with {CHUNKS - 1} of {CHUNKS} chunks"


def test_a_stream_without_done_is_not_whole():
    assert "without [DONE]" in str(complaint(200, b"data: {}\n\n", stream=True))


def test_a_refusal_is_told_with_its_message():
    assert complaint(422, b'{"error": "budget"}', stream=False) == 'status 422: {"error": "budget"}'


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
@pytest.mark.parametrize("size", [1024, 102_400])
def test_a_request_has_the_size_asked_for(size, dialect):
    assert len(request_body("bench-at-once", size, stream=True, dialect=dialect)) == size


def test_a_message_has_its_instructions_beside_the_turns():
    asked = json.loads(request_body("m", 1024, stream=False, dialect="anthropic"))
    assert [turn["role"] for turn in asked["messages"]] == ["user", "assistant", "user"]
    assert asked["system"].startswith("You are")


def test_a_request_too_small_to_be_one_is_refused():
    with pytest.raises(ValueError, match="prompt_bytes=100"):
        request_body("m", 100, stream=False)


def test_the_price_of_a_call_is_exact():
    assert str(cost_usd(stream=False)) == "0.0012650"
    assert str(cost_usd(stream=True)) == "0.0011250"
