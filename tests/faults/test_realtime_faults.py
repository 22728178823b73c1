"""Realtime sessions that are spoken, and whose processes are killed: nobody waits for ever, nothing stays taken."""

import base64
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.provider_servers.realtime import RealtimeServer
from tests.provider_servers.realtime_session import PCM_BYTES_PER_MS
from tests.running_gateway import RunningGateway

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SPEECH = base64.b64encode(b"\1" * (400 * PCM_BYTES_PER_MS)).decode()
SILENCE = base64.b64encode(bytes(400 * PCM_BYTES_PER_MS)).decode()


@pytest.fixture(scope="module")
def speaker() -> Iterator[RealtimeServer]:
    with RealtimeServer().running() as speaker:
        yield speaker


@pytest.fixture(autouse=True)
def usual(speaker: RealtimeServer) -> Iterator[None]:
    yield
    speaker.words, speaker.holds, speaker.stubborn = 5, False, False


@contextlib.contextmanager
def started(directory: Path, speaker: RealtimeServer) -> Iterator[RunningGateway]:
    spoken = {"model": "openai/gpt-realtime", "api_base": speaker.url, "api_key": speaker.key}
    scribe = {**spoken, "model": "openai/whisper-1"}
    azure = {**spoken, "model": "azure/voice", "api_base": speaker.origin, "api_version": "2025-04-01-preview"}
    azure |= {"input_cost_per_token": 4e-6, "output_cost_per_token": 16e-6}
    models = {"talk": spoken, "scribe": scribe, "talk-azure": azure}
    config = {"model_list": [{"model_name": name, "litellm_params": params} for name, params in models.items()]}
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    running = RunningGateway(directory, "--config", "config.yaml")
    try:
        running.wait_for("^Ready after")
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, speaker: RealtimeServer) -> Iterator[RunningGateway]:
    with started(tmp_path_factory.mktemp("gateway"), speaker) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: RunningGateway) -> RunningGateway:
    """Whole again, whatever was killed before."""
    until(lambda: _is_ready(running), 60)
    return running


def open_at(gateway: RunningGateway, key: str, model: str = "talk") -> ClientConnection:
    url = gateway.url.replace("http", "ws") + f"/v1/realtime?model={model}"
    return connect(url, additional_headers={"authorization": f"Bearer {key}"}, max_size=None, legacy=True)


@pytest.fixture
def opened(gateway: RunningGateway) -> Iterator[Callable[..., ClientConnection]]:
    open_ones: list[ClientConnection] = []

    def open_one(key: str, model: str = "talk") -> ClientConnection:
        open_ones.append(open_at(gateway, key, model))
        return open_ones[-1]

    yield open_one
    for one in open_ones:
        one.close()


