"""Who decides for which partition: leases in a bucket, taken by compare-and-set and renewed.

A lease says whom to ask; what makes a second owner harmless to budgets is the journal, which refuses the writes of the
one that was replaced. No host's clock is compared with another's: a lease is over for its holder LEASE_S after the
last renewal was sent, and for everybody else when its entry has not changed for a little longer than that. A process
that restarts under its own name takes its partitions back at once.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from shared import subjects
from shared.bus import Bus, BusError, Conflict, KvView, kv, newest

log = structlog.get_logger()

LEASE_S = 3.0
RENEW_S = 1.0
MARGIN_S = 0.2


class Lease(msgspec.Struct, frozen=True):
    """`name` survives a restart of the process, `process` does not."""

    name: str
    process: str
    until: float  # seconds since 1970; 0: given back


class _Seen(NamedTuple):
    """An entry as the bucket has it, and since when it has not changed, by this process's own clock."""

    lease: Lease
    since: float


class _Held(NamedTuple):
    """Both clocks must agree that a lease lasts: one of them may have stood still while the process slept."""

    until: float  # monotonic
    until_wall: float
    sent: float  # monotonic: when it was last renewed


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Lease).decode


class Leases:
    """The leases this process holds of `partitions`, by number, with the revision of each."""

    def __init__(self, bus: Bus, name: str, partitions: int) -> None:
        self._bus = bus
        self._name = name
        self._partitions = partitions
        self._on_loss: Callable[[], None] = lambda: None
        self._view: KvView[Lease] = KvView(bus, subjects.OWNERS_BUCKET, _decode)
        self._view.on_change(self._on_entry)
        self._seen: dict[int, _Seen] = {}
        self._former: set[str] = set()  # earlier lives of this process: they are over
        self._held: dict[int, _Held] = {}
        self._left_until: dict[int, float] = {}  # monotonic: of those that others shall take
        self._revisions: dict[int, int] = {}

    def on_loss(self, callback: Callable[[], None]) -> None:
        """Call `callback` when somebody else has taken a lease that was held here."""
        self._on_loss = callback

    async def start(self) -> None:
        await self._view.start()
        self._former = {seen.lease.process for seen in self._seen.values() if seen.lease.name == self._name}

    async def stop(self) -> None:
        await self._view.stop()

    def holds(self, number: int) -> bool:
        """Return whether this process may decide for the partition now."""
        held = self._held.get(number)
        return held is not None and time.monotonic() < held.until and time.time() < held.until_wall

    def held(self) -> set[int]:
        return {number for number in self._held if self.holds(number)}

    def drop(self, number: int) -> None:
        self._held.pop(number, None)
        self._revisions.pop(number, None)

    async def leave(self, number: int, for_s: float) -> None:
        """Give a partition back that cannot be served here, and do not take it for so long: another one may do it."""
        self._left_until[number] = time.monotonic() + for_s
        await self._give_back(number)

    async def renew(self) -> None:
        """Take what is free, keep what is ours. Call it a few times a second; it does what is due."""
        due = [number for number in range(self._partitions) if self._is_due(number)]
        if due:
            await asyncio.gather(*[self._take(number) for number in due])

    async def release(self) -> None:
        """Give everything back, so that another takes over without waiting for the leases to end."""
        await asyncio.gather(*[self._give_back(number) for number in list(self._held)])

    async def _give_back(self, number: int) -> None:
        revision = self._revisions.get(number)
        self.drop(number)
        if revision is None:
            return  # nobody knows whether it is still ours
        try:
            await kv.put(self._bus, subjects.OWNERS_BUCKET, str(number), self._lease(0.0), expected=revision)
        except BusError as error:
            log.debug("a lease was left to end by itself", partition=number, error=str(error))

    def _is_due(self, number: int) -> bool:
        if number in self._revisions and (held := self._held.get(number)) is not None:
            return time.monotonic() >= held.sent + RENEW_S
        if time.monotonic() < self._left_until.get(number, 0.0):
            return False
        return self._may_take(self._seen.get(number))

    def _may_take(self, seen: _Seen | None) -> bool:
        if seen is None:
            return True
        lease = seen.lease
        if lease.process == self._bus.process or lease.process in self._former or lease.until == 0:
            return True
        return time.monotonic() >= seen.since + LEASE_S + MARGIN_S

    async def _take(self, number: int) -> None:
        revision = self._revisions.get(number)
        if revision is None:
            revision = await self._free_revision(number)
            if revision is None:
                return
        now, wall = time.monotonic(), time.time()
        lease = self._lease(wall + LEASE_S)
        try:
            self._revisions[number] = await kv.put(
                self._bus, subjects.OWNERS_BUCKET, str(number), lease, expected=revision
            )
            self._held[number] = _Held(now + LEASE_S, wall + LEASE_S, now)
        except Conflict:
            self.drop(number)
        except BusError as error:
            self._revisions.pop(number, None)
            log.debug("a lease could not be renewed", partition=number, error=str(error))

    async def _free_revision(self, number: int) -> int | None:
        """Return the revision of an entry that may be taken, 0 where there is none; None: it may not."""
        bucket = subjects.OWNERS_BUCKET
        try:
            found = await newest(self._bus, kv.kv_stream(bucket), kv.kv_subject(bucket, str(number)))
            if found is None:
                return 0
            lease = _decode(found.data)
        except BusError:
            return None
        except msgspec.DecodeError as error:
            log.error("a lease cannot be read, and is replaced", partition=number, error=str(error))
            return found.seq if found is not None else None
        seen = self._seen.get(number)
        if seen is None or seen.lease != lease:
            seen = self._seen[number] = _Seen(lease, time.monotonic())  # it was renewed since
        return found.seq if self._may_take(seen) else None

    def _on_entry(self, key: str, lease: Lease | None) -> None:
        if not key.isdecimal():
            return
        number = int(key)
        if lease is None:
            self._seen.pop(number, None)
            return
        self._seen[number] = _Seen(lease, time.monotonic())
        if lease.process == self._bus.process or number not in self._held:
            return
        if self._view.revisions[key] > self._revisions.get(number, 0):
            log.warning("another process took a partition over", partition=number, name=lease.name)
            self.drop(number)
            self._on_loss()

    def _lease(self, until: float) -> bytes:
        return _encode(Lease(self._name, self._bus.process, until))
