"""A client that leaves while its request waits in line: a real HTTP client that closes its connection."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import RecordingProvider
from tests.running_gateway import RunningGateway

SLOW = {"delay_ms": 0, "chunk_delay_ms": 400, "text": "one two three four five six seven eight"}
Eventually = Callable[[Callable[[], Any], float], Any]


def leaves(gateway: RunningGateway, key: str, model: str, text: str, after_s: float) -> None:
    """Ask, wait a while for the answer, and close the connection."""
    with contextlib.suppress(httpx.ReadTimeout), httpx.Client(timeout=after_s) as client:
        client.post(
            f"{gateway.url}/v1/chat/completions",
            headers={"Authorization": f"Bearer {key}"},
            json={"model": model, "messages": [{"role": "user", "content": text}]},
        )
        pytest.fail("it was answered before it left")


@contextlib.contextmanager
def busy(client: openai.OpenAI, model: str = "demo") -> Any:
    """A stream of some three seconds."""
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
) -> None:
    key = new_key(max_parallel_requests=1, max_wait_s=30)
    client = sdk_with(key)

    def ask(text: str) -> Any:
        messages: Any = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="recorded", messages=messages)

    with ThreadPoolExecutor(1) as behind:
        with busy(client) as stream:
            leaving = threading.Thread(target=leaves, args=(gateway, key, "recorded", "left behind", 1.0))
            leaving.start()
            leaving.join(0.5)
            served = behind.submit(ask, "patient")
            leaving.join()
            assert not served.done()
            assert list(stream)
        assert served.result(10).choices
    texts = [request["messages"][0]["content"] for request in provider.requests if "messages" in request]
    assert "patient" in texts
    assert "left behind" not in texts


def test_who_leaves_the_line_for_money_leaves_at_once(
    gateway: RunningGateway,
    master: httpx.Client,
    new_key: Callable[..., str],
    sdk_with: Callable[[str], openai.OpenAI],
    eventually: Eventually,
) -> None:
    key = new_key(max_budget=1.5, priority="high")

    def told(name: str, *labels: str) -> float:
        lines = master.get("/metrics/").text.splitlines()
        found = [line for line in lines if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(line.split()[-1]) for line in found)

    def waiting() -> float:
        return told("meterhouse_requests_waiting", 'reason="money"', 'priority="high"')

    with busy(sdk_with(key), model="unit") as stream:
        leaving = threading.Thread(target=leaves, args=(gateway, key, "unit", "left behind", 1.2))
        leaving.start()
        eventually(lambda: waiting() == 1, 5)
        leaving.join()
        eventually(lambda: waiting() == 0, 2)
        assert told("meterhouse_wait_seconds_count", 'outcome="left"', 'priority="high"', 'reason="money"') == 1
        assert list(stream)