def new_key(gateway: RunningGateway, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = gateway.ask("/key/generate", fields)
    return made


def say(to: ClientConnection, kind: str, **fields: Any) -> None:
    to.send(json.dumps({"type": kind, **fields}))


def hear(session: ClientConnection, kind: str, within_s: float = 10) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(session.recv(timeout=within_s))
        if event["type"] == kind:
            return event


def end_of(session: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """Return the errors that are heard, and how the session is closed."""
    errors = []
    while True:
        try:
            event = json.loads(session.recv(timeout=30))
        except ConnectionClosed as closed:
            return errors, closed.rcvd.code if closed.rcvd is not None else None
        if event["type"] == "error":
            errors.append(event["error"])


def until(question: Callable[[], Any], within_s: float = 30.0) -> Any:
    give_up = time.monotonic() + within_s
    while not (found := question()):
        if time.monotonic() > give_up:
            pytest.fail(f"not within {within_s:g} s")
        time.sleep(0.1)
    return found


def rows(gateway: RunningGateway, token: str, call_type: str) -> list[dict[str, Any]]:
    found = gateway.ask(f"/spend/logs?api_key={token}&summarize=false")
    return [row for row in found if row["call_type"] == call_type]


def test_a_turn_is_answered_by_a_response_that_was_admitted(
    gateway: RunningGateway, speaker: RealtimeServer, opened: Callable[[str], ClientConnection]
) -> None:
    key = new_key(gateway, max_budget=5)
    session, before = opened(key["key"]), len(speaker.events("response.create"))
    hear(session, "session.created")
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.append", audio=SILENCE)
    usage = hear(session, "response.done")["response"]["usage"]
    assert len(speaker.events("response.create")) == before + 1, "it was asked for, and not made by itself"
    (row,) = until(lambda: rows(gateway, key["token"], "_arealtime"))
    assert (row["prompt_tokens"], row["completion_tokens"]) == (usage["input_tokens"], usage["output_tokens"])
    assert row["spend"] == pytest.approx(usage["input_tokens"] * 4e-6 + 5 * 64e-6)
    detection = {"type": "server_vad", "create_response": False}
    say(session, "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    hear(session, "session.updated")
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.append", audio=SILENCE)
    hear(session, "input_audio_buffer.committed")
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.commit")
    hear(session, "input_audio_buffer.committed")
    say(session, "response.create")
    hear(session, "response.done")
    assert len(speaker.events("response.create")) == before + 2, "who wants no answers to turns gets none"


def test_a_commit_that_is_refused_takes_no_answer_from_the_next_turn(
    gateway: RunningGateway, opened: Callable[[str], ClientConnection]
) -> None:
    session = opened(new_key(gateway)["key"])
    hear(session, "session.created")
    say(session, "input_audio_buffer.commit")
    assert hear(session, "error")["error"]["code"] == "input_audio_buffer_commit_empty"
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.append", audio=SILENCE)
    assert hear(session, "response.done")["response"]["status"] == "completed"


def test_a_turn_in_the_previews_form_is_answered_by_a_response_that_was_admitted(
    gateway: RunningGateway, speaker: RealtimeServer, opened: Callable[..., ClientConnection]
) -> None:
    key = new_key(gateway, max_budget=5)
    session, before = opened(key["key"], "talk-azure"), len(speaker.events("response.create"))
    assert hear(session, "session.created")["session"]["turn_detection"]["create_response"] is True
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.append", audio=SILENCE)
    hear(session, "response.audio.delta")
    usage = hear(session, "response.done")["response"]["usage"]
    assert speaker.events("session.update")[-1]["session"]["turn_detection"]["create_response"] is False
    (asked,) = speaker.events("response.create")[before:]
    assert asked["response"]["max_response_output_tokens"] > 0, "the provider takes it, by the name it knows"
    (row,) = until(lambda: rows(gateway, key["token"], "_arealtime"))
    assert row["spend"] == pytest.approx(usage["input_tokens"] * 4e-6 + 5 * 16e-6)


def test_what_is_heard_is_transcribed_by_a_model_that_is_admitted_and_priced_by_itself(
    gateway: RunningGateway, opened: Callable[[str], ClientConnection]
) -> None:
    key = new_key(gateway, max_budget=5)
    session = opened(key["key"])
    hear(session, "session.created")
    for model in ("whisper-1", "nobody"):
        transcription = {"input": {"transcription": {"model": model}}}
        say(session, "session.update", session={"type": "realtime", "audio": transcription})
        assert "model_list" in hear(session, "error")["error"]["message"]
    heard = {"transcription": {"model": "scribe"}, "turn_detection": None}
    say(session, "session.update", session={"type": "realtime", "audio": {"input": heard}})
    shown = hear(session, "session.updated")["session"]["audio"]["input"]
    assert shown["transcription"]["model"] == "whisper-1"
    for _ in range(80):  # 32 seconds: more than one stretch
        say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.commit")
    assert hear(session, "conversation.item.input_audio_transcription.completed")["usage"]["seconds"] == 32
    session.close()
    found = until(
        lambda: [*rows(gateway, key["token"], "atranscription")][1:] and rows(gateway, key["token"], "atranscription")
    )
    assert sum(row["spend"] for row in found) == pytest.approx(32 * 0.0001)
    assert {row["model_group"] for row in found} == {"scribe"}


def test_transcription_keeps_to_the_models_and_the_budget_of_its_key(
    gateway: RunningGateway, opened: Callable[[str], ClientConnection]
) -> None:
    heard = {"transcription": {"model": "scribe"}, "turn_detection": None}
    update = {"type": "realtime", "audio": {"input": heard}}
    for fields, kind in (
        ({"models": ["talk"]}, "key_model_access_denied"),
        ({"max_budget": 0.0005}, "budget_exceeded"),
    ):
        session = opened(new_key(gateway, **fields)["key"])
        say(session, "session.update", session=update)
        say(session, "input_audio_buffer.append", audio=SPEECH)
        errors, code = end_of(session)
        assert (errors[-1]["type"], code) == (kind, 1008)


def test_a_response_that_nobody_asked_for_is_cancelled_and_charged(
    gateway: RunningGateway, speaker: RealtimeServer, opened: Callable[[str], ClientConnection]
) -> None:
    key = new_key(gateway)
    session = opened(key["key"])
    hear(session, "session.created")
    detection = {"type": "server_vad", "create_response": False}
    say(session, "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    speaker.stubborn, speaker.holds = True, True
    say(session, "input_audio_buffer.append", audio=SPEECH)
    say(session, "input_audio_buffer.append", audio=SILENCE)
    assert hear(session, "response.done")["response"]["status"] == "cancelled"
    session.close()
    (row,) = until(lambda: rows(gateway, key["token"], "realtime_session"))
    assert row["spend"] > 0


def test_a_killed_router_ends_its_sessions_and_their_slots_are_free(
    gateway: RunningGateway, speaker: RealtimeServer, opened: Callable[[str], ClientConnection]
) -> None:
    speaker.holds = True
    key = new_key(gateway, max_parallel_requests=1)
    session = opened(key["key"])
    say(session, "response.create")
    hear(session, "response.created")
    os.kill(gateway.children()["services.router"], signal.SIGKILL)
    errors, code = end_of(session)
    assert (code, errors[-1]["type"]) == (1011, "service_unavailable")
    assert "died" in errors[-1]["message"]

    def again() -> ClientConnection | None:
        try:
            return opened(key["key"])
        except InvalidStatus:
            return None

    hear(until(again, 60), "session.created")


def test_a_killed_edge_ends_its_sessions_at_the_provider_and_all_is_settled(
    gateway: RunningGateway, speaker: RealtimeServer, opened: Callable[[str], ClientConnection]
) -> None:
    speaker.holds = True
    key, closed = new_key(gateway, max_budget=5), speaker.closed
    session = opened(key["key"])
    say(session, "response.create")
    hear(session, "response.output_audio.delta")
    os.kill(gateway.children()["services.edge"], signal.SIGKILL)
    assert end_of(session)[1] is None
    until(lambda: speaker.closed > closed)
    until(lambda: _is_ready(gateway), 60)
    (row,) = until(lambda: rows(gateway, key["token"], "_arealtime"))
    assert (row["completion_tokens"], row["metadata"]["meterhouse"]["usage_source"]) == (5, "provider")
    assert until(lambda: rows(gateway, key["token"], "realtime_session"))


def test_a_gateway_that_stops_says_so(tmp_path: Path, speaker: RealtimeServer) -> None:
    with started(tmp_path, speaker) as gateway:
        session = open_at(gateway, new_key(gateway)["key"])
        hear(session, "session.created")
        gateway.process.send_signal(signal.SIGTERM)
        assert end_of(session)[1] == 1012
        assert gateway.ended() == 0
        session.close()


def _is_ready(gateway: RunningGateway) -> bool:
    try:
        return bool(gateway.ask("/health/readiness"))
    except OSError:
        return False
