"""Meterhouse under load: started as an operator starts it, with the virtual keys that the cases call with."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import yaml

from bench.cases import config_models
from bench.children import LOOPBACK, Failed, call, call_json, free_port, running, wait_until_200
from bench.keys import make_keys
from bench.measure import ROOT, Target

ROLES = ("nats-server", "edge", "policy", "router", "ledger", "clickhouse", "supervisor")
_ROLE_BY_COMMAND = (
    ("clickhouse", re.compile(r"\bservices\.ledger\.embedded\b|\bclickhouse[- ]server\b")),
    ("nats-server", re.compile(r"nats-server\b.*--config|nats-server\b.*-c ")),
    ("edge", re.compile(r"-m services\.edge\b|\bserve edge\b")),
    ("policy", re.compile(r"-m services\.policy\b|\bserve policy\b")),
    ("router", re.compile(r"-m services\.router\b|\bserve router\b")),
    ("ledger", re.compile(r"-m services\.ledger\b|\bserve ledger\b")),
)
_MASTER_KEY = "sk-bench-master-key"
_READY_WITHIN_S = 120.0
_BUDGET_USD = 1_000_000


def role_of(command: str) -> str | None:
    """Return the role of a process by its command line, None where that does not tell."""
    return next((role for role, pattern in _ROLE_BY_COMMAND if pattern.search(command)), None)


class Stored(NamedTuple):
    """What a key's calls left in the books."""

    rows: int
    rows_usd: Decimal
    key_usd: Decimal


class Books:
    """Reads what the gateway stored: the rows straight from its ClickHouse, the key's spend from the admin API."""

    def __init__(self, data: Path, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._access = json.loads((data / "clickhouse.json").read_bytes())

    def rows(self) -> int:
        """Return the number of calls that ClickHouse knows; all of them are ours."""
        return int(self._query("SELECT count() FROM requests"))

    def read(self) -> Stored:
        rows, usd = self._query("SELECT count(), toString(sum(cost)) FROM requests").split("\t")
        info = call_json("GET", f"{self._url}/key/info?key={self._key}", key=_MASTER_KEY)
        return Stored(rows=int(rows), rows_usd=Decimal(usd), key_usd=Decimal(info["info"]["spend"]))

    def _query(self, sql: str) -> str:
        status, answer = call(
            "POST",
            f"{self._access['url']}/?database={self._access['database']}",
            body=sql.encode(),
            headers={"x-clickhouse-user": self._access["user"], "x-clickhouse-key": self._access["password"]},
        )
        if status != 200:
            raise Failed(f"ClickHouse answered {status} to {sql!r}: {answer[:300].decode(errors='replace')}")
        return answer.decode().strip()


@contextlib.contextmanager
def meterhouse(work: Path, upstream_url: str, wanted: Collection[str]) -> Iterator[tuple[Target, Books]]:
    """Run a gateway on a new data directory in `work` while the block runs, with the keys that are `wanted`.

    Raises:
        Failed: it did not become ready; with the end of its log.
    """
    program = Path(sys.executable).parent / "meterhouse"
    if not program.exists():
        raise Failed("The command `meterhouse` is not installed beside this Python: use `make bench`, which does that.")
    config, data, log = work / "meterhouse.yaml", work / "data", work / "meterhouse.log"
    settings = {"model_list": config_models(upstream_url), "general_settings": {"master_key": _MASTER_KEY}}
    config.write_text(yaml.safe_dump(settings))
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METERHOUSE_")}
    command: list[str | Path] = [program, "up", "--config", config, "--data", data, "--port", str(port)]
    with running("Meterhouse", command, log=log, cwd=ROOT, environment=environment) as process:
        wait_until_200("Meterhouse", f"{url}/health/readiness", process, log=log, within_s=_READY_WITHIN_S)
        models = [str(model["model_name"]) for model in config_models(upstream_url)]
        made = call_json(
            "POST",
            f"{url}/key/generate",
            key=_MASTER_KEY,
            body={"max_budget": _BUDGET_USD, "models": models, "key_alias": "bench", "metadata": {"user": "bench"}},
        )
        books = Books(data, url, made["key"])
        keys = {"bench": made["key"], **make_keys(url, _MASTER_KEY, wanted, models, work)}
        yield (
            Target(
                name="Meterhouse",
                url=url,
                keys=keys,
                pid=process.pid,
                role_of=role_of,
                main_role="supervisor",
                behind=lambda answered: answered - books.rows(),
            ),
            books,
        )
