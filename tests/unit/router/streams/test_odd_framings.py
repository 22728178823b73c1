"""Streams in framings that are odd but legal, cut at any byte: every client gets what it would get of a plain one."""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.edge.http.event_array import as_array
from services.router.cuts.registry import CUTS
from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import BrokenAnswer
from services.router.providers.answers.sse import EventBlocks
from services.router.providers.base import OwnForm
from services.router.providers.passed_kinds import listening
from services.router.providers.passing import PassedAnswer
from services.router.providers.registry import load_providers
from services.router.streaming.shown_cost import CostTap, events_with_cost
from shared.usage import Usage
from tests.provider_servers import aws_event_stream
from tests.router_calls import deployment, provider_call

Events = list[tuple[str, dict[str, Any] | str]]
DONE = ("", "[DONE]")
USAGE = {"prompt_tokens": 4, "completion_tokens": 9, "total_tokens": 13}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return "", {"id": "c1", "object": "chat.completion.chunk", "model": "up", "choices": choices, **more}


def call(name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def named(*events: dict[str, Any]) -> Events:
    return [(event["type"], event) for event in events]


TEXT = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "häß"}),
    chunk({"content": "lich 🐙\n\ndata: x"}),
]
CHATS: dict[str, Events] = {
    "usual": [*TEXT, chunk({}, "stop"), chunk(usage=USAGE), DONE],
    "usage before the last content": [*TEXT[:2], chunk(usage=USAGE), TEXT[2], chunk({}, "stop"), DONE],
    "usage in every chunk": [
        *[("", {**event[1], "usage": {**USAGE, "completion_tokens": at}}) for at, event in enumerate(TEXT)],
        chunk({}, "stop", usage=USAGE),
        DONE,
    ],
    "no choices at first": [chunk(prompt_filter_results=[]), *TEXT, chunk({}, "stop"), chunk(usage=USAGE), DONE],
    "an end told twice": [*TEXT, chunk({}, "length"), chunk({}, "stop"), chunk({}, "stop", usage=USAGE), DONE],
    "no end but its reason": [*TEXT, chunk({"content": "."}, "stop", usage=USAGE)],
    "thoughts, then calls in one piece": [
        chunk({"role": "assistant", "reasoning_content": "hm"}),
        chunk({"tool_calls": [call("f", '{"a": "ü"}', index=0, id="c0"), call("g", "{}", index=1, id="c1")]}),
        chunk({}, "tool_calls"),
        chunk(usage=USAGE),
        DONE,
    ],
    "calls without an index": [
        chunk({"tool_calls": [call("f", '{"a": 1}', id="c0")]}),
        chunk({"tool_calls": [call("g", '{"b"', id="c1")]}),
        chunk({"tool_calls": [{"function": {"arguments": ": 2}"}}]}),
        chunk({}, "tool_calls", usage=USAGE),
        DONE,
    ],
    "an error": [*TEXT[:2], ("", {"error": {"message": "öh", "type": "server_error"}})],
}
MESSAGE = named(
    {"type": "message_start", "message": {"id": "m1", "model": "up", "usage": {"input_tokens": 4, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm ü"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s="}},
    {"type": "content_block_stop", "index": 0},
    {"type": "ping"},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "héllo 🐙"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a": "ü'}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"}'}},
    {"type": "content_block_stop", "index": 2},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
)
TOLD = {"promptTokenCount": 4, "candidatesTokenCount": 9, "totalTokenCount": 13}
CANDIDATES: Events = [
    ("", {"candidates": [{"content": {"parts": [{"text": "héllo"}]}}], "responseId": "r", "usageMetadata": TOLD}),
    ("", {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": "ü"}}}]}}]}),
    ("", {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "usageMetadata": TOLD}),
]
COHERE = named(
    {"type": "message-start", "id": "m1", "delta": {"message": {"role": "assistant"}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "héllo 🐙"}}}},
    {
        "type": "message-end",
        "delta": {"finish_reason": "COMPLETE", "usage": {"billed_units": {"input_tokens": 4, "output_tokens": 9}}},
    },
)
RESPONSE = {"id": "r1", "model": "up", "output": [], "status": "in_progress"}
ENDED = {**RESPONSE, "status": "completed", "usage": {"input_tokens": 4, "output_tokens": 9, "total_tokens": 13}}
RESPONSES = named(
    {"type": "response.created", "sequence_number": 0, "response": RESPONSE},
    {"type": "response.output_text.delta", "sequence_number": 1, "item_id": "i", "delta": "héllo 🐙"},
    {"type": "response.completed", "sequence_number": 2, "response": ENDED},
)
STREAMS = {
    **{f"chat, {name}": ("groq", events) for name, events in CHATS.items()},
    "mistral": ("mistral", CHATS["usual"]),
    "anthropic": ("anthropic", MESSAGE),
    "gemini": ("gemini", CANDIDATES),
    "cohere": ("cohere", COHERE),
}
ASKED: dict[str, dict[str, Any]] = {
    "acompletion": {"messages": [{"role": "user", "content": "hi"}]},
    "anthropic_messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "aresponses": {"input": "hi"},
    "agenerate_content": {"contents": [{"parts": [{"text": "hi"}]}]},
    "atext_completion": {"prompt": "hi"},
}
OWN = {"aresponses": ("openai", RESPONSES)}


