"""Requests at a time, while whoever works on them is killed: no slot stays taken, and none is free too early."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running_gateway import RunningGateway

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

CONFIG = """
model_list:
  - model_name: sim
    litellm_params: {model: simulated/echo, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
"""
RECOVERS_WITHIN_S = 30.0
FREE_WITHIN_S = 45.0
"""Routers say every five seconds what they work on; what nobody speaks of for twenty is over."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    (tmp_path / "config.yaml").write_text(CONFIG)
    running = RunningGateway(tmp_path, "--config", "config.yaml")
    running.wait_for("^Ready after")
    yield running
    running.close()


def until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, what
        time.sleep(0.2)


def body(**more: Any) -> dict[str, Any]:
    return {"model": "sim", "messages": [{"role": "user", "content": "hello"}], **more}


@contextlib.contextmanager
def running(gateway: RunningGateway, key: str, seconds: int) -> Iterator[None]:
    """A stream that takes so long, of which the beginning has been read."""
    words = {"delay_ms": 0, "chunk_delay_ms": 1_000, "text": "one " * seconds}
    with (
        httpx.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {key}"}, timeout=10) as client,
        client.stream("POST", "/v1/chat/completions", json=body(stream=True, simulated=words)) as answer,
    ):
        assert answer.status_code == 200
        next(answer.iter_lines())
        yield


def status(gateway: RunningGateway, key: str) -> int:
    """Return what the next request of `key` gets; 0 where nobody answers."""
    try:
        answer = httpx.post(
            f"{gateway.url}/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, json=body(), timeout=5
        )
    except httpx.HTTPError:
        return 0
    return answer.status_code


def kill(gateway: RunningGateway, victim: str) -> None:
    process = gateway.children()[victim]
    os.kill(process, signal.SIGKILL)
    until(lambda: gateway.children().get(victim, process) != process, RECOVERS_WITHIN_S, f"{victim} was not started")


def test_a_slot_outlives_its_owner_and_its_edge_but_not_its_router(gateway: RunningGateway) -> None:
    keys = {
        victim: gateway.ask("/key/generate", {"max_parallel_requests": 1})["key"]
        for victim in ("services.router", "services.policy", "services.edge")
    }
    for victim, key in keys.items():
        until(lambda key=key: status(gateway, key) == 200, RECOVERS_WITHIN_S, "it serves again")
        seconds = 120 if victim == "services.router" else 15
        with contextlib.suppress(httpx.HTTPError), running(gateway, key, seconds):
            assert status(gateway, key) == 429
            kill(gateway, victim)
            if victim == "services.policy":
                until(lambda key=key: status(gateway, key) == 429, 10, "the next owner knows the slot")
    for victim, key in keys.items():
        until(lambda key=key: status(gateway, key) == 200, FREE_WITHIN_S, f"a slot stays taken: {victim}")
