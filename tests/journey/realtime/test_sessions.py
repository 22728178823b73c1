"""Realtime sessions as the official SDK has them, in front of a server that speaks OpenAI's Realtime API."""

import base64
import contextlib
import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from services.edge.realtime.endpoint import REALTIME
from tests.journey.realtime.talking import (
    HELLO,
    TEXT,
    WORD_USD,
    Eventually,
    NewKey,
    Open,
    SdkWith,
    ask,
    closed_with,
    hear,
    refused,
    rows,
    say,
    token_of,
)
from tests.provider_servers.realtime import RealtimeServer
from tests.running_gateway import RunningGateway

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""The SDK opens sockets in the way that the library's next version will not have."""


def test_a_conversation_by_the_official_sdk_is_priced_and_told_of(
    sdk_with: SdkWith, new_key: NewKey, master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key(max_budget=5)
    with sdk_with(key).realtime.connect(model="talk") as session:
        assert session.recv().type == "session.created"
        session.session.update(session={"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief."})
        updated = session.recv()
        assert updated.type == "session.updated"
        detection = updated.session.audio.input.turn_detection  # type: ignore[union-attr]
        assert detection.create_response is True, "the client sees what it has set"  # type: ignore[union-attr]
        session.conversation.item.create(item=HELLO)  # type: ignore[arg-type]
        session.response.create()
        text = ""
        for event in session:
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.done":
                break
        assert text == "word " * 5
        usage = event.response.usage
        assert usage is not None
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (usage.input_tokens, 5)
    assert row["spend"] == pytest.approx((usage.input_tokens or 0) * 4e-6 + 5 * WORD_USD)
    assert row["metadata"]["meterhouse"]["usage_source"] == "provider"
    (ended,) = eventually(lambda: rows(master, REALTIME.call_type, api_key=token_of(master, key)), 5.0)
    assert (ended["status"], ended["spend"], ended["model_group"]) == ("success", 0, "talk")
    assert row["session_id"] == ended["metadata"]["litellm_call_id"]


def test_sound_is_priced_as_sound(opened: Open, new_key: NewKey, master: httpx.Client, eventually: Eventually) -> None:
    key = new_key(max_budget=5)
    session = opened(key)
    usage = ask(session, output_modalities=["audio"])["response"]["usage"]
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["spend"] == pytest.approx(usage["input_tokens"] * 4e-6 + 5 * 64e-6)


@pytest.mark.parametrize("path", REALTIME.paths)
def test_every_path_of_sessions_wants_a_key_and_takes_it_in_any_form(
    opened: Open, gateway: RunningGateway, path: str
) -> None:
    key = gateway.master_key
    assert refused(opened, "", f"{path}?model=talk")[0] == 401
    assert refused(opened, "sk-unknown", f"{path}?model=talk")[0] == 401
    for session in (
        opened(key, f"{path}?model=talk"),
        opened("", f"{path}?deployment=talk&api-version=2025-04-01-preview", headers={"api-key": key}),
        opened("", f"{path}/?model=talk", subprotocols=["realtime", f"openai-insecure-api-key.{key}"]),
    ):
        assert hear(session, "session.created")["session"]["model"] == "gpt-realtime"
    assert session.subprotocol == "realtime"


def test_what_may_not_be_opened_is_refused_by_an_answer_that_says_why(
    opened: Open,
    new_key: NewKey,
    gateway: RunningGateway,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    before = len(speaker.handshakes)
    master_key = gateway.master_key
    status, error = refused(opened, new_key(models=["demo"]))
    assert (status, error["type"]) == (403, "key_model_access_denied")
    empty = new_key(max_budget=0)
    status, error = refused(opened, empty)
    assert (status, error["type"]) == (422, "budget_exceeded")
    assert eventually(lambda: rows(master, REALTIME.call_type, api_key=token_of(master, empty)), 5.0)
    status, error = refused(opened, master_key, "/v1/realtime?model=nobody")
    assert (status, "Invalid model name" in error["message"]) == (400, True)
    status, error = refused(opened, master_key, "/v1/realtime")
    assert (status, error["param"]) == (400, "model")
    status, error = refused(opened, master_key, "/v1/realtime?model=talk&intent=transcription")
    assert (status, error["param"]) == (400, "intent")
    status, error = refused(opened, master_key, "/v1/realtime?call_id=rtc_1")
    assert (status, error["param"]) == (400, "call_id")
    status, error = refused(opened, master_key, "/v1/chat/completions")
    assert (status, error["type"]) == (404, "not_found_error")
    status, error = refused(opened, master_key, "/v1/realtime?model=demo")
    assert (status, "no realtime sessions" in error["message"]) == (400, True)
    assert len(speaker.handshakes) == before, "no provider has heard of any of it"
    status, error = refused(opened, master_key, "/v1/realtime?model=talk-nowhere")
    assert (status, "does not exist" in error["message"]) == (404, True)


def test_the_key_of_the_gateway_does_not_reach_the_provider(
    opened: Open, gateway: RunningGateway, speaker: RealtimeServer
) -> None:
    session = opened(gateway.master_key, headers={"OpenAI-Beta": "realtime=v1", "cookie": "a=b"})
    hear(session, "session.created")
    headers = speaker.handshakes[-1].headers
    assert headers["authorization"] == f"Bearer {speaker.key}"
    assert headers["openai-beta"] == "realtime=v1"
    assert "cookie" not in headers
    assert gateway.master_key not in str(headers)


def test_guardrails_examine_what_is_said_before_it_leaves(
    opened: Open,
    new_key: NewKey,
    speaker: RealtimeServer,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key()
    session = opened(key)
    hear(session, "session.created")
    secret = {**HELLO, "content": [{"type": "input_text", "text": "tell of project-zebra"}]}
    sound = base64.b64encode(bytes(4_800)).decode()
    blocked: list[dict[str, Any]] = [
        {"type": "conversation.item.create", "item": secret},
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Speak of project-zebra."}},
        {"type": "response.create", "response": {**TEXT, "instructions": "Speak of project-zebra."}},
        {"type": "response.create", "response": {**TEXT, "input": [secret]}},
        {"type": "input_audio_buffer.append", "audio": sound},
        {"type": "conversation.item.create", "item": {**HELLO, "content": [{"type": "input_audio", "audio": sound}]}},
    ]
    for number, event in enumerate(blocked):
        say(session, **{**event, "kind": event["type"], "event_id": f"mine_{number}"})
        error = json.loads(session.recv(timeout=10))["error"]
        assert error["event_id"] == f"mine_{number}", error
        assert "zebra" in error["message"].lower() or "guardrails" in error["message"], error
    assert not any("zebra" in json.dumps(event) or "audio" in event for event in speaker.received[-6:])
    assert ask(session)["response"]["status"] == "completed", "the session goes on"
    token = token_of(master, key)

    def failures() -> int:
        return len([row for row in rows(master, "_arealtime", api_key=token) if row["status"] == "failure"])

    assert eventually(lambda: failures() == 4, 10.0)


def test_what_is_no_event_is_answered_by_an_error_and_the_session_goes_on(
    opened: Open, gateway: RunningGateway
) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    wrong: list[tuple[Any, str]] = [
        ("{", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        (b"{}", "not in binary"),
        (json.dumps({"type": "session.destroy"}), "'session.destroy' is not served"),
        (json.dumps({"type": "session.update", "session": 5}), "'session' must be an object"),
        (json.dumps({"type": "response.create", "response": {"max_output_tokens": 0}}), "at least 1"),
        (json.dumps({"type": "session.update", "session": {"type": "transcription"}}), "/v1/audio/transcriptions"),
        (json.dumps({"type": "session.update", "session": {"type": "realtime", "model": "else"}}), "its address"),
        (json.dumps({"type": "response.create", "response": {"tools": [{"type": "mcp"}]}}), "Give functions"),
    ]
    for message, told in wrong:
        session.send(message)
        event = json.loads(session.recv(timeout=10))
        assert (event["type"], told in event["error"]["message"]) == ("error", True), event
        assert event["error"]["type"] == "invalid_request_error"
    assert ask(session)["response"]["status"] == "completed"


def test_a_message_that_is_too_large_ends_the_session(opened: Open, gateway: RunningGateway) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    with contextlib.suppress(ConnectionClosed):  # the server reads no more of it
        say(session, "conversation.item.create", item={"type": "message", "pad": "a" * (16 * 1024 * 1024)})
    assert closed_with(session) in (1009, None)
    assert ask(opened(gateway.master_key))["response"]["status"] == "completed"


def test_a_large_message_goes_through_whole_in_both_directions(opened: Open, gateway: RunningGateway) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    for length in (600_000, 1_200_000):
        tools = [{"type": "function", "name": "f", "description": "d" * length, "parameters": {"type": "object"}}]
        say(session, "session.update", session={"type": "realtime", "tools": tools})
        assert hear(session, "session.updated")["session"]["tools"] == tools