PROVIDERS = load_providers({})


class Heard(NamedTuple):
    """What a client has of a stream, and what the gateway knows of it."""

    events: list[Any]
    failure: str
    usage: Usage | None
    finish_reason: str
    text: str


def heard(provider: str, call_type: str, pieces: Iterable[bytes]) -> Heard:
    model = "amazon.nova-lite-v1:0" if provider == "bedrock" else "up"
    of = deployment(provider=provider, model=model, api_base="http://host/v1")
    body = {"model": "m", "stream": True, **ASKED[call_type]}
    asked = provider_call(body, call_type=call_type, stream=True, include_usage=True)
    _, reader, outlet = prepared(PROVIDERS[provider], asked, of)
    written, failure = [], ""
    try:
        for piece in pieces:
            written.append(reader.feed(piece))
        written.append(reader.end())
    except BrokenAnswer as error:
        failure = f"{type(error).__name__}: {error}"
        written.append(error.before)
    if outlet is not None:
        written = [outlet.feed(out) for out in written if out]
        written.append(outlet.closing(reader.usage or Usage()))
    elif isinstance(reader, OwnForm):
        written.append(reader.closing)
    return Heard(_read(b"".join(written)), failure, reader.usage, reader.finish_reason, reader.text_so_far())


MADE = {"id", "created", "created_at", "item_id", "call_id", "responseId"}
"""What the gateway makes anew for each answer."""


def _read(stream: bytes) -> list[Any]:
    """Read events as the standard says: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream"""
    found, name, data = [], "", list[str]()
    for line in re.split("\r\n|\r|\n", stream.decode("utf-8-sig")):
        if not line and data:
            text = "\n".join(data)
            found.append((name, _plain(json.loads(text)) if text.startswith("{") else text.strip()))
        if not line:
            name, data = "", []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif line.startswith("event:"):
            name = line[6:].removeprefix(" ")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name not in MADE}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def plainly(events: Events) -> bytes:
    return b"".join(_event(name, _json(data), b"\n") for name, data in events)


def _json(data: dict[str, Any] | str) -> bytes:
    return data.encode() if isinstance(data, str) else orjson.dumps(data)


def _event(name: str, data: bytes, end: bytes, *, space: bytes = b" ") -> bytes:
    lines = [b"event:" + space + name.encode()] if name else []
    lines += [b"data:" + space + line for line in data.split(b"\n")]
    return b"".join([line + end for line in [*lines, b""]])


@st.composite
def oddly(draw: st.DrawFn, events: Events) -> list[bytes]:
    """The same events with other line ends, comments, data in several lines, a byte order mark and the like; cut."""
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    out = [draw(st.sampled_from([b"", b"\xef\xbb\xbf"])), draw(st.sampled_from([b"", end, b": hello" + end + end]))]
    styles: list[dict[str, Any] | None] = [None, {"indent": 1}, {"ensure_ascii": False}]
    style = draw(st.sampled_from([*styles, {"indent": 1, "ensure_ascii": False}]))
    for name, told in events:
        data = json.dumps(told, **style).encode() if isinstance(told, dict) and style is not None else _json(told)
        before = draw(st.sampled_from([b"", b":" + end, b": a comment" + end + end, b"id: 7" + end, b"retry: 5" + end]))
        out += [before, _event(name, data, end, space=draw(st.sampled_from([b"", b" "])))]
        out.append(draw(st.sampled_from([b"", end])))
    stream = b"".join(out)
    if draw(st.booleans()):
        stream = stream.rstrip(b"\r\n") + draw(st.sampled_from([b"", end]))
    return cut(draw, stream)


def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    size = draw(st.sampled_from([1, 2, 3, 7, 50]))
    if size < 7:
        return [stream[at : at + size] for at in range(0, len(stream), size)]
    places = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    return [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]


few = settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@few
@given(data=st.data())
@pytest.mark.parametrize("call_type", ASKED)
@pytest.mark.parametrize("name", STREAMS)
def test_an_odd_framing_changes_nothing_in_any_pair_of_dialects(name: str, call_type: str, data: st.DataObject) -> None:
    provider, events = STREAMS[name]
    assert heard(provider, call_type, data.draw(oddly(events))) == heard(provider, call_type, [plainly(events)])


@few
@given(data=st.data())
@pytest.mark.parametrize("call_type", OWN)
def test_nor_in_the_dialect_that_its_provider_speaks(call_type: str, data: st.DataObject) -> None:
    provider, events = OWN[call_type]
    assert heard(provider, call_type, data.draw(oddly(events))) == heard(provider, call_type, [plainly(events)])


LINES = [
    {"model": "up", "message": {"role": "assistant", "content": "héllo 🐙"}, "done": False},
    {"model": "up", "message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": "ü"}}}]}, "done": False},
    {"model": "up", "done": True, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 9},
]
FRAMES = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "héllo 🐙"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 4, "outputTokens": 9, "totalTokens": 13}}),
]
OTHERS = {
    "ollama": b"".join(orjson.dumps(line) + b"\n" for line in LINES),
    "bedrock": b"".join(aws_event_stream.event(name, orjson.dumps(told)) for name, told in FRAMES),
}


