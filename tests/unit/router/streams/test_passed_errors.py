"""A stream that passes untouched and reports an error: its client reads it, and the call is charged what had come."""

import json
from typing import Any

import orjson
import pytest

from services.router.job import Ending, Job
from services.router.outcome import failure_of_answer
from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.passed_kinds import listening
from services.router.providers.passing import PassedAnswer
from services.router.settle_usage import settle_usage
from services.router.streaming.answer import AnswerWriter
from shared.calls import Bound
from shared.usage import NOTHING, Usage
from tests.provider_servers import aws_event_stream
from tests.router_calls import complete, deployment

BODY = orjson.dumps({"messages": [{"role": "user", "content": "hello"}]})
ASKED = Usage(input=8)
"""As it is counted here."""

SSE, AWS, JSON = "text/event-stream", "application/vnd.amazon.eventstream", "application/json"


def passed(target: str) -> PassedAnswer:
    return PassedAnswer(lambda kind: listening(target, "m", kind), costs=True)


def sse(*events: Any, named: bool = False) -> bytes:
    name = "event: {}\n" if named else ""
    return b"".join(f"{name.format(e.get('type'))}data: {json.dumps(e)}\n\n".encode() for e in events)


def aws(*events: tuple[str, Any], exception: str = "", **told: Any) -> bytes:
    messages = [aws_event_stream.event(name, orjson.dumps(payload)) for name, payload in events]
    return b"".join([*messages, aws_event_stream.exception(exception, orjson.dumps(told))] if exception else messages)


CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "one two"}}]}
START = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 40, "output_tokens": 1}}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one two three"}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
PART = {"candidates": [{"content": {"parts": [{"text": "one two"}]}}]}
TOLD_PART = {**PART, "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2, "totalTokenCount": 6}}
UNAVAILABLE = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}
CREATED = {"type": "response.created", "response": {"id": "r1"}}
DELTA = {"type": "response.output_text.delta", "delta": "one two"}
FAILED = {"id": "r1", "status": "failed", "error": {"code": "server_error", "message": "oh"}}
WITH_USAGE = {"usage": {"input_tokens": 5, "output_tokens": 3, "total_tokens": 8}}
SAID = ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "one two"}})

STREAMS: dict[str, tuple[str, str, bytes, int, Usage, str]] = {
    "OpenAI, in a chunk": (
        *("/v1/chat/completions", SSE),
        sse(CHUNK, {"error": {"message": "oh", "type": "server_error"}}),
        *(502, Usage(input=8, output=2), "counted"),
    ),
    "OpenAI, as an event": (
        *("/v1/chat/completions", SSE),
        sse(CHUNK) + b'event: error\ndata: {"message": "oh", "code": "rate_limit_exceeded"}\n\n',
        *(429, Usage(input=8, output=2), "counted"),
    ),
    "OpenAI, before a word": (
        *("/v1/chat/completions", SSE),
        sse({"error": {"message": "oh", "code": 429}}),
        *(429, NOTHING, "none"),
    ),
    "responses, as an event": (
        *("/v1/responses", SSE),
        sse(CREATED, DELTA, {"type": "error", "code": "server_error", "message": "oh"}, named=True),
        *(502, Usage(input=8, output=2), "counted"),
    ),
    "responses, failed with its usage": (
        *("/v1/responses", SSE),
        sse(CREATED, DELTA, {"type": "response.failed", "response": {**FAILED, **WITH_USAGE}}, named=True),
        *(502, Usage(input=5, output=3), "provider"),
    ),
    "responses, failed without": (
        *("/v1/responses", SSE),
        sse(CREATED, {"type": "response.failed", "response": FAILED}, named=True),
        *(502, ASKED, "counted"),
    ),
    "Anthropic": (
        *("/v1/messages", SSE),
        sse(START, TEXT, OVERLOADED, named=True),
        *(529, Usage(input=40, output=3), "counted"),
    ),
    "Anthropic, before a word": (
        *("/v1/messages", SSE),
        sse(OVERLOADED, named=True),
        *(529, NOTHING, "none"),
    ),
    "Gemini": (
        *("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", SSE),
        sse(TOLD_PART, UNAVAILABLE),
        *(503, Usage(input=4, output=2), "provider"),
    ),
    "Gemini, in an array": (
        *("/v1beta/models/gemini-2.5-flash:streamGenerateContent", JSON),
        orjson.dumps([PART, UNAVAILABLE]),
        *(503, Usage(input=8, output=2), "counted"),
    ),
    "an interaction": (
        *("/v1beta/interactions", SSE),
        sse(
            {"event_type": "step.delta", "delta": {"type": "text", "text": "one two"}},
            {"event_type": "error", "error": {"code": "gateway_timeout", "message": "late"}},
        ),
        *(502, Usage(input=8, output=2), "counted"),
    ),
    "Bedrock": (
        *("/model/m/converse-stream", AWS),
        aws(SAID, exception="throttlingException", message="slow down"),
        *(429, Usage(input=8, output=2), "counted"),
    ),
    "SageMaker": (
        *("/endpoints/m/invocations-response-stream", AWS),
        aws(exception="ModelStreamError", Message="out of memory"),
        *(502, NOTHING, "none"),
    ),
    "Cohere": (
        *("/v2/chat", SSE),
        sse(
            {"type": "content-delta", "delta": {"message": {"content": {"text": "one two"}}}},
            {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "oh"}},
        ),
        *(502, Usage(input=8, output=2), "counted"),
    ),
    "Ollama": (
        *("/api/chat", "application/x-ndjson"),
        b'{"message": {"content": "one two"}}\n{"error": "out of memory"}\n',
        *(502, Usage(input=8, output=2), "counted"),
    ),
}


