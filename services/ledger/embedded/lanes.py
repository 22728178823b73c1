"""How many requests run at a time, how many may wait for that, and how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.ledger.embedded.failure import TOO_MANY_SIMULTANEOUS_QUERIES, QueryFailed, refused


class Lane:
    """Slots for one kind of work. Inserts and queries have a lane each and so never wait for each other."""

    def __init__(self, work: str, *, slots: int, waiting: int, wait_s: float) -> None:
        self._work = work
        self._free = asyncio.Semaphore(slots)
        self._slots = slots
        self._room = waiting
        self._wait_s = wait_s

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot.

        Raises:
            QueryFailed: 202 with status 503, which clients repeat: too many wait already, or this one waited too long.
        """
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    async def _wait(self) -> None:
        if self._room <= 0:
            raise self._busy("too many wait already")
        self._room -= 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy(f"none became free within {self._wait_s:g} s") from None
        finally:
            self._room += 1

    def _busy(self, why: str) -> QueryFailed:
        reason = f"Too many simultaneous queries: all {self._slots} slots for {self._work} are taken, and {why}."
        return refused(TOO_MANY_SIMULTANEOUS_QUERIES, "TOO_MANY_SIMULTANEOUS_QUERIES", reason)
