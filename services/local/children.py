"""The processes of an embedded gateway: the command of each, and what its environment tells it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from services.edge.settings import EdgeSettings
from services.ledger.embedded.settings import EmbeddedSettings
from services.local.nats_server import NatsServer
from services.local.supervisor import Child
from services.router.settings import RouterSettings

NATS = "nats"
CLICKHOUSE = "clickhouse"
SERVICES = ("policy", "router", "ledger", "edge")
STOP_ORDER = (("edge",), ("router",), ("policy", "ledger"), (CLICKHOUSE, NATS))
"""Edge first: it finishes what is in flight, which needs all the others."""

AFTER_DRAINING_S = 10.0  # to store what is left, and to say goodbye


@dataclass(frozen=True)
class ClickHouseAccess:
    """How the database is reached. `url` is without credentials."""

    url: str
    user: str
    password: str
    database: str

    @property
    def full_url(self) -> str:
        """The one URL that says all of it; not for printing."""
        parts = urlsplit(self.url)
        user, password, database = (quote(part, safe="") for part in (self.user, self.password, self.database))
        return f"{parts.scheme}://{user}:{password}@{parts.netloc}/{database}"


@dataclass(frozen=True)
class Gateway:
    """What the processes have to be told."""

    data: Path
    config: Path | None
    host: str
    port: int
    nats_url: str
    clickhouse_url: str  # with credentials
    master_key: str
    log_level: str
    log_json: bool


def nats_child(server: NatsServer, config: Path, *, lock: int) -> Child:
    # On a machine it shares with all the others, nats-server's idle threads look for work that is not there: with half
    # of the processors it takes a quarter less CPU a request, measured on two. GOMAXPROCS in the environment wins.
    processors = max(1, (os.cpu_count() or 2) // 2)
    environment = {"GOMAXPROCS": str(processors), **os.environ}
    return Child(NATS, (str(server.path), "--config", str(config)), environment, keeps=(lock,))


def clickhouse_child(gateway: Gateway, access: ClickHouseAccess, *, lock: int) -> Child:
    port = urlsplit(access.url).port or 0
    settings = EmbeddedSettings(
        data=gateway.data, clickhouse_port=port, clickhouse_user=access.user, clickhouse_password=access.password
    )
    environment = _common(gateway) | {
        "METERHOUSE_DATA": str(gateway.data),
        "METERHOUSE_CLICKHOUSE_PORT": str(port),
        "METERHOUSE_CLICKHOUSE_USER": access.user,
        "METERHOUSE_CLICKHOUSE_PASSWORD": access.password,
    }
    stop_within_s = settings.clickhouse_drain_s + AFTER_DRAINING_S
    return Child(CLICKHOUSE, _python("services.ledger.embedded"), environment, stop_within_s, (lock,))


def service_children(gateway: Gateway) -> list[Child]:
    """Return policy, router, ledger and edge, in the order to start them; each is told no more than it needs."""
    common = _common(gateway)
    for_edge = {
        "METERHOUSE_MASTER_KEY": gateway.master_key,
        "METERHOUSE_HOST": gateway.host,
        "METERHOUSE_PORT": str(gateway.port),
    }
    return [
        Child("policy", _python("services.policy"), common),
        Child("router", _python("services.router"), common, stop_within_s=RouterSettings().drain_s + AFTER_DRAINING_S),
        Child("ledger", _python("services.ledger"), common | {"METERHOUSE_CLICKHOUSE_URL": gateway.clickhouse_url}),
        Child(
            "edge",
            _python("services.edge"),
            common | for_edge,
            stop_within_s=EdgeSettings().drain_s + AFTER_DRAINING_S,
        ),
    ]


def _python(module: str) -> tuple[str, ...]:
    # -P: a directory named `services` where the operator stands is not ours.
    return (sys.executable, "-P", "-m", module)


def _common(gateway: Gateway) -> dict[str, str]:
    """Return the environment of the operator, without what is not for everybody, and what all have to know."""
    environment: Mapping[str, str] = os.environ
    told = {name: value for name, value in environment.items() if name not in _NOT_FOR_EVERYBODY}
    told |= {
        "METERHOUSE_NATS_URL": gateway.nats_url,
        "METERHOUSE_LOG_LEVEL": gateway.log_level,
        "METERHOUSE_LOG_JSON": "true" if gateway.log_json else "false",
    }
    if gateway.config is not None:
        told["METERHOUSE_CONFIG"] = str(gateway.config)
    return told


# The master key stays, where it is the operator's own: a config may refer to it, and each service reads the config.
_NOT_FOR_EVERYBODY = (
    "METERHOUSE_CLICKHOUSE_PASSWORD",
    "METERHOUSE_CLICKHOUSE_URL",
    "METERHOUSE_DATA",
    "METERHOUSE_HOST",
    "METERHOUSE_PORT",
)
