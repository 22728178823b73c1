"""A whole gateway while its processes are killed: every answer is accounted for, and nobody has to lend a hand."""

import contextlib
import json
import os
import random
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest

from tests.faults.clients import Seen, keep_asking
from tests.running_gateway import RunningGateway

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

VICTIMS = ("services.router", "services.policy", "services.ledger", "services.ledger.embedded", "nats-server")
KILLS = int(os.environ.get("FAULT_KILLS", "10"))  # each of them twice
PAUSE_S = (0.2, 1.2)
ANSWERS_BETWEEN = 6
RECOVERS_WITHIN_S = 30.0
"""However slow the machine is: after each kill the gateway answers again, and only then comes the next."""

CLIENTS = 8
TIGHT_BUDGET_USD = 0.02

CONFIG = """
model_list:
  - model_name: sim
    litellm_params: {model: simulated/echo, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
general_settings:
  meterhouse: {hold_grace_s: 1}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    (tmp_path / "config.yaml").write_text(CONFIG)
    running = RunningGateway(tmp_path, "--config", "config.yaml")
    running.wait_for("^Ready after")
    yield running
    running.close()


def test_kills_lose_nothing_count_nothing_twice_and_pass_no_budget(gateway: RunningGateway) -> None:
    wide = gateway.ask("/key/generate", {"max_budget": 100.0})["key"]
    tight = gateway.ask("/key/generate", {"max_budget": TIGHT_BUDGET_USD})
    seen, tight_seen, stop = Seen(), Seen(), threading.Event()
    clients = [
        threading.Thread(target=keep_asking, args=(gateway.url, key, number, stop, notes), daemon=True)
        for number in range(CLIENTS)
        for key, notes in [(tight["key"], tight_seen) if number < 2 else (wide, seen)]
    ]
    for client in clients:
        client.start()
    _kill_at_random(gateway, lambda: len(seen.answered))
    stop.set()
    for client in clients:
        client.join(30)
    _until(lambda: _healthy(gateway.url), 30)

    answered = seen.answered | tight_seen.answered
    assert not seen.hung
    assert not tight_seen.hung
    assert seen.broken + tight_seen.broken == 0, "edge was not killed, and must answer"
    with _clickhouse(gateway) as clickhouse:
        rows = _rows_of(clickhouse, answered)
        missing = sorted(answered.keys() - rows.keys())
        assert not missing, f"{len(missing)} answers are not in ClickHouse, such as {missing[:3]}"
        assert {request: [cost] for request, cost in answered.items()} == rows
        _check_budget(gateway, clickhouse, tight["token"])


def _check_budget(gateway: RunningGateway, clickhouse: Any, token: str) -> None:
    """What the tight key spent, by policy's books and by the ledger, is the same and within its budget."""
    limit = round(TIGHT_BUDGET_USD * 10**12)

    def agree() -> bool:
        spent = round(gateway.ask(f"/key/info?key={token}")["info"]["spend"] * 10**12)
        counted = clickhouse.query(
            "SELECT toString(sum(cost)) FROM requests WHERE key = {key:String}", parameters={"key": token}
        ).result_rows[0][0]
        assert spent <= limit
        return spent == _pico(counted)

    _until(agree, 30)  # holds of requests that died expire after their deadline


def _kill_at_random(gateway: RunningGateway, answered: Callable[[], int]) -> None:
    """Kill each in turn, a random moment after the gateway has answered again; wait for that after the last, too."""
    chance = random.Random(20)
    for number in range(KILLS):
        victim = VICTIMS[number % len(VICTIMS)]
        time.sleep(chance.uniform(*PAUSE_S))
        _until(lambda victim=victim: victim in gateway.children(), RECOVERS_WITHIN_S, f"{victim} was not started again")
        os.kill(gateway.children()[victim], signal.SIGKILL)
        enough = answered() + ANSWERS_BETWEEN
        _until(lambda enough=enough: answered() >= enough, RECOVERS_WITHIN_S, f"no answers after {victim} was killed")


def _rows_of(clickhouse: Any, answered: dict[str, int]) -> dict[str, list[int]]:
    """Return the costs of the rows of each answered request, waiting for the ledger to have them all."""
    wanted = sorted(answered)
    rows: dict[str, list[int]] = {}

    def complete() -> bool:
        found = clickhouse.query(
            "SELECT request_id, toString(cost) FROM requests WHERE request_id IN {ids:Array(String)}",
            parameters={"ids": wanted},
        ).result_rows
        rows.clear()
        for request, cost in found:
            rows.setdefault(request, []).append(_pico(cost))
        return len(rows) >= len(wanted)

    with contextlib.suppress(TimeoutError):  # the caller says which are missing
        _until(complete, 20)
    return rows


def _pico(usd: str) -> int:
    whole, _, part = usd.partition(".")
    return int(whole) * 10**12 + int(part.ljust(12, "0"))


def _clickhouse(gateway: RunningGateway) -> Any:
    at = json.loads((gateway.data / "clickhouse.json").read_text())
    host, port = at["url"].rpartition("//")[2].rstrip("/").split(":")
    return clickhouse_connect.get_client(
        host=host, port=int(port), username=at["user"], password=at["password"], database=at["database"]
    )


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/readiness", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(condition: Callable[[], object], within_s: float, otherwise: str = "it is not so") -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{otherwise} within {within_s:g} s")
        time.sleep(0.1)
