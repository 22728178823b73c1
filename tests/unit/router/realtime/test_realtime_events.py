"""What goes on of a client's events, and what is refused."""

import json
from typing import Any

import pytest

from services.router.realtime.client_events import (
    Allowed,
    BadEvent,
    Event,
    check_terms,
    fields_of,
    has_sound,
    part_of,
    read_event,
    session_update,
    wished_tokens,
)
from services.router.realtime.server_events import read_server_event, session_in, with_session
from services.router.realtime.turns import as_asked, first_update

UPDATE = Event("session.update", "mine")
ALLOWED = Allowed("talk", held=True)


def updated(session: dict[str, Any], allowed: Allowed = ALLOWED) -> tuple[dict[str, Any], bool | None]:
    update = session_update(session, UPDATE, allowed)
    return update.session, update.answers_turns


def transcribed(session: dict[str, Any], *, held: bool = False) -> tuple[dict[str, Any] | None, bool]:
    update = session_update(session, UPDATE, Allowed("talk", held=held))
    return update.transcription, update.sets_transcription


def test_what_a_client_sets_of_transcription_is_told_in_either_form_of_a_session() -> None:
    wanted = {"model": "scribe", "language": "de"}
    assert transcribed({"audio": {"input": {"transcription": wanted}}}) == (wanted, True)
    assert transcribed({"input_audio_transcription": wanted}) == (wanted, True)
    assert transcribed({"audio": {"input": {"transcription": None}}}) == (None, True)
    assert transcribed({"audio": {"input": {}}, "instructions": "a"}) == (None, False)
    update = session_update({"input_audio_transcription": wanted}, UPDATE, ALLOWED)
    assert update.transcription is not None
    update.transcription["model"] = "whisper-1"
    assert update.session["input_audio_transcription"]["model"] == "whisper-1"
    assert wanted["model"] == "scribe", "the client's own event is not changed"


@pytest.mark.parametrize("wanted", [5, {}, {"model": 5}, {"model": "scribe", "prompt": "names"}])
def test_a_transcription_that_cannot_be_metered_is_refused(wanted: Any) -> None:
    with pytest.raises(BadEvent):
        transcribed({"audio": {"input": {"transcription": wanted}}}, held=True)


def test_the_length_of_sound_is_read_without_building_the_event() -> None:
    event = read_event(b'{"type": "input_audio_buffer.append", "event_id": "a", "audio": "AAAA"}')
    assert (event.type, event.event_id, len(bytes(memoryview(event.audio)))) == ("input_audio_buffer.append", "a", 6)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"5", b'{"type": 5}', b'{"type": "x"}', b"{}", b"\xff"])
def test_what_is_no_known_event_is_refused(data: bytes) -> None:
    with pytest.raises(BadEvent):
        read_event(data)


def test_a_refusal_names_the_clients_event() -> None:
    with pytest.raises(BadEvent) as refused:
        read_event(b'{"type": "transcription_session.update", "event_id": "mine"}')
    assert (refused.value.event_id, refused.value.param) == ("mine", "type")


def test_what_is_not_json_for_everybody_is_refused() -> None:
    data = b'{"type": "session.update", "event_id": "mine", "session": {"instructions": NaN}}'
    with pytest.raises(BadEvent):
        fields_of(data, UPDATE)


def test_the_part_that_an_event_is_about_must_be_an_object() -> None:
    assert part_of({}, "response", UPDATE, needed=False) == {}
    with pytest.raises(BadEvent) as refused:
        part_of({"session": []}, "session", UPDATE)
    assert (refused.value.param, refused.value.event_id) == ("session", "mine")


def test_the_provider_is_told_to_answer_no_turn_in_either_form_of_a_session() -> None:
    detection = {"type": "semantic_vad", "eagerness": "low"}
    held = {**detection, "create_response": False}
    present = {"type": "realtime", "audio": {"input": {"turn_detection": detection}, "output": {"voice": "cedar"}}}
    assert updated(present) == (
        {"type": "realtime", "audio": {"input": {"turn_detection": held}, "output": {"voice": "cedar"}}},
        True,
    )
    assert updated({"turn_detection": detection}) == ({"turn_detection": held}, True)
    assert updated({"turn_detection": {**detection, "create_response": False}}) == ({"turn_detection": held}, False)
    assert updated({"turn_detection": None}) == ({"turn_detection": None}, False)
    assert updated({"instructions": "Be brief."}) == ({"instructions": "Be brief."}, None)


