"""`meterhouse up`: check what is there, start what is not, say when it is ready, run until asked to stop."""

import asyncio
import os
import signal
import time
from dataclasses import replace

from services.local import children
from services.local.checks import check_port
from services.local.data_directory import DataDirectory
from services.local.failures import BadUsage
from services.local.first_use import MasterKey, master_key, show_how_to_use
from services.local.ports import LOOPBACK
from services.local.screen import Screen, count
from services.local.start import Wish, start
from services.local.supervisor import Supervisor
from shared.config import Config, ConfigError, load_config

SECOND_SIGNAL_AFTER_S = 1.0  # a terminal and a parent may both hand on the first one


def up(wish: Wish, version: str) -> int:
    """Run the gateway; return the exit code.

    Raises:
        BadUsage, CannotStart
    """
    try:
        config = load_config(wish.config, os.environ)
    except ConfigError as error:
        raise BadUsage(str(error)) from None
    wish = _completed(wish, config)
    screen = Screen(as_json=wish.log_json)
    screen.say(f"Meterhouse {version} starts. Ctrl-C stops it.")
    screen.step("config", _config_line(wish, config))
    for warning in config.warnings:
        screen.say(f"Warning: {warning}")
    data = DataDirectory.open(wish.data)
    try:
        screen.step("data", str(wish.data))
        check_port(wish.host, wish.port)
        key = master_key(config.general_settings.master_key, data)
        return asyncio.run(_run(wish, data, key, screen, _first_model(config)))
    finally:
        data.close()


async def _run(wish: Wish, data: DataDirectory, key: MasterKey, screen: Screen, model: str) -> int:
    supervisor = Supervisor(screen.say)
    signals = _Signals()
    starting = asyncio.create_task(start(wish, data, key.key, screen, supervisor))
    asked_to_stop = asyncio.create_task(signals.stop.wait())
    try:
        await asyncio.wait({starting, asked_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            show_how_to_use(screen, key, url=_url(wish.host, wish.port), model=model)
            await asked_to_stop
        screen.say("Stopping: requests in flight are finished first. Ctrl-C again ends everything at once.")
    finally:
        for task in (starting, asked_to_stop):
            task.cancel()
        await asyncio.gather(starting, asked_to_stop, return_exceptions=True)
        await _stop(supervisor, signals)
    screen.say("Stopped.")
    return 0


async def _stop(supervisor: Supervisor, signals: "_Signals") -> None:
    stopping = asyncio.create_task(supervisor.stop(children.STOP_ORDER))
    at_once = asyncio.create_task(signals.at_once.wait())
    try:
        await asyncio.wait({stopping, at_once}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            stopping.result()
    finally:
        for task in (stopping, at_once):
            task.cancel()
        await asyncio.gather(stopping, at_once, return_exceptions=True)
        await supervisor.kill()


class _Signals:
    """Ctrl-C, SIGTERM and the end of the terminal stop; a second Ctrl-C a little later stops at once."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()
        self._first_at = 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: signal.Signals) -> None:
        if not self.stop.is_set():
            self._first_at = time.monotonic()
            self.stop.set()
        elif number == signal.SIGINT and time.monotonic() - self._first_at > SECOND_SIGNAL_AFTER_S:
            self.at_once.set()


def _completed(wish: Wish, config: Config) -> Wish:
    """Fill in from the config how much is logged, and how."""
    settings = config.litellm_settings
    level = wish.log_level or ("debug" if settings.set_verbose else "warning")
    return replace(wish, log_level=level, log_json=wish.log_json or settings.json_logs)


def _config_line(wish: Wish, config: Config) -> str:
    names = {entry.model_name for entry in config.model_list}
    what = f"{count(len(names), 'model')}, {count(len(config.model_list), 'deployment')}"
    return f"{wish.config}: {what}" if wish.config else f"none given, so the simulated model is served ({what})"


def _first_model(config: Config) -> str:
    return next((entry.model_name for entry in config.model_list if "*" not in entry.model_name), "demo")


def _url(host: str, port: int) -> str:
    """Return the edge's URL as a person on this machine types it."""
    if host in ("", "0.0.0.0", "::", LOOPBACK, "localhost"):
        return f"http://localhost:{port}"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
