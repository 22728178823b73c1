"""chDB's engine: opened once on one directory, and handles on it. Everything here blocks; call it from threads."""

import fcntl
import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from services.ledger.embedded.configuration import server_xml, session_settings
from services.ledger.embedded.failure import QueryFailed, engine_failure
from services.ledger.embedded.sizing import Sizing
from services.ledger.embedded.upload import remove_left_behind


class CannotOpen(Exception):
    """The engine does not start on this directory; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer in its format, with the engine's counts. `result_rows` of an insert are the rows that were sent."""

    body: bytes
    result_rows: int
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    elapsed_s: float


class Handle:
    """One query at a time, from one thread. SET and USE last as long as it does."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: bytes | str, *, format: str = "Null", parameters: Mapping[str, str] | None = None) -> Result:
        """Run one statement; `format` is used when it names none.

        Raises:
            QueryFailed: what the engine says.
        """
        try:
            result = self._connection.query(sql, format, params=dict(parameters or {}))
        except RuntimeError as error:
            raise engine_failure(str(error)) from error
        return Result(
            body=result.bytes() or b"",
            result_rows=result.rows_read(),
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            elapsed_s=result.elapsed(),
        )

    def apply(self, settings: Mapping[str, str]) -> None:
        """Set all of them or, if one is unknown or malformed, fail. Names must be identifiers."""
        if settings:
            self.run("SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items()))


class Engine:
    """Handles cost 0.2 ms to open, so each request gets a new one: nothing it sets is left to the next.

    (A handle made read-only can never be made writable again, and SET, USE and failed SETs would have to be undone.)
    """

    def __init__(self, connect: Any, address: str, scratch: Path, directory_lock: BinaryIO) -> None:
        """Use `open` instead."""
        self._directory_lock = directory_lock
        self._connect = connect
        self._address = address
        self._first = connect(address)  # the engine lives as long as a handle does
        self._running = 0
        self._lock = threading.Lock()
        self.scratch = scratch
        with self.handle() as handle:
            version, timezone = handle.run("SELECT version(), timezone() FORMAT TSV").body.decode().split()
        self.version: str = version
        self.timezone: str = timezone

    @classmethod
    def open(cls, data_dir: Path, sizing: Sizing, *, fsync: bool) -> Self:
        """Open DATA/clickhouse, creating what is missing. Takes about a second, most of it to load the engine.

        Raises:
            CannotOpen
        """
        directory = data_dir.resolve() / "clickhouse"
        if any(mark in str(directory) for mark in "?&#"):
            raise CannotOpen(f"the data directory's name must not contain ?, & or #: {directory}")
        configuration = data_dir.resolve() / "clickhouse.xml"
        backups = data_dir.resolve() / "backups"
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            backups.mkdir(exist_ok=True, mode=0o700)
            lock = _take(data_dir / "clickhouse.lock")
            configuration.write_text(server_xml(sizing, backups=backups, fsync=fsync))
            remove_left_behind(data_dir)
        except OSError as error:
            raise CannotOpen(f"the data directory cannot be used: {error}") from error
        os.environ["TZ"] = "UTC"  # the engine reads it while loading: days are days in UTC, as in ClickHouse's image
        # here, because loading takes half a second and 200 MB that other processes do not need
        connect = importlib.import_module("chdb._chdb").connect

        options = {"config-file": str(configuration), **session_settings(sizing)}
        address = f"{directory}?" + "&".join(f"{name}={value}" for name, value in options.items())
        try:
            return cls(connect, address, data_dir, lock)
        except RuntimeError as error:
            lock.close()
            reason = engine_failure(str(error)).text
            raise CannotOpen(f"the engine does not open {directory}: {reason}; see the lines above") from error

    @property
    def running(self) -> int:
        """Handles in use."""
        return self._running

    @contextmanager
    def handle(self) -> Iterator[Handle]:
        """Give a new handle with the settings every request starts from."""
        connection = self._connect(self._address)
        with self._lock:
            self._running += 1
        try:
            yield Handle(connection)
        finally:
            with self._lock:
                self._running -= 1
            connection.close()

    def cancel(self, query_id: str) -> None:
        """Stop the queries of that id, within the time they take to notice."""
        with self.handle() as handle:
            handle.run(f"KILL QUERY WHERE Settings['log_comment'] = {quoted(query_id)} ASYNC")

    def cancel_all(self) -> None:
        try:
            with self.handle() as handle:
                handle.run("KILL QUERY WHERE query_id != queryID() ASYNC")
        except QueryFailed:
            return  # it is about to be closed anyway

    def close(self) -> None:
        """Close; no handle may be in use."""
        self._first.close()
        self._directory_lock.close()


def _take(path: Path) -> BinaryIO:
    """Return the lock's open file; the lock ends with it, or with the process.

    The engine has a lock of its own, but says only on stderr that it is taken, and after half a second.
    """
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise CannotOpen(f"another process has {path.parent} open: stop it, or use another directory") from error
    return lock


def quoted(text: str) -> str:
    """Return an SQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quoted_name(name: str) -> str:
    """Return an SQL name."""
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
