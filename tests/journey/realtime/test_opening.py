"""Secrets that open realtime sessions, and the requests beside them that open none."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.journey.realtime.talking import (
    TEXT,
    Eventually,
    NewKey,
    Open,
    SdkWith,
    hear,
    refused,
    rows,
    say,
    token_of,
)
from tests.running_gateway import RunningGateway

pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
"""The SDK opens sockets in the way that the library's next version will not have."""


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
    sdk_with: SdkWith,
    opened: Open,
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


def test_openais_first_form_of_a_secret_is_made_too(master: httpx.Client, opened: Open) -> None:
    made = master.post("/v1/realtime/sessions", json={"model": "talk", "modalities": ["text"]}).json()
    assert made["object"] == "realtime.session"
    session = opened(made["client_secret"]["value"], "/v1/realtime?model=talk")
    assert hear(session, "session.updated")["session"]["modalities"] == ["text"]
    endless = master.post("/v1/realtime/sessions", content=b'{"model":"talk","temperature":1e999}')
    assert (endless.status_code, "Number out of range" in endless.text) == (400, True)


def test_a_secret_is_refused_for_what_its_key_may_not_open(master: httpx.Client, new_key: NewKey) -> None:
    elsewhere = {"authorization": f"Bearer {new_key(models=['demo'])}"}
    asked: list[tuple[dict[str, Any], dict[str, str] | None, int, str]] = [
        ({"session": {"type": "realtime", "model": "talk"}}, elsewhere, 403, "talk"),
        ({"session": {"type": "realtime", "model": "nobody"}}, None, 400, "Invalid model name"),
        ({"session": {"type": "realtime"}}, None, 400, "session.model"),
        ({"session": {"type": "transcription"}}, None, 400, "realtime"),
        ({"session": 5}, None, 400, "'session': Expected `object | null`, got `int`"),
        ({"session": {"model": "talk"}, "expires_after": {"seconds": 5}}, None, 400, "10 to 7200"),
        ({"session": {"model": "talk", "instructions": "i" * 5_000}}, None, 400, "4000 bytes"),
    ]
    for body, headers, status, told in asked:
        answer = master.post("/v1/realtime/client_secrets", json=body, headers=headers)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert httpx.post(f"{master.base_url}/v1/realtime/client_secrets", json={}).status_code == 401


@pytest.mark.parametrize("path", ["/v1/realtime/client_secrets", "/realtime/sessions"])
def test_a_body_that_is_too_large_is_refused_with_its_length_and_without(master: httpx.Client, path: str) -> None:
    in_parts: Iterator[bytes] = iter([b" " * 65_536] * 2)  # and no content-length
    for body in (b" " * 65_537, in_parts):
        answer = master.post(path, content=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (413, "request_too_large")
        assert answer.json()["error"]["message"] == "The request's body is larger than 64 KB. Send less"


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
