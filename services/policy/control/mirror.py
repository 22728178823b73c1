"""All entries of a bucket, as they are after everything that was written before the question."""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

import msgspec
import structlog
from eventsourcing.persistence import OperationalError

from services.policy.control.projection.bucket import is_removal
from shared.bus import Bus, BusError, KvView, newest, read
from shared.bus.kv import kv_stream, kv_subject

log = structlog.get_logger()

T = TypeVar("T")

SEEN_WITHIN_S = 2.0


class Mirror(Generic[T]):
    def __init__(
        self,
        bus: Bus,
        bucket: str,
        decode: Callable[[bytes], T],
        view: KvView[T] | None = None,
        *,
        own_name: Callable[[T], str] | None = None,
    ) -> None:
        """`view` is the process's own mirror of the bucket; without one, the bucket is read for each question.

        `own_name` says under which name an entry counts, where the bucket has the same one under others too.
        """
        self._own_name = own_name
        self._bus = bus
        self._bucket = bucket
        self._decode = decode
        self._view = view

    async def entries(self) -> Collection[T]:
        """Return them. One that cannot be read is left out.

        Raises:
            OperationalError: the bucket could not be read, or the view is behind.
        """
        try:
            if self._view is None:
                return await self._read()
            await self._catch_up(self._view)
            if self._own_name is None:
                return self._view.entries.values()
            return [entry for name, entry in self._view.entries.items() if self._own_name(entry) == name]
        except BusError as error:
            raise OperationalError(f"{self._bucket} could not be read: {error}") from error

    async def _catch_up(self, view: KvView[T]) -> None:
        """Another process may just have written what this one is asked for."""
        prefix = kv_subject(self._bucket, "")
        last = await newest(self._bus, kv_stream(self._bucket), f"{prefix}>")
        if last is None:
            return
        name, revision = last.subject[len(prefix) :], last.seq
        if not await view.wait_until(lambda: view.revisions.get(name, 0) >= revision, SEEN_WITHIN_S):
            raise OperationalError(f"the mirror of {self._bucket} is behind")

    async def _read(self) -> list[T]:
        found = []
        prefix = len(kv_subject(self._bucket, ""))
        for message in await read(self._bus, kv_stream(self._bucket), at_most=None):
            if is_removal(message):
                continue
            try:
                entry = self._decode(message.data)
                if self._own_name is None or self._own_name(entry) == message.subject[prefix:]:
                    found.append(entry)
            except msgspec.DecodeError as error:
                log.error("an entry cannot be read", subject=message.subject, error=str(error))
        return found
