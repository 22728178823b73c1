"""The database's schema: numbered SQL files, applied once each and never edited afterwards.

One template serves a single server and a cluster: `{on_cluster}`, `{replicated}` and `{deduplication_window}` differ.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from services.ledger.schema.fields import COST_FIELDS, REQUEST_FIELDS

WINDOW = 10_000  # batches whose insert may be repeated without being written again
WINDOW_S = 604_800
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Migration(NamedTuple):
    """One file: its number, its name, and its statements in order."""

    version: int
    name: str
    statements: tuple[str, ...]


def migrations(database: str, cluster: str) -> list[Migration]:
    """Return all files in order, rendered for `database`; `cluster` is "" for a single server.

    Raises:
        ValueError: a name that is no SQL identifier.
    """
    values = _values(database, cluster)
    found = []
    for file in files(__name__).iterdir():
        named = _NAME.fullmatch(file.name)
        if named:
            found.append(Migration(int(named[1]), file.name, _statements(_render(file.read_text(), values))))
    return sorted(found)


def first_statements(database: str, cluster: str) -> tuple[str, ...]:
    """Return what must exist before a version can be asked for: the database and its table of versions.

    Atomic is said, because the engine's default database may be of a kind that knows no views.
    """
    text = """
CREATE DATABASE IF NOT EXISTS {database} {on_cluster} ENGINE = Atomic;
CREATE TABLE IF NOT EXISTS {database}.schema_versions {on_cluster} (
    version UInt32,
    name String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {replicated}ReplacingMergeTree
ORDER BY version;
"""
    return _statements(_render(text, _values(database, cluster)))


def _values(database: str, cluster: str) -> dict[str, str]:
    for name in (database, cluster or "x"):
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"not a name ClickHouse takes unquoted: {name!r}")
    window = f"non_replicated_deduplication_window = {WINDOW}"
    if cluster:
        window = f"replicated_deduplication_window = {WINDOW}, replicated_deduplication_window_seconds = {WINDOW_S}"
    return {
        "database": database,
        "on_cluster": f"ON CLUSTER {cluster}" if cluster else "",
        "replicated": "Replicated" if cluster else "",
        "deduplication_window": window,
        "fields": REQUEST_FIELDS,
        "cost_fields": COST_FIELDS,
    }


def _render(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda mark: values[mark[1]], text)


def _statements(text: str) -> tuple[str, ...]:
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return tuple(part.strip() for part in re.split(r";\s*(?:\n|$)", bare) if part.strip())
