"""A ledger for tests: in this process as a task, or as a process that can be killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from pydantic import SecretStr

from services.ledger.__main__ import run
from services.ledger.settings import LedgerSettings
from shared import subjects
from shared.bus import Bus, BusError
from shared.queries import LedgerHealth, QueryReply
from tests.integration.embedded.embedded_process import PASSWORD, USER

WITHIN_S = 20.0


class LedgerTask:
    """`end` is a clean end that returns the exit code, `cancel` ends it in the middle of whatever it does."""

    def __init__(self, settings: LedgerSettings) -> None:
        self._stopping = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(run(settings, self._stopping))

    async def end(self) -> int:
        self._stopping.set()
        return await asyncio.wait_for(self.task, 20)

    async def cancel(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


def clickhouse_url(port: int, database: str) -> str:
    return f"http://{quote(USER)}:{quote(PASSWORD)}@127.0.0.1:{port}/{database}"


def settings_for(nats_url: str, url: str, **others: Any) -> LedgerSettings:
    return LedgerSettings(nats_url=nats_url, clickhouse_url=SecretStr(url), ledger_flush_ms=50, **others)


@asynccontextmanager
async def running_ledger(settings: LedgerSettings) -> AsyncIterator[LedgerTask]:
    ledger = LedgerTask(settings)
    try:
        yield ledger
    finally:
        if not ledger.task.done():
            await ledger.end()


def start_process(nats_url: str, url: str, log: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "METERHOUSE_NATS_URL": nats_url,
        "METERHOUSE_CLICKHOUSE_URL": url,
        "METERHOUSE_LEDGER_FLUSH_MS": "50",
    }
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-m", "services.ledger"], env=environment, stderr=output)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(10)


async def ask(bus: Bus, name: str, **body: object) -> QueryReply:
    """Ask a ledger; wait for one to be there."""
    payload = msgspec.json.encode({"body": body})
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            answer = await bus.request(f"cmd.query.{name}", payload, timeout_s=5)
        except (BusError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            return msgspec.json.decode(answer, type=QueryReply)


async def body_of(bus: Bus, name: str, **body: object) -> Any:
    reply = await ask(bus, name, **body)
    assert reply.error is None, reply
    return msgspec.json.decode(reply.body)


async def written(bus: Bus) -> LedgerHealth:
    """Wait until the ledger has written all facts of the stream."""

    async def is_written() -> LedgerHealth | None:
        reply = await ask(bus, "health")
        assert reply.error is None, reply
        health = msgspec.json.decode(reply.body, type=LedgerHealth)
        last = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["state"]["last_seq"]
        up_to_date = health.clickhouse == "connected" and health.lag_facts == 0
        return health if up_to_date and (health.applied_batch > 0 or last == 0) else None

    health: LedgerHealth = await eventually(is_written)
    return health


async def eventually(condition: Callable[[], Awaitable[Any]], within_s: float = WITHIN_S) -> Any:
    """Return the first answer of `condition` that is true."""
    deadline = time.monotonic() + within_s
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)
