"""A whole gateway for tests: `meterhouse up` as its own process, and what it says."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from services.local.ports import free_port

PROGRAM = Path(sys.executable).parent / "meterhouse"
START_S = 60.0
STOP_S = 40.0


class RunningGateway:
    """Started in `directory`; `wait_for("^Ready after")` before it is asked anything, `close` at the end."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = directory / "data"
        self.process = subprocess.Popen(
            [PROGRAM, "up", "--port", str(self.port), *arguments],
            cwd=directory,
            env=outside_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    @property
    def master_key(self) -> str:
        return (self.data / "master_key").read_text().strip()

    @property
    def nats_url(self) -> str:
        """Where its nats-server is asked, by the configuration that it runs with."""
        config = (self.data / "nats" / "nats.conf").read_text()
        given = dict(re.findall(r'^\s*(port|user|password): "?([^"\n]+)"?$', config, re.MULTILINE))
        return f"nats://{given['user']}:{given['password']}@127.0.0.1:{given['port']}"

    def wait_for(self, pattern: str, within_s: float = START_S) -> re.Match[str]:
        """Return the match in the first new line that has one."""
        give_up = time.monotonic() + within_s
        while time.monotonic() < give_up:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if line is None:
                break
            self.said.append(line)
            found = re.search(pattern, line)
            if found:
                return found
        pytest.fail(f"it did not say {pattern!r} but:\n{self.text}")

    def children(self) -> dict[str, int]:
        """The running children: process id by the last part of what is run."""
        found = {}
        for directory in Path("/proc").iterdir():
            if not directory.name.isdigit():
                continue
            try:
                parent = (directory / "stat").read_text().rpartition(")")[2].split()[1]
                command = (directory / "cmdline").read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == str(self.process.pid):
                found[_name_of(command)] = int(directory.name)
        return found

    def ask(self, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = 30.0) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.master_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)

    def chat(self, model: str = "demo", **fields: object) -> Any:
        messages = [{"role": "user", "content": "Hello"}]
        return self.ask("/v1/chat/completions", {"model": model, "messages": messages, **fields})

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self, within_s: float = STOP_S) -> int:
        code = self.process.wait(within_s)
        self._reader.join(10)
        while not self._lines.empty():
            line = self._lines.get()
            if line is not None:
                self.said.append(line)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        if self.process.stdout:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


def outside_environment() -> dict[str, str]:
    """The environment without what would configure a gateway."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("METERHOUSE_", "LITELLM_"))}


def is_gone(pid: int) -> bool:
    """True where no such process runs; one that only waits to be reaped does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _name_of(command: list[str]) -> str:
    return command[3] if command[1:3] == ["-P", "-m"] else Path(command[0]).name
