"""A bucket mirrored in memory: read without I/O, never more than a moment behind."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from shared.bus.connection import Bus
from shared.bus.failures import BusError
from shared.bus.headers import header_value
from shared.bus.reader import Reader, Stored

log = structlog.get_logger()

T = TypeVar("T")

FOLLOW_AGAIN_S = 0.2


def kv_stream(bucket: str) -> str:
    return f"KV_{bucket}"


def kv_subject(bucket: str, key: str) -> str:
    return f"$KV.{bucket}.{key}"


def put(bus: Bus, bucket: str, key: str, value: bytes, *, expected: int | None = None) -> asyncio.Future[int]:
    """Store `value` under `key`; with `expected` only if the entry is still at that revision (0: absent)."""
    return bus.store(kv_subject(bucket, key), value, expected_last=expected)


def delete(bus: Bus, bucket: str, key: str) -> asyncio.Future[int]:
    return bus.store(kv_subject(bucket, key), b"", headers={"KV-Operation": "DEL"})


class KvView(Generic[T]):
    """`entries` holds what the bucket holds. An entry that cannot be decoded is kept out and logged."""

    def __init__(self, bus: Bus, bucket: str, decode: Callable[[bytes], T]) -> None:
        self.entries: dict[str, T] = {}
        self.revisions: dict[str, int] = {}  # of each entry, removed and unreadable ones too
        self._prefix = len(kv_subject(bucket, ""))
        self._decode = decode
        self._bucket = bucket
        self._reader = Reader(bus, kv_stream(bucket), subject=kv_subject(bucket, ">"), deliver="last_per_subject")
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[str, T | None], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()

    def on_change(self, listener: Callable[[str, T | None], None]) -> None:
        """Call `listener(key, value)` for each change, None for a removal."""
        self._listeners.append(listener)

    async def start(self, timeout_s: float = 10.0) -> None:
        """Read what is there, then keep following.

        Raises:
            BusError: the bucket could not be read within `timeout_s`.
        """
        self._task = asyncio.get_running_loop().create_task(self._follow())
        try:
            async with asyncio.timeout(timeout_s):
                await self._caught_up.wait()
        except TimeoutError:
            raise BusError(f"bucket {self._bucket} could not be read within {timeout_s:g} s") from None

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Return True once `condition` holds, False when it did not within `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
        await self._reader.close()

    async def _follow(self) -> None:
        while True:
            try:
                for message in await self._reader.next_batch(1_000, 1.0 if self._caught_up.is_set() else 0.05):
                    self._apply(message)
            except Exception:  # a view that stops following is worse than any failure of one step
                log.exception("a bucket's view stumbled", bucket=self._bucket)
                await asyncio.sleep(FOLLOW_AGAIN_S)
            if not self._caught_up.is_set() and self._reader.is_caught_up:
                self._caught_up.set()

    def _apply(self, message: Stored) -> None:
        key = message.subject[self._prefix :]
        self.revisions[key] = message.seq
        value = self._value(key, message)
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value
        self._changed.set()
        for listener in self._listeners:
            try:
                listener(key, value)
            except Exception:
                log.exception("a listener to a bucket failed", bucket=self._bucket, key=key)

    def _value(self, key: str, message: Stored) -> T | None:
        if header_value(message.headers, "KV-Operation") is not None:
            return None
        try:
            return self._decode(message.data)
        except Exception:  # what it was before must not count either: a blocked key would be served
            log.exception("an entry cannot be read", bucket=self._bucket, key=key)
            return None