def test_the_clients_own_event_is_not_changed_by_that() -> None:
    session: dict[str, Any] = {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
    before = json.dumps(session)
    updated(session)
    assert json.dumps(session) == before


def test_a_session_keeps_its_model() -> None:
    assert updated({"model": "talk", "voice": "cedar"}) == ({"voice": "cedar"}, None)
    with pytest.raises(BadEvent):
        updated({"model": "gpt-realtime"})


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"type": "transcription"}, "session.type"),
        (
            {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000}},
            "session.turn_detection.idle_timeout_ms",
        ),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "session.tools"),
        ({"prompt": {"id": "pmpt_1"}}, "session.prompt"),
    ],
)
def test_what_cannot_be_metered_is_refused(session: dict[str, Any], param: str) -> None:
    with pytest.raises(BadEvent) as refused:
        updated(session)
    assert (refused.value.param, refused.value.event_id) == (param, "mine")


def test_a_prompt_of_the_provider_is_taken_where_no_budget_has_to_bound_it() -> None:
    check_terms({"prompt": {"id": "pmpt_1"}}, "response", UPDATE, Allowed("talk", held=False))
    updated({"prompt": None, "audio": {"input": {"transcription": None}}})


@pytest.mark.parametrize(
    ("terms", "wished"),
    [
        ({}, None),
        ({"max_output_tokens": "inf"}, None),
        ({"max_output_tokens": None}, None),
        ({"max_output_tokens": 7}, 7),
        ({"max_response_output_tokens": 8}, 8),
    ],
)
def test_the_maximum_of_a_response_has_two_names(terms: dict[str, Any], wished: int | None) -> None:
    assert wished_tokens(terms, UPDATE) == wished


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True, 2**31, []])
def test_a_maximum_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(BadEvent):
        wished_tokens({"max_output_tokens": value}, UPDATE)


def test_sound_is_found_in_an_item() -> None:
    assert has_sound({"content": [{"type": "input_text"}, {"type": "input_audio", "audio": "AAAA"}]})
    assert not has_sound({"content": "text"})
    assert not has_sound({"content": [{"type": "input_text", "text": "a"}]})


def test_a_new_session_is_told_first_to_answer_no_turn() -> None:
    detection = {"type": "server_vad", "threshold": 0.5, "create_response": True, "idle_timeout_ms": None}
    held = {"type": "server_vad", "threshold": 0.5, "create_response": False}
    audio = {"input": {"turn_detection": detection, "format": {"type": "audio/pcm"}}}
    assert first_update({"audio": audio}) == {"type": "realtime", "audio": {"input": {"turn_detection": held}}}
    assert first_update({"turn_detection": detection}) == {"turn_detection": held}
    assert first_update({"turn_detection": None}) is None
    assert first_update({"audio": {"input": {"turn_detection": None}}}) is None
    assert first_update({}) is None


def test_the_client_sees_its_session_as_it_has_set_it() -> None:
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}, "id": "s"}
    shown = as_asked(session, True)
    assert shown["audio"]["input"]["turn_detection"]["create_response"] is True
    assert shown["id"] == "s"
    assert as_asked({"turn_detection": None}, True) == {"turn_detection": None}
    told = json.dumps({"type": "session.updated", "event_id": "e", "session": session}).encode()
    assert session_in(told) == session
    assert json.loads(with_session(told, {"id": "t"})) == {
        "type": "session.updated",
        "event_id": "e",
        "session": {"id": "t"},
    }


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type": 5}', b"\xff"])
def test_what_a_provider_says_that_is_no_event_is_none(data: bytes) -> None:
    assert read_server_event(data) is None


def test_milliseconds_may_be_written_as_any_number() -> None:
    event = read_server_event(b'{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1200.5}')
    assert event is not None
    assert event.audio_end_ms == 1200.5


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"session": 5}'])
def test_a_session_that_is_not_told_is_empty(data: bytes) -> None:
    assert session_in(data) == {}
