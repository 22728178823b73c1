"""When a part of the gateway is killed: who is told what, how soon, and that it comes back by itself."""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
Eventually = Callable[[Callable[[], Any], float], Any]


REFUSED_WITHIN_S = 5.0
"""It is a second, `admission_timeout_s`; the rest is for a machine with much else to do."""


def ask(master: httpx.Client, *, within_s: float = 30.0, **fields: Any) -> httpx.Response:
    body = {"model": "demo", "messages": HELLO, **fields}
    return master.post("/v1/chat/completions", json=body, timeout=within_s)


PARTS = {f"services.{name}" for name in ("policy", "router", "ledger", "ledger.embedded", "edge")} | {"nats-server"}


@pytest.fixture(autouse=True)
def _whole_before_and_after(gateway: RunningGateway, master: httpx.Client, eventually: Eventually) -> Iterator[None]:
    def is_whole() -> bool:
        ready = gateway.children().keys() >= PARTS and master.get("/health/readiness").status_code == 200
        return ready and ask(master).status_code == 200

    eventually(is_whole, 20.0)
    yield
    eventually(is_whole, 20.0)


def kill(gateway: RunningGateway, part: str) -> None:
    os.kill(gateway.children()[part], signal.SIGKILL)


def refused_soon(master: httpx.Client) -> dict[str, Any]:
    """Ask, and return the error of the 503, for which nobody waited until the request's own deadline."""
    answer = ask(master, within_s=REFUSED_WITHIN_S)
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    error: dict[str, Any] = answer.json()["error"]
    assert (error["type"], error["code"]) == ("service_unavailable", "503")
    return error


@pytest.mark.parametrize("part", ["router", "policy"])
def test_without_a_service_a_request_is_refused_within_a_moment_and_served_when_it_is_back(
    gateway: RunningGateway, master: httpx.Client, eventually: Eventually, part: str
) -> None:
    kill(gateway, f"services.{part}")
    assert re.search(f"no {part}|no service took", refused_soon(master)["message"])
    eventually(lambda: ask(master).status_code == 200, 15.0)


@pytest.mark.parametrize("part", ["router", "policy", "ledger"])
def test_a_service_that_hangs_is_named_by_readiness_and_keeps_no_client_waiting(
    gateway: RunningGateway, master: httpx.Client, eventually: Eventually, part: str
) -> None:
    pid = gateway.children()[f"services.{part}"]
    os.kill(pid, signal.SIGSTOP)
    try:
        if part == "ledger":
            assert ask(master).status_code == 200
        else:
            assert "no service took" in refused_soon(master)["message"], "it is not waited until it counts as dead"

        def missing() -> bool:
            answer = master.get("/health/readiness")
            return answer.status_code == 503 and f"{part}: not running" in answer.json()["missing"]

        eventually(missing, 4.0)
        assert master.get("/health/readiness").json()["status"] == "unhealthy"
        assert master.get("/health/liveliness").status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_request_whose_router_dies_is_told_so_and_not_left_hanging(
    gateway: RunningGateway, master: httpx.Client
) -> None:
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask(master, simulated={"text": "ok", "delay_ms": 20_000})))
    asking.start()
    time.sleep(0.5)
    kill(gateway, "services.router")
    asking.join(15)
    assert answers[0].status_code == 503
    assert "died" in answers[0].json()["error"]["message"]


def test_a_stream_whose_router_dies_ends_with_an_error(gateway: RunningGateway, master: httpx.Client) -> None:
    script = {"text": " ".join(["word"] * 200), "chunk_delay_ms": 100}
    body = {"model": "demo", "messages": HELLO, "stream": True, "simulated": script}
    events = []
    with master.stream("POST", "/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(line[6:])
                if len(events) == 3:
                    kill(gateway, "services.router")
    assert "service_unavailable" in events[-1]
    assert "[DONE]" not in events


def test_while_the_ledger_is_away_requests_are_served_and_counted_when_it_is_back(
    gateway: RunningGateway, master: httpx.Client, eventually: Eventually
) -> None:
    kill(gateway, "services.ledger")
    answer = ask(master)
    assert answer.status_code == 200
    call_id = answer.headers["x-litellm-call-id"]

    def row() -> Any:
        try:
            found = master.get("/spend/logs", params={"request_id": call_id}, timeout=2)
        except httpx.ReadTimeout:
            return None  # the question went to the ledger that was just killed
        return found.json() if found.status_code == 200 else None

    assert len(eventually(row, 15.0)) == 1


def test_when_nats_is_killed_requests_are_refused_at_once_and_served_again(
    gateway: RunningGateway, master: httpx.Client, new_key: Callable[..., str], eventually: Eventually
) -> None:
    key = new_key()
    kill(gateway, "nats-server")
    answer = ask(master, within_s=REFUSED_WITHIN_S)
    assert answer.status_code in (200, 503)  # it may be back already
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
    eventually(lambda: ask(master).status_code == 200, 15.0)
    headers = {"Authorization": f"Bearer {key}"}
    body = {"model": "demo", "messages": HELLO}
    eventually(lambda: master.post("/v1/chat/completions", json=body, headers=headers).status_code == 200, 15.0)
    master.post("/key/block", json={"key": key})
    assert master.post("/v1/chat/completions", json=body, headers=headers).status_code == 401
