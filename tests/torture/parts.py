"""The processes of a gateway with several of everything, and the hand that kills them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from services.local.ports import free_port
from tests.integration.embedded.embedded_process import EmbeddedClickHouse, launch
from tests.integration.ledger.running import clickhouse_url
from tests.nats_server import NatsServer, running_nats
from tests.running_gateway import is_gone, outside_environment

MASTER_KEY = "sk-torture"
DATABASE = "meterhouse"
START_S = 60.0


@dataclass
class Part:
    """A process that is started again whenever it was killed."""

    name: str
    module: str
    environment: dict[str, str]
    pid: int = 0
    log_begins: int = 0  # where the log of its present life begins

    @property
    def runs(self) -> bool:
        return self.pid != 0 and not is_gone(self.pid)


@dataclass
class Gateway:
    nats: NatsServer
    clickhouse: EmbeddedClickHouse
    directory: Path
    zygote: "subprocess.Popen[str]"
    parts: dict[str, Part] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    down: set[str] = field(default_factory=set)  # what somebody has killed, and will start again

    def add(self, name: str, module: str, **environment: str) -> None:
        told = {
            **outside_environment(),
            "METERHOUSE_NATS_URL": self.nats.url,
            "METERHOUSE_CONFIG": str(self.directory / "config.yaml"),
            "METERHOUSE_LOG_LEVEL": "info",
            **environment,
        }
        self.parts[name] = Part(name, module, told)
        self.start(name)

    def start(self, name: str) -> None:
        part = self.parts[name]
        log = str(self.directory / f"{name}.log")
        part.log_begins = Path(log).stat().st_size if Path(log).exists() else 0
        wish = {"module": part.module, "environment": part.environment, "log": log}
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        with self.lock:
            self.zygote.stdin.write(json.dumps(wish) + "\n")
            self.zygote.stdin.flush()
            part.pid = int(self.zygote.stdout.readline())

    def kill(self, name: str) -> bool:
        """Kill -9; return whether there was something to kill."""
        part = self.parts[name]
        if not part.runs:
            return False
        os.kill(part.pid, signal.SIGKILL)
        return True

    def freeze(self, name: str) -> bool:
        """Stop it where it is; return whether there was something to stop. `wake` lets it go on."""
        part = self.parts[name]
        if not part.runs:
            return False
        os.kill(part.pid, signal.SIGSTOP)
        return True

    def wake(self, name: str) -> None:
        os.kill(self.parts[name].pid, signal.SIGCONT)

    def is_up(self, name: str) -> bool:
        """Whether it runs and says so."""
        part = self.parts[name]
        with (self.directory / f"{name}.log").open("rb") as log:
            log.seek(part.log_begins)
            return part.runs and b" is running" in log.read()

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_S
        for port in self.ports:
            while not _is_ready(port):
                assert time.monotonic() < give_up, f"the gateway did not get ready: {self.last_words()}"
                time.sleep(0.05)

    def last_words(self) -> str:
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text()[-600:]}" for log in logs)


@contextmanager
def running_gateway(
    directory: Path,
    config: dict[str, Any],
    *,
    edges: int,
    policies: int,
    routers: int,
    limit_window_ms: int = 59_000,
    **environment: str,
) -> Iterator[Gateway]:
    """A ready gateway; all its processes are gone at the end. `environment` is policy's."""
    (directory / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.zygote", str(limit_window_ms)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    port = free_port()
    clickhouse = launch(directory / "clickhouse", port, METERHOUSE_LOG_LEVEL="error")
    try:
        with running_nats(directory / "nats") as nats:
            assert zygote.stdout is not None
            assert zygote.stdout.readline() == "ready\n"
            _wait_for(clickhouse)
            gateway = Gateway(nats, clickhouse, directory, zygote)
            gateway.add("ledger", "services.ledger", METERHOUSE_CLICKHOUSE_URL=clickhouse_url(port, DATABASE))
            for number in range(policies):
                gateway.add(
                    f"policy{number}", "services.policy", METERHOUSE_POLICY_NAME=f"policy{number}", **environment
                )
            for number in range(routers):
                gateway.add(f"router{number}", "services.router")
            for number in range(edges):
                gateway.ports.append(free_port(taken=gateway.ports))
                gateway.add(f"edge{number}", "services.edge", METERHOUSE_PORT=str(gateway.ports[-1]))
            gateway.wait_until_ready()
            yield gateway
            assert zygote.stdin is not None
            zygote.stdin.close()
            zygote.wait(20)
    finally:
        zygote.kill()
        zygote.wait(10)
        for stream in (zygote.stdin, zygote.stdout):
            if stream is not None:
                stream.close()
        clickhouse.kill()


def _wait_for(clickhouse: EmbeddedClickHouse) -> None:
    give_up = time.monotonic() + START_S
    while True:
        try:
            assert clickhouse.ask(path="/ping", method="GET").text == "Ok.\n"
            return
        except OSError:
            assert time.monotonic() < give_up, "ClickHouse did not start"
            time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/readiness", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
