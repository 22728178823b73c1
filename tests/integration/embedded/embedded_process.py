"""The embedded ClickHouse as a real process on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

USER = "meterhouse"
PASSWORD = "pä:ss word"
BASIC = {"Authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
INSERT_SETTINGS: dict[str, str | int] = {
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
}
_READY_S = 20.0


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class EmbeddedClickHouse:
    """A running process."""

    process: subprocess.Popen[str]
    port: int
    data: Path

    def ask(
        self,
        body: bytes | str = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> Reply:
        """Send one plain HTTP request, with the right password unless `headers` say otherwise."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            target = path + ("?" + urlencode(fields) if fields else "")
            sent = body.encode() if isinstance(body, str) else body
            connection.request(method, target, sent or None, BASIC if headers is None else headers)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.kill()
        self._end(10)

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._end(30)

    def _end(self, timeout_s: float) -> int:
        code = self.process.wait(timeout_s)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def launch(data: Path, port: int, **environment: str) -> EmbeddedClickHouse:
    """Start it, ready or not."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.ledger.embedded"],
        env={
            **os.environ,
            "METERHOUSE_DATA": str(data),
            "METERHOUSE_CLICKHOUSE_PORT": str(port),
            "METERHOUSE_CLICKHOUSE_USER": USER,
            "METERHOUSE_CLICKHOUSE_PASSWORD": PASSWORD,
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    return EmbeddedClickHouse(process, port, data)


def start(data: Path, port: int | None = None, **environment: str) -> EmbeddedClickHouse:
    """Start it and wait until it answers."""
    running = launch(data, port or free_port(), **environment)
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            # it listens before the engine is open, and answers when it is
            assert running.ask(path="/ping", method="GET").text == "Ok.\n"
            return running
        except OSError:
            ended = running.process.poll() is not None
            if ended or time.monotonic() > deadline:
                running.kill()
                raise
            time.sleep(0.02)
