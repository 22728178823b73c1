"""The same questions and answers in Anthropic's dialect: POST /v1/messages, whole and as a stream of its events."""

import json

from bench.exchange import (
    ANSWER_TEXT,
    ANSWER_TOKENS,
    CHUNK_MARK,
    CHUNKS,
    PROMPT_TOKENS,
    STREAM_HEAD,
    Answers,
    framed,
    whole_answer,
)

MESSAGE_STOP = b'"type":"message_stop"'
_ID = "msg_bench00000000000000000001"


def message_answers() -> Answers:
    """Return what the upstream writes to a client of Messages; a stream always tells its usage."""
    body = {
        **_message([{"type": "text", "text": ANSWER_TEXT}], stop_reason="end_turn"),
        "usage": _usage(ANSWER_TOKENS),
    }
    chunks: list[dict[str, object]] = [
        {"type": "message_start", "message": {**_message([], stop_reason=None), "usage": _usage(1)}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
    ]
    for n in range(CHUNKS):
        delta = {"type": "text_delta", "text": f"{CHUNK_MARK}{n:02d} "}
        chunks.append({"type": "content_block_delta", "index": 0, "delta": delta})
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    ends: list[dict[str, object]] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": CHUNKS}},
        {"type": "message_stop"},
    ]
    end = b"".join(framed(_event(event)) for event in ends) + b"0\r\n\r\n"
    return Answers(
        plain=whole_answer(body),
        stream_head=STREAM_HEAD,
        stream_chunks=tuple(framed(_event(event)) for event in chunks),
        stream_end=end,
        stream_end_with_usage=end,
    )


def _message(content: list[dict[str, str]], *, stop_reason: str | None) -> dict[str, object]:
    return {
        "id": _ID,
        "type": "message",
        "role": "assistant",
        "model": "bench-1",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _usage(output_tokens: int) -> dict[str, object]:
    return {
        "input_tokens": PROMPT_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def _event(event: dict[str, object]) -> bytes:
    """One event as Anthropic writes it."""
    return f"event: {event['type']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
