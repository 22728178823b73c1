"""The start: what is not there already is started, in order, until the edge says that nothing is missing."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from services.local import children, nats_server
from services.local.checks import check_clickhouse, check_nats, clickhouse_answers
from services.local.children import CLICKHOUSE, NATS, ClickHouseAccess, Gateway
from services.local.data_directory import DataDirectory, new_password
from services.local.ports import LOOPBACK, free_port
from services.local.probe import nats_info, readiness
from services.local.screen import Screen
from services.local.supervisor import Supervisor

READY_WITHIN_S = 180.0  # JetStream and ClickHouse read what they have; that may be much
SAY_WHAT_IS_MISSING_EVERY_S = 5.0
DATABASE = "meterhouse"


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line or in the environment."""

    config: Path | None
    host: str
    port: int
    data: Path
    nats_url: str | None
    clickhouse_url: str | None
    log_level: str | None  # None: the config's, or only warnings
    log_json: bool


async def start(wish: Wish, data: DataDirectory, master_key: str, screen: Screen, supervisor: Supervisor) -> None:
    """Start everything and return when it is ready.

    Raises:
        BadUsage, CannotStart: what was started by then keeps running until the supervisor is stopped.
    """
    if wish.nats_url:
        screen.step(NATS, f"using {await check_nats(wish.nats_url)}")
    if wish.clickhouse_url:
        screen.step(CLICKHOUSE, f"using {await check_clickhouse(wish.clickhouse_url)}")
    nats_url = wish.nats_url or await _start_nats(data, screen, supervisor, taken=[wish.port])
    # nats-server may not listen yet on the port it was given, so a probe alone would give that port away again.
    taken = [port for port in (wish.port, _port_of(nats_url)) if port is not None]
    access = None if wish.clickhouse_url else _embedded_access(data, taken=taken)
    gateway = Gateway(
        data=data.path.absolute(),
        config=wish.config.absolute() if wish.config else None,
        host=wish.host,
        port=wish.port,
        nats_url=nats_url,
        clickhouse_url=access.full_url if access else wish.clickhouse_url or "",
        master_key=master_key,
        log_level=wish.log_level or "info",
        log_json=wish.log_json,
    )
    if access:
        screen.step(CLICKHOUSE, f"starting, on {access.url}")
        await supervisor.start(children.clickhouse_child(gateway, access, lock=data.lock))
    if not wish.nats_url:
        await supervisor.wait_until_ready(NATS, lambda: _nats_is_ready(nats_url), READY_WITHIN_S)
        screen.step(NATS, "ready")
    services = {child.name: child for child in children.service_children(gateway)}
    ledger = services.pop("ledger")
    for child in (*services.values(), *(() if access else (ledger,))):
        screen.step(child.name, "starting")
        await supervisor.start(child)
    if access:
        await supervisor.wait_until_ready(CLICKHOUSE, lambda: clickhouse_answers(access.url), READY_WITHIN_S)
        screen.step(CLICKHOUSE, "ready")
        screen.step(ledger.name, "starting")  # only now: until then it could do nothing but complain
        await supervisor.start(ledger)
    missing = _Missing(f"http://{_reached_at(wish.host)}:{wish.port}", screen)
    await supervisor.wait_until_ready("edge", missing.is_none, READY_WITHIN_S)
    supervisor.all_were_ready()
    screen.step("edge", f"ready, on {wish.host}, port {wish.port}")


async def _start_nats(data: DataDirectory, screen: Screen, supervisor: Supervisor, *, taken: Collection[int]) -> str:
    server = nats_server.find_nats_server()
    last = data.read_access("nats.json").get("url", "")
    port = free_port(_port_of(last), taken=taken)
    password = urlsplit(last).password or new_password()
    config = nats_server.write_config(data, port=port, password=password)
    url = nats_server.url_for(port, password)
    data.write_access("nats.json", {"url": url})
    screen.step(NATS, f"starting, on {LOOPBACK}:{port} (nats-server {server.version})")
    await supervisor.start(children.nats_child(server, config, lock=data.lock))
    return url


def _embedded_access(data: DataDirectory, *, taken: Collection[int]) -> ClickHouseAccess:
    """Return the access of last time where its port is free, else of a new one."""
    last = data.read_access("clickhouse.json")
    port = free_port(_port_of(last.get("url", "")), taken=taken)
    access = ClickHouseAccess(
        url=f"http://{LOOPBACK}:{port}",
        user=last.get("user") or "meterhouse",
        password=last.get("password") or new_password(),
        database=last.get("database") or DATABASE,
    )
    data.write_access(
        "clickhouse.json",
        {"url": access.url, "user": access.user, "password": access.password, "database": access.database},
    )
    return access


async def _nats_is_ready(url: str) -> bool:
    return bool(await nats_info(url))


class _Missing:
    """Asks the edge what it misses, and says what it no longer misses and, now and then, what it still does."""

    def __init__(self, url: str, screen: Screen) -> None:
        self._url = url
        self._screen = screen
        self._said_at = time.monotonic()
        self._waited_for = ["policy", "router", "ledger"]

    async def is_none(self) -> bool:
        ready, missing = await readiness(self._url)
        parts = {part.partition(":")[0] for part in missing}
        if not parts & {"edge", NATS}:  # else it cannot know of the others
            for part in [part for part in self._waited_for if part not in parts]:
                self._waited_for.remove(part)
                self._screen.step(part, "ready")
        if not ready and time.monotonic() - self._said_at > SAY_WHAT_IS_MISSING_EVERY_S:
            self._said_at = time.monotonic()
            self._screen.step("edge", f"waits for {', '.join(missing) or 'the others'}")
        return ready


def _port_of(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def _reached_at(host: str) -> str:
    """Return how this machine reaches a server that listens on `host`."""
    if host in ("", "0.0.0.0"):
        return LOOPBACK
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
