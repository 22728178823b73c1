"""Realtime sessions as the official SDK has them, in front of a server that speaks OpenAI's Realtime API."""

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from services.edge.realtime.endpoint import REALTIME
from tests.provider_servers.realtime import RealtimeServer
from tests.running_gateway import RunningGateway

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""The SDK opens sockets in the way that the library's next version will not have."""

Eventually = Callable[[Callable[[], Any], float], Any]
NewKey = Callable[..., str]
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello"}]}
TEXT = {"output_modalities": ["text"]}
WORD_USD = 16e-6
"""A token of text that gpt-realtime writes, by the catalogue."""


@pytest.fixture(autouse=True)
def usual(speaker: RealtimeServer) -> Iterator[None]:
    yield
    speaker.words, speaker.holds, speaker.says_usage = 5, False, True


@pytest.fixture
def opened(gateway: RunningGateway) -> Iterator[Callable[..., ClientConnection]]:
    """Open a session without the SDK, which hides what an event looks like."""
    open_ones: list[ClientConnection] = []

    def open_one(key: str, path: str = "/v1/realtime?model=talk", **options: Any) -> ClientConnection:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        url = gateway.url.replace("http", "ws") + path
        one = connect(
            url, additional_headers={**headers, **options.pop("headers", {})}, max_size=None, legacy=True, **options
        )
        open_ones.append(one)
        return one

    yield open_one
    for one in open_ones:
        one.close()


def say(to: ClientConnection, kind: str, **fields: Any) -> None:
    to.send(json.dumps({"type": kind, **fields}))


