"""Streams of every dialect and framing, made of words, and what a client gets of them up to the money line."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.router.cuts.contained import Contained
from services.router.cuts.cut import Cut
from services.router.cuts.ollama import JsonLines
from services.router.cuts.registry import CUTS
from services.router.cuts.wire import AwsChunks, AwsEvents, JsonArray, Sse, Wire
from services.router.streaming.money_line import MoneyLine, Rates
from shared.usage import Usage

PAID = 20
WORDS = [f" word{'' if number % 3 else ' and'}" for number in range(200)]
USED = Usage(input=7, cached_input=3, output=PAID)


def chat(words: Sequence[str]) -> list[dict[str, Any]]:
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
    deltas = [{"role": "assistant", "content": ""}, *[{"content": word} for word in words]]
    return [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]


def completion(words: Sequence[str]) -> list[dict[str, Any]]:
    head = {"id": "c1", "object": "text_completion", "model": "m"}
    return [{**head, "choices": [{"index": 0, "text": word, "finish_reason": None}]} for word in words]


def messages(words: Sequence[str]) -> list[dict[str, Any]]:
    start = {"type": "message_start", "message": {"id": "msg_1", "content": [], "usage": {"input_tokens": 7}}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    return [
        start,
        {"type": "ping"},
        block,
        *[{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words],
    ]


def generate(words: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "candidates": [{"content": {"parts": [{"text": word}], "role": "model"}, "index": 0}],
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": number},
            "modelVersion": "gemini-x",
            "responseId": "r1",
        }
        for number, word in enumerate(words)
    ]


def responses(words: Sequence[str]) -> list[dict[str, Any]]:
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    response = {
        **{"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []},
        **{"parallel_tool_calls": True, "tool_choice": "auto", "tools": []},
    }
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    told = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **where, "part": part},
        *[{"type": "response.output_text.delta", **where, "delta": word, "logprobs": []} for word in words],
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(told)]


def conversation(words: Sequence[str]) -> list[dict[str, Any]]:
    """As Mistral documents it: https://docs.mistral.ai/studio-api/agents/agents-api."""
    said = {"type": "message.output.delta", "output_index": 1, "id": "msg_1", "model": "m", "role": "assistant"}
    tool = {"output_index": 0, "id": "tool_exec_1", "name": "web_search"}
    return [
        {"type": "conversation.response.started", "conversation_id": "conv_1"},
        {"type": "tool.execution.started", **tool},
        {"type": "tool.execution.done", **tool},
        *[{**said, "content_index": 0, "content": word} for word in words],
    ]


def converse(words: Sequence[str]) -> list[dict[str, Any]]:
    return [{"contentBlockIndex": 0, "delta": {"text": word}} for word in words]


def cohere(words: Sequence[str]) -> list[dict[str, Any]]:
    start = {"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant", "content": []}}}
    block = {"type": "text", "text": ""}
    opened = {"type": "content-start", "index": 0, "delta": {"message": {"content": block}}}
    delta = {"type": "content-delta", "index": 0}
    return [start, opened, *[{**delta, "delta": {"message": {"content": {"text": word}}}} for word in words]]


def interactions(words: Sequence[str]) -> list[dict[str, Any]]:
    interaction = {"id": "v1_a", "object": "interaction", "model": "gemini-x", "status": "in_progress"}
    told = [
        {"event_type": "interaction.created", "interaction": interaction},
        {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
        *[{"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": word}} for word in words],
    ]
    return [{**event, "event_id": f"evt_{number}"} for number, event in enumerate(told)]


def ollama(words: Sequence[str]) -> list[dict[str, Any]]:
    times = [f"2026-11-20T12:00:00.{number:06d}Z" for number in range(len(words))]
    said = [{"role": "assistant", "content": word} for word in words]
    return [
        {"model": "m", "created_at": time, "message": message, "done": False}
        for time, message in zip(times, said, strict=True)
    ]


def ollama_generate(words: Sequence[str]) -> list[dict[str, Any]]:
    return [{"model": "m", "created_at": "2026-11-20T12:00:00Z", "response": word, "done": False} for word in words]


def generation(words: Sequence[str]) -> list[dict[str, Any]]:
    tokens = [{"id": number, "text": word, "special": False} for number, word in enumerate(words)]
    return [{"index": token["id"], "token": token, "generated_text": None, "details": None} for token in tokens]


FORMS: dict[str, tuple[Callable[[Sequence[str]], list[dict[str, Any]]], Wire]] = {
    "chat": (chat, Sse()),
    "chat-to-its-end": (completion, Sse()),
    "messages": (messages, Sse(named=True)),
    "messages-invoked": (messages, AwsChunks()),
    "generate": (generate, Sse()),
    "generate-array": (generate, JsonArray()),
    "responses": (responses, Sse(named=True)),
    "interactions": (interactions, Sse(named=True)),
    "converse": (converse, AwsEvents()),
    "conversation": (conversation, Sse(named=True)),
    "cohere": (cohere, Sse(named=True)),
    "ollama": (ollama, JsonLines()),
    "ollama-generate": (ollama_generate, JsonLines()),
    "contained": (chat, Contained()),
    "contained, generated": (generation, Contained()),
}


def written(form: str, words: Sequence[str]) -> list[bytes]:
    made, wire = FORMS[form]
    name = "contentBlockDelta" if form == "converse" else ""
    events = [
        wire.write(name or str(event.get("type") or event.get("event_type") or ""), event) for event in made(words)
    ]
    if form == "generate-array":  # the wire of one stream knows what went out before: here many are made
        return [(b"," if at else b"[") + event.lstrip(b"[,\r\n") for at, event in enumerate(events)]
    return events


def cut_off(form: str, pieces: Sequence[bytes], paid: int = PAID) -> tuple[bytes, Cut]:
    """Return all that the client gets of a stream whose hold pays for so many tokens."""
    line = MoneyLine(paid, Rates(0, 1, 0), 0)
    line.cut = CUTS[form.partition(",")[0]]()
    out = b""
    for piece in pieces:
        if not line.may_be_reached(piece, None, said_all=False):
            out += piece
            continue
        part, reached = line.take(piece)
        out += part
        if reached:
            assert line.tokens <= paid
            end = line.ending("id", "m", USED, shows_usage=True)
            return out + end.events + end.closing, line.cut
    pytest.fail("the line was not reached")


def told(form: str, out: bytes) -> list[tuple[str, dict[str, Any]]]:
    return told_of(FORMS[form][1], out)


def told_of(wire: Wire, out: bytes) -> list[tuple[str, dict[str, Any]]]:
    events, rest = wire.split(out)
    assert rest == b""
    read = [wire.read(event) for event in events]
    return [(each.name, each.fields) for each in read if each is not None]


def text_of(form: str, out: bytes) -> str:
    cut = CUTS[form.partition(",")[0]]()
    found = [cut.wire.read(event) for event in cut.wire.split(out)[0]]
    return "".join(text for event in found if event is not None for _, text in cut.texts(event))


def end_of(form: str, words: Sequence[str] = WORDS) -> bytes:
    """Return what the client gets behind the events that were paid for: none of the provider's."""
    events = written(form, words)
    out, _ = cut_off(form, events)
    paid = 0
    while out.startswith(b"".join(events[: paid + 1])):
        paid += 1
    return out.removeprefix(b"".join(events[:paid]))
