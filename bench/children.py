"""Processes of the benchmark: started with a log, awaited, ended; and the small HTTP calls that this takes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
_LOG_LINES_SHOWN = 15


class Failed(Exception):
    """A sentence for whoever runs the benchmark."""


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stop_within_s: float = 60.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process while the block runs; what it prints goes to `log`.

    Raises:
        Failed: it cannot be started.
    """
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=None if environment is None else dict(environment),
                start_new_session=True,  # a Ctrl-C is for the benchmark, which then ends its children itself
            )
        except OSError as error:
            raise Failed(f"{name} cannot be started: {command[0]}: {error.strerror}") from None
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(stop_within_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_until_200(name: str, url: str, process: subprocess.Popen[bytes], *, log: Path, within_s: float) -> None:
    """Ask until the answer is 200.

    Raises:
        Failed: the process ended or was not ready in time; with the last lines of its log.
    """
    give_up = time.monotonic() + within_s
    last = "no answer"
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise Failed(f"{name} ended with exit code {process.returncode} before it was ready.\n{tail(log)}")
        try:
            status, body = call("GET", url, timeout_s=2.0)
        except (OSError, http.client.HTTPException):
            pass
        else:
            if status == 200:
                return
            last = f"{status} {body[:200]!r}"
        time.sleep(0.2)
    raise Failed(f"{name} was not ready within {within_s:g} s (last: {last}).\n{tail(log)}")


def call(
    method: str, url: str, *, body: object = None, headers: Mapping[str, str] | None = None, timeout_s: float = 15.0
) -> tuple[int, bytes]:
    """Return status and body. `url` is http on loopback; `body` goes as JSON, or as it is where it is bytes."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=timeout_s)
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, "/" + path, sent, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def call_json(method: str, url: str, *, body: object = None, key: str | None = None) -> Any:
    """Return the answer's JSON, numbers with a point as Decimal.

    Raises:
        Failed: there was no answer, or its status is not 200.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        status, answer = call(method, url, body=body, headers=headers)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{method} {url}: {error or type(error).__name__}") from None
    if status != 200:
        raise Failed(f"{method} {url} answered {status}: {answer[:300].decode(errors='replace')}")
    return json.loads(answer, parse_float=Decimal)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:] if log.exists() else []
    return "\n".join(f"    {line}" for line in lines)
