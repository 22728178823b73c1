"""The door to ClickHouse, a server or the embedded one: nothing else imports its client.

Two connections: one writes, the other may only read, so that no question can change or hold up what is written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import structlog
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from services.ledger.schema import first_statements, migrations

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5
WRITE_TIMEOUT_S = 120
READ_TIMEOUT_S = 60
QUERY_MAX_S = 30

# Said with every insert: servers differ in their defaults, and a repeated insert must be cut into the same blocks.
_INSERT_SETTINGS = {
    "async_insert": "0",
    "insert_deduplicate": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
}


class StoreError(Exception):
    """ClickHouse did not do it. Whether an insert was written is then unknown."""


class StoreAway(StoreError):
    """It does not answer, or is too busy: the same call may work later."""


class Address(NamedTuple):
    """Where ClickHouse is, out of a URL. `database` is the ledger's own."""

    host: str
    port: int
    secure: bool
    user: str
    password: str
    database: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read http(s)://user:password@host:port/database.

        Raises:
            ValueError: the part that is missing or wrong; never the password.
        """
        parts = urlsplit(url)
        database = parts.path.strip("/") or "meterhouse"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the ClickHouse URL must look like http://user:password@host:8123/database")
        secure = parts.scheme == "https"
        port = parts.port or (8443 if secure else 8123)
        return cls(
            parts.hostname, port, secure, unquote(parts.username or "default"), unquote(parts.password or ""), database
        )


class Store:
    """Open it with `open`; every call raises StoreAway or StoreError."""

    def __init__(self, address: Address, *, cluster: str = "") -> None:
        self._address = address
        self._cluster = cluster
        self._writer: AsyncClient | None = None
        self._reader: AsyncClient | None = None
        self._opening = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        return self._reader is not None

    async def open(self) -> None:
        """Connect, and bring the database's schema up to date. Once is enough: connections mend themselves."""
        async with self._opening:
            if self._reader is not None:
                return
            try:
                await self._prepare()
                database = self._address.database
                self._writer = self._writer or await self._connect(database, WRITE_TIMEOUT_S, {})
                reading = {"readonly": "2", "max_execution_time": str(QUERY_MAX_S)}
                self._reader = await self._connect(database, READ_TIMEOUT_S, reading)
            except (ClickHouseError, OSError) as error:
                raise _failure(error) from error

    async def insert(self, table: str, columns: Sequence[str], rows: bytes, *, token: str) -> None:
        """Write `rows` (RowBinary) as one insert; one with the same `token` is written once, views included."""
        if self._writer is None:
            raise StoreAway("not connected to ClickHouse yet")
        settings = {**_INSERT_SETTINGS, "insert_deduplication_token": token}
        try:
            await self._writer.raw_insert(table, list(columns), rows, settings, "RowBinary")
        except (ClickHouseError, OSError) as error:
            raise _failure(error) from error

    async def query(
        self, sql: str, parameters: Mapping[str, object] | None = None, *, as_bytes: Sequence[str] = ()
    ) -> list[tuple[Any, ...]]:
        """Return the rows; `parameters` fill `{name:Type}`. Columns in `as_bytes` come as bytes, not text."""
        if self._reader is None:
            raise StoreAway("not connected to ClickHouse yet")
        try:
            result = await self._reader.query(
                sql, parameters=dict(parameters or {}), column_formats=dict.fromkeys(as_bytes, "bytes")
            )
        except (ClickHouseError, OSError) as error:
            raise _failure(error) from error
        return [tuple(row) for row in result.result_rows]

    async def close(self) -> None:
        for client in (self._writer, self._reader):
            if client is not None:
                await client.close()
        self._writer = self._reader = None

    async def _prepare(self) -> None:
        database = self._address.database
        client = await self._connect(None, WRITE_TIMEOUT_S, {})
        try:
            for statement in first_statements(database, self._cluster):
                await client.command(statement)
            found = await client.query(f"SELECT max(version) FROM {database}.schema_versions")
            current: int = found.result_rows[0][0]
            known = migrations(database, self._cluster)
            if current > known[-1].version:
                raise StoreError(
                    f"The database {database} has schema version {current}, this release knows {known[-1].version}: "
                    "a newer release has used it. Run that one, or restore a backup."
                )
            for migration in known:
                if migration.version > current:
                    for statement in migration.statements:
                        await client.command(statement)
                    await client.command(
                        f"INSERT INTO {database}.schema_versions (version, name) VALUES",
                        data=f"({migration.version}, '{migration.name}')",
                    )
                    log.info("schema applied", database=database, file=migration.name)
        finally:
            await client.close()

    async def _connect(self, database: str | None, timeout_s: int, settings: dict[str, str]) -> AsyncClient:
        address = self._address
        return await clickhouse_connect.get_async_client(
            host=address.host,
            port=address.port,
            secure=address.secure,
            username=address.user,
            password=address.password,
            database=database or "default",
            settings=settings,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=timeout_s,
            compress=False,  # beside us it would only cost CPU
            client_name="meterhouse-ledger",
            autogenerate_session_id=False,  # a session runs one query at a time
        )


def _failure(error: Exception) -> StoreError:
    text = str(error).strip() or repr(error)
    return StoreAway(text) if isinstance(error, OperationalError | OSError) else StoreError(text)
