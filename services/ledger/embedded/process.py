"""The process: open the engine, serve until told to stop, let running queries finish, close the engine."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError

from services.ledger.embedded.app import App
from services.ledger.embedded.credentials import Credentials
from services.ledger.embedded.engine import CannotOpen, Engine
from services.ledger.embedded.settings import EmbeddedSettings
from services.ledger.embedded.sizing import Sizing, this_machine
from shared.observe import set_up_logging

DRAIN_S = 20.0
_CANCELLED_S = 5  # within that a cancelled query has noticed, and its client has been told
KEEP_ALIVE_S = 75  # longer than clients pause: a connection that closes under a request makes them send it again
_SPARE_THREADS = 2  # to prepare requests and to cancel queries while all slots are taken

log = structlog.get_logger()


async def serve(
    *,
    data_dir: Path,
    host: str,
    port: int,
    user: str,
    password: str,
    fsync: bool = False,
    drain_s: float = DRAIN_S,
) -> None:
    """Serve until SIGTERM or SIGINT; then let queries finish, cancel those that run after `drain_s`, close the engine.

    Raises:
        CannotOpen: the directory or the port is in use or unusable; the text says which and why.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sizing = this_machine()
    listener = _listen(host, port)
    try:
        engine = await asyncio.to_thread(Engine.open, data_dir, sizing, fsync=fsync)
    except CannotOpen:
        listener.close()
        raise
    # clients that came while the engine opened are waiting in the listener's backlog
    with ThreadPoolExecutor(_thread_count(sizing), thread_name_prefix="query") as threads:
        app = App(engine, Credentials(user, password), sizing, threads)
        server = _Server(_server_config(app, drain_s))
        log.info("clickhouse ready", host=host, port=port, version=engine.version)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        log.info("clickhouse stopping", running=engine.running)
        server.should_exit = True
        await _drain(engine, serving, drain_s)
    engine.close()


async def _drain(engine: Engine, serving: asyncio.Task[None], drain_s: float) -> None:
    """Wait until all requests are answered. Those that waited for a slot begin late, hence more than one cancelling."""
    await asyncio.wait((serving,), timeout=drain_s)
    while not serving.done():
        log.warning("cancelling queries that still run", running=engine.running)
        await asyncio.to_thread(engine.cancel_all)
        await asyncio.wait((serving,), timeout=1)
    await serving
    await asyncio.to_thread(engine.cancel_all)  # whose client was given up on


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: they would end the process by the signal, before the engine is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server_config(app: App, drain_s: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(drain_s) + _CANCELLED_S,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise CannotOpen(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _thread_count(sizing: Sizing) -> int:
    return sizing.query_slots + sizing.insert_slots + _SPARE_THREADS


def main() -> int:
    """Serve with the settings of the environment; return the exit code."""
    try:
        settings = EmbeddedSettings()
    except ValidationError as error:
        set_up_logging("clickhouse", level="info", as_json=False)
        wrong = [f"METERHOUSE_{str(detail['loc'][0]).upper()}: {detail['msg']}" for detail in error.errors()]
        log.error("the environment is not complete", wrong=wrong)
        return 2
    set_up_logging("clickhouse", level=settings.log_level, as_json=settings.log_json)
    serving = serve(
        data_dir=settings.data,
        host=settings.clickhouse_host,
        port=settings.clickhouse_port,
        user=settings.clickhouse_user,
        password=settings.clickhouse_password,
        fsync=settings.clickhouse_fsync,
        drain_s=settings.clickhouse_drain_s,
    )
    try:
        uvloop.run(serving)
    except CannotOpen as error:
        log.error("clickhouse cannot start", why=str(error))
        return 1
    return 0
