"""What a response used, as its last event says, or as its parts were heard."""

import base64
import json
from typing import Any

import pytest

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.realtime.response_reader import ResponseReader
from shared.usage import Usage

SOUND = base64.b64encode(bytes(48 * 500)).decode()


def reader() -> ResponseReader:
    return ResponseReader("openai", input_tokens=70, spoken_bytes_per_ms=48)


def fed(*events: dict[str, Any]) -> ResponseReader:
    one = reader()
    for event in events:
        data = json.dumps(event).encode()
        assert one.feed(data) == data
    assert one.end() == b""
    return one


def done(**fields: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": "resp_1", "status": "completed", **fields}}


def test_the_providers_figures_are_taken_with_their_classes() -> None:
    usage = {
        "total_tokens": 170,
        "input_tokens": 120,
        "output_tokens": 50,
        "input_token_details": {
            "text_tokens": 40,
            "audio_tokens": 80,
            "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 64},
        },
        "output_token_details": {"text_tokens": 10, "audio_tokens": 40},
    }
    one = fed({"type": "response.created", "response": {"id": "resp_1"}}, done(usage=usage))
    assert one.usage == Usage(input=40, audio_input=16, cached_audio_input=64, output=10, audio_output=40)
    assert (one.response_id, one.finish_reason, one.done, one.failure) == ("resp_1", "stop", True, None)


def test_what_was_heard_is_counted_where_nothing_else_tells() -> None:
    one = fed(
        {"type": "response.output_audio.delta", "response_id": "resp_1", "delta": SOUND},
        {"type": "response.audio.delta", "response_id": "resp_1", "delta": SOUND},
        {"type": "response.output_audio_transcript.delta", "response_id": "resp_1", "delta": "Hello there"},
        {"type": "response.output_text.delta", "response_id": "resp_1", "delta": 5},
    )
    assert (one.text_so_far(), one.spoken_tokens) == ("Hello there", 20)
    assert one.counted() == Usage(input=70, output=2, audio_output=20)
    assert one.usage is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "incomplete", "status_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "status_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": None}, ""),
    ],
)
def test_how_it_ended_is_told_as_of_a_chat(fields: dict[str, Any], reason: str) -> None:
    assert fed(done(**fields)).finish_reason == reason


def test_a_response_that_failed_says_why() -> None:
    told = {"error": {"type": "server_error", "code": "overloaded", "message": "too many"}}
    failure = fed(done(status="failed", status_details=told)).failure
    assert failure is not None
    assert (failure.status, "too many" in failure.message) == (502, True)
    silent = fed(done(status="failed", status_details=None)).failure
    assert silent is not None
    assert "does not say why" in silent.message


def test_a_response_has_no_other_form() -> None:
    with pytest.raises(UnreadableAnswer):
        reader().whole(b"{}")
