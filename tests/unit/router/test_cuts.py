"""Streams that end at the money line, in every dialect and framing: the client gets a whole answer of its API."""

import orjson
import pytest
from openai.types.responses import Response

from services.router.cuts.registry import CUTS
from services.router.cuts.wire import AwsChunks, AwsEvents, JsonArray, Sse
from tests.cut_streams import FORMS, PAID, USED, WORDS, cut_off, text_of, told, written
from tests.provider_servers import aws_event_stream


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("at_once", [1, 13, 1_000])
def test_a_stream_ends_within_what_is_paid_for_however_it_comes(form: str, at_once: int) -> None:
    events = written(form, WORDS)
    pieces = [b"".join(events[at : at + at_once]) for at in range(0, len(events), at_once)]
    out, _ = cut_off(form, pieces)
    said = text_of(form, out)
    assert "".join(WORDS).startswith(said)
    assert 50 < len(said) < 150


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("chat-to-its-end",)])
def test_one_event_with_all_the_text_is_shortened(form: str) -> None:
    out, _ = cut_off(form, [b"".join(written(form, ["".join(WORDS)]))])
    said = text_of(form, out)
    assert "".join(WORDS).startswith(said)
    assert 50 < len(said) < 150


@pytest.mark.parametrize("form", FORMS)
def test_what_is_paid_for_goes_through_byte_for_byte(form: str) -> None:
    events = written(form, WORDS)
    out, _ = cut_off(form, events)
    whole = b"".join(events)
    common = next((at for at, (one, other) in enumerate(zip(out, whole, strict=False)) if one != other), len(whole))
    assert common >= len(b"".join(events[:10]))


def test_a_message_ends_as_one_that_reached_its_maximum() -> None:
    for form in ("messages", "messages-invoked"):
        out, cut = cut_off(form, written(form, WORDS))
        last = [fields for _, fields in told(form, out)][-3:]
        assert [event["type"] for event in last] == ["content_block_stop", "message_delta", "message_stop"]
        assert last[1]["delta"]["stop_reason"] == cut.reason == "max_tokens"
        assert (last[1]["usage"]["output_tokens"], last[1]["usage"]["input_tokens"]) == (PAID, 7)


@pytest.mark.parametrize("form", ["generate", "generate-array"])
def test_an_answer_of_gemini_ends_as_one_that_reached_its_maximum(form: str) -> None:
    out, cut = cut_off(form, written(form, WORDS))
    last = orjson.loads(out)[-1] if form == "generate-array" else told(form, out)[-1][1]
    assert last["candidates"][0]["finishReason"] == cut.reason == "MAX_TOKENS"
    assert (last["usageMetadata"]["candidatesTokenCount"], last["modelVersion"]) == (PAID, "gemini-x")


def test_a_first_element_that_is_shortened_still_opens_the_array() -> None:
    out, _ = cut_off("generate-array", [written("generate-array", ["".join(WORDS)])[0]])
    assert len(orjson.loads(out)) == 2
    out, _ = cut_off("generate-array", [written("generate-array", ["".join(WORDS)])[0]], paid=0)
    assert len(orjson.loads(out)) == 1


@pytest.mark.parametrize("words", [WORDS, ["".join(WORDS)]], ids=["many pieces", "one piece"])
def test_a_response_ends_incomplete_with_all_that_was_said(words: list[str]) -> None:
    out, cut = cut_off("responses", written("responses", words))
    events = [fields for _, fields in told("responses", out)]
    assert [event["type"] for event in events][-4:] == [
        *("response.output_text.done", "response.content_part.done"),
        *("response.output_item.done", "response.incomplete"),
    ]
    response = Response.construct(**events[-1]["response"])
    assert (response.status, cut.reason) == ("incomplete", "incomplete")
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output_text == text_of("responses", out)
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))


def test_a_response_that_calls_a_function_keeps_what_there_is_of_its_arguments() -> None:
    cut = CUTS["responses"]()
    call = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    for event in (
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a":'},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "1"},
    ):
        told_ = cut.wire.read(cut.wire.write(str(event["type"]), event))
        assert told_ is not None
        cut.note(told_)
    end = cut.ending("id", "m", USED, shows_usage=True)
    ((_, done), (_, last)) = told("responses", end.events + end.closing)
    assert done["item"] == {**call, "arguments": '{"a":1', "status": "incomplete"}
    assert last["response"]["output"] == [done["item"]]


def test_converse_ends_with_the_reason_and_the_usage() -> None:
    out, cut = cut_off("converse", written("converse", WORDS))
    (stop, _), (end, ended), (meta, told_) = told("converse", out)[-3:]
    assert (stop, end, meta) == ("contentBlockStop", "messageStop", "metadata")
    assert ended["stopReason"] == cut.reason == "max_tokens"
    assert (told_["usage"]["outputTokens"], told_["usage"]["cacheReadInputTokens"]) == (PAID, 3)


def test_a_completion_ends_in_its_own_form_and_with_done() -> None:
    out, cut = cut_off("chat-to-its-end", written("chat-to-its-end", WORDS))
    assert out.endswith(b"data: [DONE]\n\n")
    *_, last, usage = [fields for _, fields in told("chat-to-its-end", out)]
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": cut.reason}]
    assert (last["object"], usage["usage"]["completion_tokens"]) == ("text_completion", PAID)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("chat", "chat-to-its-end")])
def test_a_stream_that_is_cut_before_its_first_event_is_an_answer_all_the_same(form: str) -> None:
    end = CUTS[form.partition(",")[0]]().ending("id", "m", USED, shows_usage=False)
    assert told(form, end.events + end.closing)
    if form == "generate-array":
        assert len(orjson.loads(end.events + end.closing)) == 1


@pytest.mark.parametrize("gap", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_events_are_split_byte_for_byte_whatever_ends_their_lines(gap: bytes) -> None:
    data = b'data: {"a":1}' + gap + b": hi" + gap + b"data: {"
    events, rest = Sse().split(data)
    assert (b"".join(events) + rest, rest, len(events)) == (data, b"data: {", 2)
    assert Sse().read(events[0]) == ("", {"a": 1})


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_an_arrays_elements_are_split_wherever_the_network_cuts_them(size: int) -> None:
    data = b'[{"a":"}{\\"["}\n,\r\n{"b":{"c":[{}]}}\n]'
    wire, events, rest = JsonArray(), list[bytes](), b""
    for at in range(0, len(data), size):
        found, rest = wire.split(rest + data[at : at + size])
        events += found
    assert b"".join(events) + rest == data
    read = [wire.read(event) for event in events]
    assert [each.fields for each in read if each is not None] == [{"a": '}{"['}, {"b": {"c": [{}]}}]


def test_aws_reads_what_is_written_for_it() -> None:
    event = AwsEvents().write("messageStop", {"stopReason": "max_tokens"})
    assert event == aws_event_stream.event("messageStop", b'{"stopReason":"max_tokens"}')
    assert AwsEvents().read(event) == ("messageStop", {"stopReason": "max_tokens"})
    assert AwsEvents().split(event + event[:20]) == ([event], event[:20])
    assert AwsChunks().read(event) is None