async def settled(reader: PassedAnswer, *, cut: bool = False) -> tuple[Usage, str]:
    call = complete("req_1", "edge-1", BODY, bound=Bound(100, 50, 1))
    job = Job(call, BODY, AnswerWriter(None, "edge-1", "req_1"))  # type: ignore[arg-type]
    job.answer.begun, job.cut = True, "client" if cut else ""
    failure = failure_of_answer("p", reader.broken) if reader.broken is not None else None
    ending = Ending(deployment=deployment(), reader=reader, failure=failure)
    await settle_usage(job, ending)
    return ending.usage, ending.usage_source


def hear(reader: PassedAnswer, kind: str, stream: bytes, step: int) -> None:
    reader.begin(200, {"content-type": kind}.get)
    assert b"".join(reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)) == stream
    assert reader.end() == b""


@pytest.mark.parametrize("step", [7, 10_000], ids=["in pieces", "all at once"])
@pytest.mark.parametrize("name", STREAMS)
async def test_an_error_that_a_passed_stream_reports_is_its_failure_and_what_had_come_is_charged(
    name: str, step: int
) -> None:
    target, kind, stream, status, usage, source = STREAMS[name]
    reader = passed(target)
    hear(reader, kind, stream, step)
    assert isinstance(reader.broken, ProviderStreamError)
    assert reader.broken.status == status
    assert await settled(reader) == (usage, source)


async def test_a_passed_stream_that_ends_too_early_is_charged_what_had_come() -> None:
    reader = passed("/v1/messages")
    hear(reader, SSE, sse(START, TEXT, named=True), 50)
    assert isinstance(reader.broken, UnreadableAnswer)
    assert await settled(reader) == (Usage(input=40, output=3), "counted")


async def test_what_the_gateway_cannot_read_is_no_failure_and_charged_at_its_most() -> None:
    reader = passed("/v1/chat/completions")
    hear(reader, SSE, b"data: {not json\n\n", 50)
    assert reader.broken is None
    assert await settled(reader) == (Usage(input=100, output=50), "assumed")


async def test_a_whole_answer_that_is_an_error_costs_nothing() -> None:
    for target, answer in (
        ("/v1/chat/completions", {"error": {"message": "oh", "code": 502}}),
        ("/v1/responses", FAILED),
        ("/v1/messages", OVERLOADED),
    ):
        reader = passed(target)
        hear(reader, JSON, orjson.dumps(answer), 50)
        assert isinstance(reader.broken, ProviderStreamError)
        assert await settled(reader) == (NOTHING, "none")


@pytest.mark.parametrize("begun", [False, True])
async def test_a_passed_stream_that_was_cut_before_a_word_is_charged_what_it_has_read(begun: bool) -> None:
    reader = passed("/v1/messages")
    if begun:
        reader.begin(200, {"content-type": SSE}.get)
    assert await settled(reader, cut=True) == (ASKED, "counted")
    unknown = passed("/v1/unheard-of")
    assert await settled(unknown, cut=True) == (Usage(input=100, output=50), "assumed")
