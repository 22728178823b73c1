"""A client that leaves while its request waits in line: a real HTTP client that closes its connection."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import RecordingProvider
from tests.running_gateway import RunningGateway

SLOW = {"delay_ms": 0, "chunk_delay_ms": 400, "text": "one " * 20}
Eventually = Callable[[Callable[[], Any], float], Any]
Told = Callable[..., float]


@pytest.fixture
def told(master: httpx.Client) -> Told:
    """Return the sum of a metric's samples with these labels."""

    def read(name: str, *labels: str) -> float:
        lines = master.get("/metrics/").text.splitlines()
        found = [line for line in lines if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(line.split()[-1]) for line in found)

    return read


def asking(gateway: RunningGateway, key: str, model: str, text: str) -> socket.socket:
    """Send a request; return the connection on which its answer would come."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]})
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall((head + body).encode())
    return connection


@contextlib.contextmanager
def busy(client: openai.OpenAI, model: str = "demo") -> Iterator[Any]:
    """A stream of some eight seconds."""
    messages: Any = [{"role": "user", "content": "hello"}]
    with client.chat.completions.create(
        model=model, messages=messages, stream=True, extra_body={"simulated": SLOW}
    ) as stream:
        next(iter(stream))
        yield stream


def test_who_leaves_the_line_of_a_limit_is_not_served_and_who_is_behind_is(
    gateway: RunningGateway,
    provider: RecordingProvider,
    new_key: Callable[..., str],
    sdk_with: Callable[[str], openai.OpenAI],
    eventually: Eventually,
    told: Told,
) -> None:
    key = new_key(max_parallel_requests=1, max_wait_s=60)
    client = sdk_with(key)

    def ask() -> Any:
        messages: Any = [{"role": "user", "content": "patient"}]
        return client.chat.completions.create(model="recorded", messages=messages)

    def waiting() -> float:
        return told("meterhouse_requests_waiting", 'reason="limit"', 'priority="normal"')

    with ThreadPoolExecutor(1) as behind:
        with busy(client) as stream:
            connection = asking(gateway, key, "recorded", "left behind")
            eventually(lambda: waiting() == 1, 10)
            served = behind.submit(ask)
            eventually(lambda: waiting() == 2, 10)
            connection.close()
            eventually(lambda: waiting() == 1, 10)
            assert list(stream)
        assert served.result(30).choices
    texts = [request["messages"][0]["content"] for request in provider.requests if "messages" in request]
    assert "patient" in texts
    assert "left behind" not in texts


def test_who_leaves_the_line_for_money_leaves_at_once(
    gateway: RunningGateway,
    new_key: Callable[..., str],
    sdk_with: Callable[[str], openai.OpenAI],
    eventually: Eventually,
    told: Told,
) -> None:
    key = new_key(max_budget=1.5, priority="high")

    def waiting() -> float:
        return told("meterhouse_requests_waiting", 'reason="money"', 'priority="high"')

    with busy(sdk_with(key), model="unit") as stream:
        connection = asking(gateway, key, "unit", "left behind")
        eventually(lambda: waiting() == 1, 10)
        connection.close()
        eventually(lambda: waiting() == 0, 10)
        assert list(stream)
    assert told("meterhouse_wait_seconds_count", 'outcome="left"', 'priority="high"', 'reason="money"') == 1
