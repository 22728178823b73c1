"""A change that one edge is told takes effect on the others: within how long, from its answer on."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from services.local.ports import free_port
from tests.running_gateway import RunningGateway

START_S = 60.0
WITHIN_S = 2.0
"""It is milliseconds; the rest is for a machine with much else to do."""


class Edges(NamedTuple):
    """Clients with the master key, of two edges of one gateway."""

    one: httpx.Client
    other: httpx.Client


@pytest.fixture(scope="module")
def edges(gateway: RunningGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edges]:
    """The gateway's edge, and one more beside it."""
    port = free_port()
    environment = _environment_of(gateway.children()["services.edge"]) | {"METERHOUSE_PORT": str(port)}
    log = tmp_path_factory.mktemp("edge") / "edge.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.edge"],
            env=environment,
            cwd=gateway.data.parent,
            stdout=output,
            stderr=output,
        )
    headers = {"Authorization": f"Bearer {gateway.master_key}"}
    try:
        with (
            httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as one,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as other,
        ):
            _wait_until_ready(other, log)
            yield Edges(one, other)
    finally:
        process.terminate()
        process.wait(40)


def _environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return {**os.environ, **dict(entry.split("=", 1) for entry in entries if "=" in entry)}


def _wait_until_ready(client: httpx.Client, log: Path) -> None:
    give_up = time.monotonic() + START_S
    while True:
        try:
            if client.get("/health/readiness").status_code == 200:
                return
        except httpx.ConnectError:
            pass
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)


def ask(edge: httpx.Client, key: str, **fields: Any) -> httpx.Response:
    """Ask the model that costs a dollar."""
    body = {"model": "unit", "messages": [{"role": "user", "content": "hi"}], **fields}
    return edge.post("/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})


def change(edge: httpx.Client, path: str, **body: Any) -> Any:
    answer = edge.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def new_key(edge: httpx.Client, **terms: Any) -> str:
    return str(change(edge, "/key/generate", **terms)["key"])


def takes_effect(edge: httpx.Client, key: str, status: int, what: Callable[[httpx.Response], bool]) -> None:
    """Ask until `edge` answers so, which must not take long; from then on it always does."""
    give_up = time.monotonic() + WITHIN_S
    while True:
        asked = time.monotonic()
        answer = ask(edge, key)
        if answer.status_code == status and what(answer):
            break
        assert asked < give_up, f"{answer.status_code} {answer.text}"
    for _ in range(3):
        assert ask(edge, key).status_code == status


CHANGES: list[tuple[str, dict[str, Any], int, str]] = [
    ("/key/block", {}, 401, "blocked"),
    ("/key/update", {"max_budget": 1.0}, 422, "budget"),
    ("/key/update", {"rpm_limit": 1}, 429, "rate limit"),
    ("/key/update", {"models": ["demo"]}, 403, "model"),
]


@pytest.mark.parametrize(("path", "terms", "status", "word"), CHANGES, ids=[change[3] for change in CHANGES])
def test_a_key_that_is_restricted_by_one_edge_is_refused_by_the_other(
    edges: Edges, path: str, terms: dict[str, Any], status: int, word: str
) -> None:
    key = new_key(edges.one, max_budget=100.0)
    for edge in edges:
        assert ask(edge, key).status_code == 200
    change(edges.one, path, key=key, **terms)
    takes_effect(edges.other, key, status, lambda answer: word in answer.text.lower())


def test_what_one_edge_takes_back_the_other_serves_again(edges: Edges) -> None:
    key = new_key(edges.one, max_budget=1.0)
    assert ask(edges.other, key).status_code == 200
    assert ask(edges.one, key).status_code == 422
    change(edges.other, "/key/update", key=key, max_budget=50.0)
    takes_effect(edges.one, key, 200, lambda answer: True)
    change(edges.one, "/key/block", key=key)
    takes_effect(edges.other, key, 401, lambda answer: True)
    change(edges.other, "/key/unblock", key=key)
    takes_effect(edges.one, key, 200, lambda answer: True)


@pytest.mark.parametrize(
    ("path", "terms", "status"), [("/team/block", {}, 401), ("/team/update", {"max_budget": 1.0}, 422)]
)
def test_a_team_that_is_restricted_by_one_edge_is_refused_by_the_other(
    edges: Edges, path: str, terms: dict[str, Any], status: int
) -> None:
    team = change(edges.one, "/team/new", max_budget=100.0)["team_id"]
    keys = [new_key(edge, team_id=team) for edge in edges]
    for edge, key in zip(edges, reversed(keys), strict=True):
        assert ask(edge, key).status_code == 200
    change(edges.one, path, team_id=team, **terms)
    for key in keys:
        takes_effect(edges.other, key, status, lambda answer: True)


def test_a_key_that_one_edge_makes_is_known_and_one_that_it_deletes_is_gone_on_the_other(edges: Edges) -> None:
    key = new_key(edges.one)
    takes_effect(edges.other, key, 200, lambda answer: True)
    change(edges.one, "/key/delete", keys=[key])
    takes_effect(edges.other, key, 401, lambda answer: True)


def test_two_edges_spend_one_budget(edges: Edges) -> None:
    """Whichever edge a request comes by, one owner decides: both together serve what the budget covers."""
    key = new_key(edges.one, max_budget=5.0)
    statuses = [ask(edge, key).status_code for _ in range(4) for edge in edges]
    assert sorted(statuses) == [200] * 5 + [422] * 3
