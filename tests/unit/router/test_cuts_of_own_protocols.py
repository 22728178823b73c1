"""Streams of Cohere, Ollama, Mistral and SageMaker's containers that end at the money line, byte for byte."""

from typing import Any

import orjson
import pytest

from services.router.cuts.contained import Contained
from services.router.cuts.wire import AwsEvents, Sse, aws_payload
from tests.cut_streams import PAID, WORDS, chat, cohere, cut_off, end_of, told_of
from tests.provider_servers import aws_event_stream


def test_cohere_ends_with_its_block_the_reason_and_the_usage() -> None:
    used = b'{"input_tokens":10,"output_tokens":20}'
    assert end_of("cohere") == (
        b'event: content-end\ndata: {"type":"content-end","index":0}\n\n'
        b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"MAX_TOKENS","usage":'
        b'{"billed_units":' + used + b',"tokens":' + used + b"}}}\n\n"
        b"data: [DONE]\n\n"
    )


def test_a_conversation_at_mistral_ends_with_what_it_used() -> None:
    usage = b'"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}'
    done = b"conversation.response.done"
    assert end_of("conversation") == b"event: " + done + b'\ndata: {"type":"' + done + b'",' + usage + b"}\n\n"


def test_a_call_of_cohere_is_closed_where_it_is_cut() -> None:
    call = {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    events: list[dict[str, Any]] = [
        cohere([])[0],
        {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look."}}},
        {"type": "tool-call-start", "index": 1, "delta": {"message": {"tool_calls": call}}},
    ]
    delta = {"type": "tool-call-delta", "index": 1}
    events += [{**delta, "delta": {"message": {"tool_calls": {"function": {"arguments": word}}}}} for word in WORDS]
    wire = Sse(named=True)
    out, cut = cut_off("cohere", [wire.write(event["type"], event) for event in events])
    found = [fields for _, fields in told_of(wire, out)]
    assert found[-2] == {"type": "tool-call-end", "index": 1}
    assert found[-1]["delta"]["finish_reason"] == cut.reason == "MAX_TOKENS"


def test_an_interaction_ends_with_its_step_and_as_incomplete() -> None:
    interaction = b'{"id":"v1_a","object":"interaction","model":"gemini-x","status":"incomplete","usage":'
    used = b'{"total_input_tokens":10,"total_cached_tokens":3,"total_output_tokens":20,"total_tokens":30}'
    assert end_of("interactions") == (
        b'event: step.stop\ndata: {"event_type":"step.stop","index":0}\n\n'
        b'event: interaction.completed\ndata: {"event_type":"interaction.completed","interaction":'
        + interaction
        + used
        + b"}}\n\n"
        b"event: done\ndata: [DONE]\n\n"
    )


def test_thoughts_and_calls_of_an_interaction_count_until_it_is_cut() -> None:
    think = {"type": "thought_summary", "content": {"type": "text", "text": "Let me think. "}}
    call = {"type": "function_call", "id": "f_1", "name": "look_up", "arguments": {}}
    events: list[dict[str, Any]] = [
        {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
        {"event_type": "step.delta", "index": 0, "delta": think},
        {"event_type": "step.stop", "index": 0},
        {"event_type": "step.start", "index": 1, "step": call},
        *[
            {"event_type": "step.delta", "index": 1, "delta": {"type": "arguments_delta", "arguments": word}}
            for word in WORDS
        ],
    ]
    wire = Sse(named=True)
    out, cut = cut_off("interactions", [wire.write(event["event_type"], event) for event in events])
    found = [fields for _, fields in told_of(wire, out)]
    assert 4 < len(found) - 2 < 4 + PAID
    assert found[-2] == {"event_type": "step.stop", "index": 1}
    ended = found[-1]["interaction"]
    assert (ended["id"], ended["status"], cut.reason) == ("id", "incomplete", "incomplete")


@pytest.mark.parametrize(
    ("form", "said"),
    [("ollama", b'"message":{"role":"assistant","content":""}'), ("ollama-generate", b'"response":""')],
)
def test_ollama_ends_with_a_line_that_is_done(form: str, said: bytes) -> None:
    last = end_of(form)
    head, _, rest = last.partition(b'"created_at":')
    time, _, rest = rest.partition(b",")
    assert (head, time.startswith(b'"2026-11-20T12:00:00')) == (b'{"model":"m",', True)
    assert rest == said + b',"done":true,"done_reason":"length","prompt_eval_count":10,"eval_count":20}\n'


def test_a_chat_of_a_container_ends_in_messages_of_aws() -> None:
    end = end_of("contained")
    messages, rest = AwsEvents().split(end)
    assert rest == b""
    finish = {"index": 0, "delta": {}, "finish_reason": "length"}
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
    chunks = [{**head, "choices": [finish]}, {**head, "choices": [], "usage": usage}]
    written_out = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    assert b"".join(map(aws_payload, messages)) == written_out
    headers = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
    assert messages[-1] == aws_event_stream.message(headers, b"data: [DONE]\n\n")


def test_text_generation_of_a_container_ends_with_all_that_it_said() -> None:
    payload = b"".join(map(aws_payload, AwsEvents().split(end_of("contained, generated"))[0]))
    assert payload.startswith(b"data:{")
    last = orjson.loads(payload[5:])
    assert last["details"] == {"finish_reason": "length", "generated_tokens": 20, "seed": None}
    assert last["token"]["special"] is True
    assert "".join(WORDS).startswith(last["generated_text"])
    assert len(last["generated_text"]) > 50


@pytest.mark.parametrize("size", [7, 40, 70, 333, 2_000])
@pytest.mark.parametrize("at_once", [97, 1_000_000])
def test_a_container_is_read_wherever_aws_cuts_its_events(size: int, at_once: int) -> None:
    container = b"".join(Sse().write("", event) for event in chat(WORDS))
    headers = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
    pieces = [container[at : at + size] for at in range(0, len(container), size)]
    stream = b"".join(aws_event_stream.message(headers, piece) for piece in pieces)
    wire, rest = Contained(), b""
    events: list[bytes] = []
    for at in range(0, len(stream), at_once):
        some, rest = wire.split(rest + stream[at : at + at_once])
        events += some
    assert rest == b""
    assert all(aws_payload(AwsEvents().split(event)[0][-1]).endswith(b"\n") for event in events)
    assert b"".join(map(aws_payload, AwsEvents().split(b"".join(events))[0])) == container
    assert b"".join(wire.split(b"".join(events))[0]) == b"".join(events), "what is cut so once is not cut again"
    out, _ = cut_off("contained", events)
    sent = b"".join(map(aws_payload, AwsEvents().split(out)[0]))
    chunks = [orjson.loads(line[6:]) for line in sent.split(b"\n\n") if line.startswith(b"data: {")]
    assert (
        50 < len("".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])) < 150
    )
    assert sent.endswith(b"data: [DONE]\n\n")


def test_messages_that_end_where_the_containers_events_end_pass_as_aws_made_them() -> None:
    headers = {":event-type": "PayloadPart", ":content-type": "x/y", ":more": "z", ":message-type": "event"}
    stream = [aws_event_stream.message(headers, Sse().write("", event)) for event in chat(WORDS[:5])]
    failure = aws_event_stream.exception("ModelStreamError", b'{"Message":"The container died."}')
    events, rest = Contained().split(b"".join(stream) + failure)
    assert (events, rest) == ([*stream, failure], b"")


def test_parts_of_a_content_are_text_too() -> None:
    """Mistral's thoughts come as parts: https://docs.mistral.ai/capabilities/reasoning/"""
    thought = [{"type": "thinking", "thinking": [{"type": "text", "text": word}]} for word in WORDS]
    head = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
    chunks = [{**head, "choices": [{"index": 0, "delta": {"content": [part]}}]} for part in thought]
    out, _ = cut_off("chat-to-its-end", [Sse().write("", chunk) for chunk in chunks])
    assert 10 < out.count(b'"thinking":[') <= PAID
    assert out.endswith(b'"finish_reason":"length"}]}\n\n' + b"data: [DONE]\n\n") or b'"usage"' in out
