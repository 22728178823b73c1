"""`meterhouse up` for real: all processes, from the first line it says to the last."""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.nats_server import NatsServer
from tests.running_gateway import RunningGateway, is_gone

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[Any]:
    started: list[RunningGateway] = []

    def start(*arguments: str, directory: Path = tmp_path) -> RunningGateway:
        gateway = RunningGateway(directory, *arguments)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.close()


def until(condition: Any, within_s: float = 15.0) -> None:
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"not so within {within_s:g} s")


PARTS = {
    "nats-server",
    "services.ledger.embedded",
    "services.policy",
    "services.router",
    "services.ledger",
    "services.edge",
}


def test_a_first_start_is_ready_answers_shows_what_it_cost_and_ends(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for(r"^Ready after \d+\.\d s on http://localhost:\d+$")
    printed = gateway.wait_for(r"^Master key: (sk-\S+)$")[1]
    assert printed == gateway.master_key
    gateway.wait_for("curl .*/spend/logs")
    for part in ("nats", "clickhouse", "edge"):
        assert re.search(rf"^ +\d+\.\d s  {part} +ready", gateway.text, re.MULTILINE), gateway.text
    assert gateway.ask("/health/readiness")["missing"] == []
    assert set(gateway.children()) == PARTS

    answer = gateway.chat()
    assert answer["choices"][0]["message"]["content"]
    until(lambda: gateway.ask("/spend/logs"))
    (row,) = gateway.ask("/spend/logs")
    assert row["spend"] > 0
    for secret in ("master_key", "clickhouse.json", "nats.json"):
        assert (gateway.data / secret).stat().st_mode & 0o777 == 0o600

    pids = gateway.children().values()
    assert gateway.stop(signal.SIGINT) == 0
    assert gateway.said[-1] == "Stopped."
    assert all(is_gone(pid) for pid in pids)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the first page's commands need curl")
def test_the_commands_of_the_first_page_do_what_it_says(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for("^Ready after")
    page = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(curl .*?)```", page, re.DOTALL)
    paths = [re.findall(r"localhost:4000(/\S+)", command) for command in commands]
    assert paths == [["/v1/chat/completions"], ["/spend/logs"], ["/key/generate"], ["/team/new"]]
    ask, spend, generate, new_team = (partial(_in_shell, gateway, command) for command in commands)
    assert ask()["choices"][0]["message"]["content"] == "Hello"
    until(spend)
    assert spend()[0]["spend"] > 0
    assert generate()["key"].startswith("sk-")
    assert (new_team()["team_alias"], new_team()["max_budget"]) == ("search", 500)


def test_a_request_in_flight_is_finished_before_the_end(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for("^Ready after")
    answers = in_the_background(gateway, delay_ms=2_000)
    assert gateway.stop() == 0
    assert answers.get(timeout=10)["choices"][0]["finish_reason"] == "stop"


def test_a_second_ctrl_c_ends_everything_at_once(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for("^Ready after")
    answers = in_the_background(gateway, delay_ms=25_000)
    pids = gateway.children().values()
    gateway.process.send_signal(signal.SIGINT)
    gateway.wait_for("^Stopping: ")
    gateway.process.send_signal(signal.SIGINT)  # the first one, handed on by a parent: not a second
    time.sleep(1.5)
    assert gateway.process.poll() is None
    gateway.process.send_signal(signal.SIGINT)
    assert gateway.ended(within_s=5) == 0
    assert all(is_gone(pid) for pid in pids)
    assert isinstance(answers.get(timeout=10), OSError | HTTPException)


def test_a_killed_gateway_is_started_again_at_once_with_all_it_had(gateways: Any) -> None:
    first = gateways()
    first.wait_for("^Ready after")
    key = first.ask("/key/generate", {"models": ["demo"]})["key"]
    first.chat()
    pids = first.children().values()
    access = (first.data / "clickhouse.json").read_text(), (first.data / "nats.json").read_text()
    first.process.kill()

    second = gateways()
    second.wait_for("^Ready after")
    assert all(is_gone(pid) for pid in pids)
    assert ((second.data / "clickhouse.json").read_text(), (second.data / "nats.json").read_text()) == access
    assert second.ask(f"/key/info?key={key}")["info"]["models"] == ["demo"]
    until(lambda: second.ask("/spend/logs"))
    assert second.stop() == 0
    assert "Master key: " not in second.text


def test_a_child_that_dies_comes_back_and_is_said_so(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for("^Ready after")
    before = gateway.children()
    os.kill(before["services.router"], signal.SIGKILL)
    gateway.wait_for(r"^router was ended by SIGKILL; starting it again in 0\.2 s$")
    until(lambda: gateway.children().get("services.router", before["services.router"]) != before["services.router"])
    until(lambda: _answers(gateway))
    after = gateway.children()
    assert {name for name in PARTS if before[name] != after[name]} == {"services.router"}


def test_a_stop_during_the_start_ends_what_was_started(gateways: Any) -> None:
    gateway = gateways()
    gateway.wait_for(r"nats +ready")
    assert gateway.stop() == 0
    assert gateway.children() == {}


def test_two_gateways_run_on_one_machine_one_of_them_on_its_own_nats(
    gateways: Any, nats: NatsServer, tmp_path: Path
) -> None:
    directories = (tmp_path / "one", tmp_path / "two")
    for directory in directories:
        directory.mkdir()
    one = gateways(directory=directories[0])
    two = gateways("--nats", nats.url, directory=directories[1])
    for gateway in (one, two):
        gateway.wait_for("^Ready after")
        assert gateway.chat()["choices"]
    assert set(two.children()) == PARTS - {"nats-server"}
    assert not (two.data / "nats").exists()
    (two.data / "master_key").write_text(one.master_key)
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        two.chat()
    refused.value.close()
    assert two.stop() == 0


def _in_shell(gateway: RunningGateway, command: str) -> Any:
    """Run it where the gateway was started; return the JSON it prints."""
    command = command.replace("localhost:4000", f"127.0.0.1:{gateway.port}")
    done = subprocess.run(
        ["sh", "-c", command], cwd=gateway.data.parent, capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(done.stdout)


def in_the_background(gateway: RunningGateway, *, delay_ms: int) -> "queue.Queue[Any]":
    """Ask for an answer that takes that long; what comes of it is in the queue."""
    came: queue.Queue[Any] = queue.Queue()

    def ask() -> None:
        try:
            came.put(gateway.chat(simulated={"delay_ms": delay_ms}))
        except (OSError, HTTPException) as error:
            came.put(error)

    threading.Thread(target=ask, daemon=True).start()
    time.sleep(0.5)
    assert came.empty()
    return came


def _answers(gateway: RunningGateway) -> bool:
    """True for an answer, False where nobody serves the request yet."""
    try:
        return bool(gateway.chat()["choices"])
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 503:
            raise
        return False
