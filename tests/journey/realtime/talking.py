"""What tests of realtime sessions say and hear, and what they ask of the books."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

Open = Callable[..., ClientConnection]
Eventually = Callable[[Callable[[], Any], float], Any]
NewKey = Callable[..., str]
SdkWith = Callable[[str], openai.OpenAI]
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hello"}]}
TEXT = {"output_modalities": ["text"]}
WORD_USD = 16e-6
"""A token of text that gpt-realtime writes, by the catalogue."""


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


def hear_error(session: ClientConnection) -> dict[str, Any]:
    while True:
        event = json.loads(session.recv(timeout=10))
        if event["type"] == "error":
            error: dict[str, Any] = event["error"]
            return error
