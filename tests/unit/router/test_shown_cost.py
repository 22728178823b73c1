import orjson
import pytest

from services.router.streaming.shown_cost import CostTap, cost_event, cost_text, events_with_cost, with_cost
from shared.usage import Usage

USED = Usage(input=10, output=5)


def event(data: dict[str, object], name: str = "") -> bytes:
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + orjson.dumps(data) + b"\n\n"


def chat(**fields: object) -> bytes:
    return event({"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}], **fields})


def through(tap: CostTap, *pieces: bytes) -> bytes:
    return b"".join([tap.through(piece) for piece in pieces])


@pytest.mark.parametrize(
    ("pico", "text"), [(0, b"0"), (1, b"0.000000000001"), (1_265_000_000, b"0.001265"), (None, b"null")]
)
def test_a_cost_is_written_exactly(pico: int | None, text: bytes) -> None:
    assert cost_text(pico) == text


def test_the_cost_stands_beside_what_the_provider_said_and_nothing_else_changes() -> None:
    body = b'{"id":"c","n":1.50,"usage":{"prompt_tokens":10,"details":{"a": 1}},"choices":[]}'
    shown = with_cost(body, b"0.001265", call_type="acompletion", usage=USED)
    assert shown == (
        b'{"id":"c","n":1.50,"usage":{"prompt_tokens":10,"details":{"a": 1},"cost":0.001265},"choices":[]}'
    )


def test_a_providers_own_cost_gives_way_to_what_is_charged() -> None:
    shown = with_cost(b'{"usage":{"cost":0.5}}', b"0.6", call_type="acompletion", usage=USED)
    assert orjson.loads(shown) == {"usage": {"cost": 0.6}}


@pytest.mark.parametrize("usage", [b"", b',"usage":null'])
def test_a_chat_without_usage_gets_the_counted_one(usage: bytes) -> None:
    shown = with_cost(b'{"id":"c"' + usage + b"}", b"0.1", call_type="acompletion", usage=USED)
    counted = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1}
    assert orjson.loads(shown) == {"id": "c", "usage": counted}


@pytest.mark.parametrize("body", [b'{"results": []}', b"RIFF....", b"[1]"])
def test_an_answer_that_has_no_place_for_it_stays_as_it_is(body: bytes) -> None:
    assert with_cost(body, b"0.1", call_type="amoderation", usage=USED) == body


def test_a_stream_waits_with_its_usage_alone() -> None:
    tap = CostTap("acompletion")
    usage = event({"id": "c", "choices": [], "usage": {"prompt_tokens": 10}})
    assert through(tap, chat(), chat(usage=None) + usage) == chat() + chat(usage=None)
    assert events_with_cost(tap.held, b"0.1") == usage.replace(b":10}", b':10,"cost":0.1}')


def test_of_usage_in_every_chunk_only_the_last_waits() -> None:
    tap = CostTap("acompletion")
    chunks = [chat(usage={"completion_tokens": count}) for count in range(3)]
    comment = b": still here\n\n"
    assert through(tap, *chunks, comment) == chunks[0] + chunks[1]
    assert tap.held == chunks[2] + comment


def test_a_text_about_usage_is_not_held_back() -> None:
    tap = CostTap("acompletion")
    said = event({"choices": [{"delta": {"content": '{"usage": {"cost": 1}}'}}]})
    assert through(tap, said) == said
    assert tap.held == b""


def test_a_messages_beginning_tells_usage_too_and_is_not_held_back() -> None:
    tap = CostTap("anthropic_messages")
    start = event({"type": "message_start", "message": {"usage": {"input_tokens": 10}}}, "message_start")
    delta = event({"type": "message_delta", "usage": {"output_tokens": 5}}, "message_delta")
    assert through(tap, start + delta) == start
    assert b'"usage":{"output_tokens":5,"cost":0.1}' in events_with_cost(tap.held, b"0.1")
    assert events_with_cost(tap.held, b"0.1").startswith(b"event: message_delta\ndata: ")


def test_a_responses_last_event_has_it_within_the_response() -> None:
    last = event({"type": "response.completed", "response": {"id": "r", "usage": {"input_tokens": 1}}}, "e")
    assert b'"usage":{"input_tokens":1,"cost":null}' in events_with_cost(last, b"null")


def test_events_without_usage_stay_byte_for_byte() -> None:
    events = b'data: {"used":{}}\r\n\r\n'
    assert events_with_cost(events, b"0.1") == events


def test_a_stream_without_usage_gets_an_event_for_it() -> None:
    told = cost_event("c1", "m", call_type="atext_completion", created=7, usage=USED, cost=b"0.1")
    assert orjson.loads(told[6:]) == {
        "id": "c1",
        "object": "text_completion",
        "created": 7,
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1},
    }
    assert cost_event("c1", "m", call_type="aspeech", created=7, usage=USED, cost=b"0.1") == b""


def candidates(text: str, finish: str = "", end: bytes = b"\n\n") -> bytes:
    """An event of Google's: each tells the usage so far."""
    candidate = {"content": {"parts": [{"text": text}]}, **({"finishReason": finish} if finish else {})}
    told = {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 5}}
    return b"data: " + orjson.dumps(told) + end


def test_of_googles_events_only_the_one_that_finishes_waits() -> None:
    tap = CostTap("agenerate_content")
    assert through(tap, candidates("a") + candidates("b"), candidates("c")) == b"".join(map(candidates, "abc"))
    assert through(tap, candidates("d") + candidates("", "STOP")) == candidates("d")
    closed = events_with_cost(tap.held, b"0.1")
    assert closed == candidates("", "STOP").replace(b"5}", b'5,"cost":0.1}')


def test_a_prompt_that_google_blocks_tells_its_cost_too() -> None:
    tap = CostTap("agenerate_content")
    blocked = event({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}})
    assert through(tap, blocked) == b""
    assert events_with_cost(tap.held, b"0.1") == blocked.replace(b"3}", b'3,"cost":0.1}')


def test_lines_end_as_they_ended() -> None:
    """Google's do with CR LF."""
    events = candidates("a", end=b"\r\n\r\n") + candidates("", "STOP", end=b"\r\n\r\n")
    assert events_with_cost(events, b"0.1") == events.replace(b"5}", b'5,"cost":0.1}')


def test_an_answer_of_googles_tells_it_in_its_own_usage() -> None:
    shown = with_cost(b'{"usageMetadata":{"totalTokenCount":5}}', b"0.1", call_type="agenerate_content", usage=USED)
    assert orjson.loads(shown) == {"usageMetadata": {"totalTokenCount": 5, "cost": 0.1}}