def hear(session: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next event of that type; an error that is not asked for fails the test."""
    while True:
        event: dict[str, Any] = json.loads(session.recv(timeout=10))
        if event["type"] == kind:
            return event
        assert event["type"] != "error", event


def ask(session: ClientConnection, **terms: Any) -> dict[str, Any]:
    """Have a response made; return the event of its end."""
    say(session, "response.create", response={**TEXT, **terms})
    return hear(session, "response.done")


def closed_with(session: ClientConnection) -> int | None:
    """Hear the session to its end."""
    try:
        while True:
            session.recv(timeout=10)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None


def refused(open_one: Callable[..., ClientConnection], *arguments: Any, **options: Any) -> tuple[int, Any]:
    with pytest.raises(InvalidStatus) as refusal:
        open_one(*arguments, **options)
    answer = refusal.value.response
    return answer.status_code, json.loads(bytes(answer.body or b""))["error"]


def rows(master: httpx.Client, call_type: str, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = master.get("/spend/logs", params=query).json()
    return [row for row in found if row["call_type"] == call_type]


def token_of(master: httpx.Client, key: str) -> str:
    return str(master.get("/key/info", params={"key": key}).json()["key"])


def spent(master: httpx.Client, key: str) -> float:
    return float(master.get("/key/info", params={"key": key}).json()["info"]["spend"])


def test_a_conversation_by_the_official_sdk_is_priced_and_told_of(
    sdk_with: Callable[[str], openai.OpenAI], new_key: NewKey, master: httpx.Client, eventually: Eventually
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


def test_sound_is_priced_as_sound(
    opened: Callable[..., ClientConnection], new_key: NewKey, master: httpx.Client, eventually: Eventually
) -> None:
    key = new_key(max_budget=5)
    session = opened(key)
    usage = ask(session, output_modalities=["audio"])["response"]["usage"]
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["spend"] == pytest.approx(usage["input_tokens"] * 4e-6 + 5 * 64e-6)


@pytest.mark.parametrize("path", REALTIME.paths)
def test_every_path_of_sessions_wants_a_key_and_takes_it_in_any_form(
    opened: Callable[..., ClientConnection], gateway: RunningGateway, path: str
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
    opened: Callable[..., ClientConnection],
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
    opened: Callable[..., ClientConnection], gateway: RunningGateway, speaker: RealtimeServer
) -> None:
    session = opened(gateway.master_key, headers={"OpenAI-Beta": "realtime=v1", "cookie": "a=b"})
    hear(session, "session.created")
    headers = speaker.handshakes[-1].headers
    assert headers["authorization"] == f"Bearer {speaker.key}"
    assert headers["openai-beta"] == "realtime=v1"
    assert "cookie" not in headers
    assert gateway.master_key not in str(headers)


def test_guardrails_examine_what_is_said_before_it_leaves(
    opened: Callable[..., ClientConnection],
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
    opened: Callable[..., ClientConnection], gateway: RunningGateway
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


def test_a_message_that_is_too_large_ends_the_session(
    opened: Callable[..., ClientConnection], gateway: RunningGateway
) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    with contextlib.suppress(ConnectionClosed):  # the server reads no more of it
        say(session, "conversation.item.create", item={"type": "message", "pad": "a" * (16 * 1024 * 1024)})
    assert closed_with(session) in (1009, None)
    assert ask(opened(gateway.master_key))["response"]["status"] == "completed"


def test_a_large_message_goes_through_whole_in_both_directions(
    opened: Callable[..., ClientConnection], gateway: RunningGateway
) -> None:
    session = opened(gateway.master_key)
    hear(session, "session.created")
    for length in (600_000, 1_200_000):
        tools = [{"type": "function", "name": "f", "description": "d" * length, "parameters": {"type": "object"}}]
        say(session, "session.update", session={"type": "realtime", "tools": tools})
        assert hear(session, "session.updated")["session"]["tools"] == tools


def test_a_budget_ends_a_session_and_is_not_passed(
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    budget, speaker.words = 0.03, 150
    key = new_key(max_budget=budget)
    session = opened(key)
    hear(session, "session.created")
    made, error = 0, None
    while error is None:
        say(session, "response.create", response=TEXT)
        while True:
            event = json.loads(session.recv(timeout=10))
            if event["type"] == "error":
                error = event["error"]
            made += event["type"] == "response.done"
            if event["type"] in ("error", "response.done"):
                break
    assert (error["type"], error["code"]) == ("budget_exceeded", "budget_exceeded")
    assert closed_with(session) == 1008
    assert made > 1
    maxima = [event["response"].get("max_output_tokens") for event in speaker.events("response.create")[-made:]]
    assert all(maximum is not None for maximum in maxima)
    assert maxima[-1] < maxima[0], "the last answers were shortened to what was left"
    eventually(lambda: len(rows(master, "_arealtime", api_key=token_of(master, key), summarize="false")) > made, 5.0)
    assert 0 < spent(master, key) <= budget


def test_a_session_is_one_request_and_one_slot_however_many_responses_it_has(
    opened: Callable[..., ClientConnection], new_key: NewKey, eventually: Eventually
) -> None:
    key = new_key(max_parallel_requests=1, rpm_limit=2)
    session = opened(key)
    for _ in range(4):
        assert ask(session)["response"]["status"] == "completed"
    assert refused(opened, key)[0] == 429
    session.close()

    def again() -> ClientConnection | None:
        try:
            return opened(key)
        except InvalidStatus:
            return None

    second = eventually(again, 5.0)
    ask(second)
    second.close()
    assert refused(opened, key)[0] == 429, "two in a minute are all"


def test_tokens_are_limited_and_a_refused_response_leaves_the_session_open(
    opened: Callable[..., ClientConnection], new_key: NewKey, speaker: RealtimeServer
) -> None:
    speaker.words = 100
    key = new_key(tpm_limit=1_000)
    session = opened(key)
    hear(session, "session.created")
    assert ask(session, max_output_tokens=200)["response"]["status"] == "completed"
    say(session, "response.create", response={**TEXT, "max_output_tokens": 700}, event_id="too-much")
    error = hear_error(session)
    assert (error["type"], error["event_id"]) == ("throttling_error", "too-much")
    assert ask(session, max_output_tokens=1)["response"]["status"] == "incomplete"


def hear_error(session: ClientConnection) -> dict[str, Any]:
    while True:
        event = json.loads(session.recv(timeout=10))
        if event["type"] == "error":
            error: dict[str, Any] = event["error"]
            return error


def test_a_client_that_leaves_in_the_middle_of_a_response_pays_for_what_was_made(
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key, ended = new_key(max_budget=5), speaker.closed
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.output_text.delta")
    session.close()
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 10.0)
    assert (row["completion_tokens"], row["metadata"]["meterhouse"]["usage_source"]) == (5, "provider")
    assert speaker.events("response.cancel")
    eventually(lambda: speaker.closed > ended, 5.0)
    (whole,) = eventually(lambda: rows(master, REALTIME.call_type, api_key=token_of(master, key)), 5.0)
    assert whole["spend"] == 0


def test_a_response_whose_usage_nobody_tells_is_counted(
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.says_usage = False
    key = new_key(max_budget=5)
    session = opened(key)
    ask(session)
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["metadata"]["meterhouse"]["usage_source"] == "counted"
    assert row["completion_tokens"] >= 5
    assert row["prompt_tokens"] >= 10, "what it can have read at most"


def test_a_provider_that_breaks_off_is_told_and_the_response_is_charged_for_what_was_heard(
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key = new_key(max_budget=5)
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.output_text.delta")
    speaker.break_off()
    assert "broke off" in hear_error(session)["message"]
    assert closed_with(session) == 1011
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 10.0)
    assert (row["status"], row["completion_tokens"] > 0) == ("failure", True)


def test_a_response_that_the_provider_refuses_costs_nothing(
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    speaker: RealtimeServer,
    eventually: Eventually,
) -> None:
    speaker.holds = True
    key = new_key(max_budget=5)
    session = opened(key)
    say(session, "response.create", response=TEXT)
    hear(session, "response.created")
    say(session, "response.create", response=TEXT, event_id="second")
    error = hear_error(session)
    assert (error["event_id"], "active response" in error["message"]) == ("second", True)
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert (row["status"], row["spend"]) == ("failure", 0)
    say(session, "response.cancel")
    assert hear(session, "response.done")["response"]["status"] == "cancelled"


def test_a_key_that_is_blocked_makes_no_further_response(
    opened: Callable[..., ClientConnection], new_key: NewKey, master: httpx.Client
) -> None:
    key = new_key()
    session = opened(key)
    ask(session)
    assert master.post("/key/block", json={"key": key}).status_code == 200
    time.sleep(0.5)
    say(session, "response.create", response=TEXT)
    assert "blocked" in hear_error(session)["message"]
    assert closed_with(session) == 1008


def test_azures_client_opens_sessions_too(gateway: RunningGateway) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        api_key=gateway.master_key,
        api_version="2025-04-01-preview",
        websocket_base_url=gateway.url.replace("http", "ws") + "/openai",
    )
    with client, client.realtime.connect(model="talk") as session:
        assert session.recv().type == "session.created"


def test_a_browser_opens_sessions_with_a_secret_that_its_server_asked_for(
    sdk_with: Callable[[str], openai.OpenAI],
    opened: Callable[..., ClientConnection],
    new_key: NewKey,
    master: httpx.Client,
    eventually: Eventually,
) -> None:
    key = new_key(max_budget=5, models=["talk"])
    session_fields: Any = {"type": "realtime", "model": "talk", "instructions": "Be brief.", **TEXT}
    made = sdk_with(key).realtime.client_secrets.create(
        session=session_fields, expires_after={"anchor": "created_at", "seconds": 60}
    )
    assert (made.value[:3], made.session.type) == ("ek_", "realtime")
    assert 0 < made.expires_at - time.time() <= 60
    session = opened("", "/v1/realtime", subprotocols=["realtime", f"openai-insecure-api-key.{made.value}"])
    assert hear(session, "session.updated")["session"]["instructions"] == "Be brief."
    say(session, "response.create")
    hear(session, "response.output_text.delta")
    hear(session, "response.done")
    (row,) = eventually(lambda: rows(master, "_arealtime", api_key=token_of(master, key)), 5.0)
    assert row["spend"] > 0, "it is counted to the key"
    status, error = refused(opened, made.value, "/v1/realtime?model=demo")
    assert (status, error["param"]) == (400, "model")
    for path in ("/v1/models", "/key/info"):
        assert (
            httpx.get(str(master.base_url) + path, headers={"authorization": f"Bearer {made.value}"}).status_code == 401
        )
    assert master.post("/key/block", json={"key": key}).status_code == 200
    assert eventually(lambda: refused(opened, made.value, "/v1/realtime")[0] == 401, 5.0)


def test_openais_first_form_of_a_secret_is_made_too(
    master: httpx.Client, opened: Callable[..., ClientConnection]
) -> None:
    made = master.post("/v1/realtime/sessions", json={"model": "talk", "modalities": ["text"]}).json()
    assert made["object"] == "realtime.session"
    session = opened(made["client_secret"]["value"], "/v1/realtime?model=talk")
    assert hear(session, "session.updated")["session"]["modalities"] == ["text"]


def test_a_secret_is_refused_for_what_its_key_may_not_open(master: httpx.Client, new_key: NewKey) -> None:
    elsewhere = {"authorization": f"Bearer {new_key(models=['demo'])}"}
    asked: list[tuple[dict[str, Any], dict[str, str] | None, int, str]] = [
        ({"session": {"type": "realtime", "model": "talk"}}, elsewhere, 403, "talk"),
        ({"session": {"type": "realtime", "model": "nobody"}}, None, 400, "Invalid model name"),
        ({"session": {"type": "realtime"}}, None, 400, "session.model"),
        ({"session": {"type": "transcription"}}, None, 400, "realtime"),
        ({"session": 5}, None, 400, "cannot be read"),
        ({"session": {"model": "talk"}, "expires_after": {"seconds": 5}}, None, 400, "10 to 7200"),
        ({"session": {"model": "talk", "instructions": "i" * 5_000}}, None, 400, "4000 bytes"),
    ]
    for body, headers, status, told in asked:
        answer = master.post("/v1/realtime/client_secrets", json=body, headers=headers)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert httpx.post(f"{master.base_url}/v1/realtime/client_secrets", json={}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/v1/realtime/calls", "/realtime/transcription_sessions", "/openai/v1/realtime/calls/rtc_1/accept"]
)
def test_what_would_go_past_the_gateway_is_refused(master: httpx.Client, path: str) -> None:
    answer = master.post(path, content="v=0", headers={"content-type": "application/sdp"})
    assert (answer.status_code, "past the gateway" in answer.json()["error"]["message"]) == (400, True)


def test_a_plain_request_is_told_that_a_session_is_a_websocket(master: httpx.Client) -> None:
    answer = master.get("/v1/realtime", params={"model": "talk"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "upgrade")
    assert "WebSocket" in answer.json()["error"]["message"]