@few
@given(data=st.data())
@pytest.mark.parametrize("call_type", ASKED)
@pytest.mark.parametrize("provider", OTHERS)
def test_lines_and_binary_frames_can_be_cut_anywhere(provider: str, call_type: str, data: st.DataObject) -> None:
    plain = OTHERS[provider]
    odd = plain
    if provider == "ollama":
        odd = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + plain.replace(b"\n", b"\r\n\r\n")
        odd = odd.rstrip() if data.draw(st.booleans()) else odd
    assert heard(provider, call_type, cut(data.draw, odd)) == heard(provider, call_type, [plain])


SAID = {
    "acompletion": lambda told: (told["choices"][0]["delta"].get("content") or "") if told.get("choices") else "",
    "atext_completion": lambda told: told["choices"][0].get("text") or "" if told.get("choices") else "",
    "anthropic_messages": lambda told: told.get("delta", {}).get("text", ""),
    "aresponses": lambda told: told["delta"] if told["type"] == "response.output_text.delta" else "",
    "agenerate_content": lambda told: "".join(part["text"] for part in told["candidates"][0]["content"]["parts"]),
}


@pytest.mark.parametrize("call_type", ASKED.keys() - {"atext_completion"})
@pytest.mark.parametrize("name", [name for name in CHATS if "calls" not in name and "error" not in name])
def test_all_that_is_said_comes_and_the_usage_is_the_last_that_was_told(name: str, call_type: str) -> None:
    found = heard("groq", call_type, [b"\xef\xbb\xbf" + plainly(CHATS[name])])
    said = "".join(SAID[call_type](told) for _, told in found.events if isinstance(told, dict))
    assert said.rstrip(".") == found.text.rstrip(".") == "häßlich 🐙\n\ndata: x"
    assert (found.failure, found.usage, found.finish_reason) == ("", Usage(input=4, output=9), "stop")


PASSED = {
    "/v1/chat/completions": CHATS["usage in every chunk"],
    "/v1/completions": CHATS["no choices at first"],
    "/v1/messages": MESSAGE,
    "/v1/responses": RESPONSES,
    "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse": CANDIDATES,
    "/v2/chat": COHERE,
}


@few
@given(data=st.data())
@pytest.mark.parametrize("target", PASSED)
def test_what_passes_in_an_odd_framing_is_heard_and_can_be_cut_like_any_other(target: str, data: st.DataObject) -> None:
    found = []
    for pieces in (data.draw(oddly(PASSED[target])), [plainly(PASSED[target])]):
        reader = PassedAnswer(lambda kind: listening(target, "up", kind), costs=True)
        reader.begin(200, {"content-type": "text/event-stream"}.get)
        wire, rest, told = CUTS[reader.cut_as]().wire, b"", list[Any]()
        for piece in pieces:
            events, rest = wire.split(rest + reader.feed(piece))
            told += [wire.read(event) for event in events]
        reader.end()
        told.append(wire.read(rest))
        said = [(one.name, one.fields) for one in told if one is not None]
        found.append((said, reader.usage, reader.finish_reason, reader.text_so_far(), reader.broken))
    assert found[0] == found[1]
    assert found[1][1] == Usage(input=4, output=9)


@few
@given(data=st.data())
@pytest.mark.parametrize("call_type", ["acompletion", "anthropic_messages", "aresponses"])
def test_a_cost_is_told_in_an_event_of_several_lines(call_type: str, data: st.DataObject) -> None:
    events = {"acompletion": CHATS["usual"], "anthropic_messages": MESSAGE, "aresponses": RESPONSES}[call_type]
    blocks, tap, out = EventBlocks(), CostTap(call_type), list[bytes]()
    for piece in data.draw(oddly(events)):
        out.append(tap.through(blocks.feed(piece)))
    last = events_with_cost(tap.held + blocks.rest(), b"0.25")
    told = [event for _, event in _read(b"".join(out) + last + b"\n\n")]
    usages = [event.get("usage") or event.get("response", {}).get("usage") for event in told if isinstance(event, dict)]
    assert [usage["cost"] for usage in usages if usage and "cost" in usage] == [0.25]
    assert len(told) == len(events)


@few
@given(data=st.data())
async def test_an_array_is_made_of_the_events_however_they_are_framed(data: st.DataObject) -> None:
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    blocks, array = EventBlocks(), as_array(send)
    await array({"type": "http.response.start", "headers": [(b"content-type", b"text/event-stream")]})
    for piece in data.draw(oddly(CANDIDATES)):
        for part in cut(data.draw, blocks.feed(piece)):
            await array({"type": "http.response.body", "body": part, "more_body": True})
    await array({"type": "http.response.body", "body": blocks.rest(), "more_body": False})
    body = b"".join(event["body"] for event in sent[1:])
    assert json.loads(body) == [event for _, event in CANDIDATES]
