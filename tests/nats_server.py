"""A real nats-server for tests: its own process, port and directory."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.ports import free_port

BINARY = Path(sys.executable).parent / "nats-server"
START_TIMEOUT_S = 10.0


class NatsServer:
    """`kill` is a kill -9, `stop` a clean end; `start` again serves the same data on the same port."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()  # of a range that no outgoing connection takes while it is down
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [BINARY, "--jetstream", "--addr", "127.0.0.1", "--port", str(self._port)]
        command += ["--store_dir", self._directory, "--log", self._directory / "nats-server.log"]
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"nats-server did not start: {(self._directory / 'nats-server.log').read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        self._end(lambda process: process.terminate())

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


@contextmanager
def running_nats(directory: Path) -> Iterator[NatsServer]:
    """A started server, its data in `directory`; it is gone at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    server = NatsServer(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
