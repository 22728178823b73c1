"""What is asked, and what the upstream answers: fixed bytes, so that every gateway is given the same work.

The texts consist of tokens that survive any re-encoding as JSON, so that a client can tell whether all arrived.
"""

import json
from dataclasses import dataclass
from decimal import Decimal

INPUT_USD_PER_TOKEN = Decimal("0.0000025")
OUTPUT_USD_PER_TOKEN = Decimal("0.00001")
PROMPT_TOKENS = 250
ANSWER_TOKENS = 64
CHUNKS = 50
"""Content chunks of a stream; a role chunk goes before them, a finish chunk after."""

CHUNK_MARK = "piece"
ANSWER_TEXT = "the whole answer " + " ".join(f"word{n:02d}" for n in range(29))
DONE = b"data: [DONE]\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_CREATED = 1_780_000_000


def request_body(model: str, prompt_bytes: int, *, stream: bool, dialect: str = "openai") -> bytes:
    """Return a request of `prompt_bytes` bytes in all: instructions, a short history and a question.

    `dialect` is openai for a chat, anthropic for a message.
    """
    told = "You are the assistant of a shop. Answer from the notes; be brief."
    is_chat = dialect == "openai"

    def body(question: str) -> bytes:
        request: dict[str, object] = {
            "model": model,
            **({} if is_chat else {"system": told}),
            "messages": [
                *([{"role": "system", "content": told}] if is_chat else []),
                {"role": "user", "content": "Where is order 10482?"},
                {"role": "assistant", "content": "It left the warehouse on Tuesday and arrives tomorrow."},
                {"role": "user", "content": question},
            ],
            "temperature": 0.2,
            "max_tokens": 256,
        }
        if stream:
            request["stream"] = True
        return json.dumps(request).encode()

    missing = prompt_bytes - len(body(""))
    if missing < 0:
        raise ValueError(f"prompt_bytes={prompt_bytes}: the smallest request has {len(body(''))} bytes")
    sentence = "The customer asks whether the parcel can still be sent to another address. "
    return body((sentence * (missing // len(sentence) + 1))[:missing])


@dataclass(frozen=True, slots=True)
class Answers:
    """What the upstream writes, complete with HTTP heads."""

    plain: bytes
    stream_head: bytes
    stream_chunks: tuple[bytes, ...]
    stream_end: bytes
    stream_end_with_usage: bytes


def answers() -> Answers:
    """Return what the upstream writes to a client of chat."""
    body = {
        "id": "chatcmpl-bench0000000000000000001",
        "object": "chat.completion",
        "created": _CREATED,
        "model": "bench-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": ANSWER_TEXT, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(ANSWER_TOKENS),
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }
    pieces = [{"role": "assistant", "content": ""}, *({"content": f"{CHUNK_MARK}{n:02d} "} for n in range(CHUNKS))]
    end = framed(_chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    usage = framed(_chunk(choices=[], usage=_usage(CHUNKS)))
    last = framed(DONE) + b"0\r\n\r\n"
    return Answers(
        plain=whole_answer(body),
        stream_head=STREAM_HEAD,
        stream_chunks=tuple(
            framed(_chunk(choices=[{"index": 0, "delta": piece, "finish_reason": None}])) for piece in pieces
        ),
        stream_end=end + last,
        stream_end_with_usage=end + usage + last,
    )


def cost_usd(*, stream: bool) -> Decimal:
    """Return what one answered call costs at the benched prices."""
    output_tokens = CHUNKS if stream else ANSWER_TOKENS
    return PROMPT_TOKENS * INPUT_USD_PER_TOKEN + output_tokens * OUTPUT_USD_PER_TOKEN


def _usage(output_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": output_tokens,
        "total_tokens": PROMPT_TOKENS + output_tokens,
    }


def _chunk(**fields: object) -> bytes:
    chunk = {
        "id": "chatcmpl-bench0000000000000000001",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": "bench-1",
        **fields,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def whole_answer(body: dict[str, object]) -> bytes:
    """An HTTP answer with JSON in it."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text)


def framed(data: bytes) -> bytes:
    """One HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
