"""Follows CONTROL: writes entries of KEYS and HOLDERS that a crash left behind, and publishes the facts of both.

Any number may run: an entry is only ever replaced by a newer one, and a fact's message id is the event's sequence, so
that a second one is dropped. The position is stored after a batch is done; a process that comes late, or wakes after
a long pause, goes on from where the others are. Delivery is at least once: should a batch be done again after more
than the stream's dedup window, its facts come twice, with the same ids.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import structlog
from eventsourcing.domain import AggregateEvent, BaseAggregate, EventSourcingError
from eventsourcing.persistence import OperationalError

from services.policy.control.holders import holder_facts
from services.policy.control.holders.kinds import KINDS
from services.policy.control.keys import key_facts
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.projection import holder_projection, key_projection
from services.policy.control.projection.position import Position, buckets_made_at, move_position, stored_position
from services.policy.control.store.aggregates import Aggregates
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.wire import event_of
from shared import subjects
from shared.bus import Bus, BusError, Outbox, Reader, Stored
from shared.facts import encode_fact
from shared.facts.header import Fact

log = structlog.get_logger()

BATCH_MAX = 500
_WAIT_S = 1.0
_RETRY_WAIT_S = 0.5


class _Kind(NamedTuple):
    """How one kind of aggregate is shown, and which fact is published of its events."""

    aggregate: type[BaseAggregate[UUID]]
    show: Callable[[Bus, Any], Awaitable[None]]
    fact_of: Callable[[AggregateEvent, Any, int], Fact]


_KINDS = {
    f"{VirtualKey.TOPIC}.": _Kind(VirtualKey, key_projection.show, key_facts.fact_of),
    **{f"{kind.TOPIC}.": _Kind(kind, holder_projection.show, holder_facts.fact_of) for kind in KINDS.values()},
}
"""By what the topics of its events begin with."""


class Projector:
    def __init__(self, bus: Bus, outbox: Outbox) -> None:
        self._bus = bus
        self._outbox = outbox
        self._recorder = EventRecorder(bus)
        self._aggregates = Aggregates(self._recorder)
        self._position = Position()
        self._revision = 0

    async def run(self) -> None:
        """Until cancelled. An event that cannot be read stops it, loudly: skipped, its fact would be lost."""
        while True:
            try:
                await self._follow()
            except (BusError, TimeoutError) as error:
                log.warning("keys and holders are not projected at the moment", error=str(error))
            except (EventSourcingError, msgspec.DecodeError) as error:
                log.error("keys and holders are not projected", at=self._position.shown, error=repr(error))
            else:
                continue
            await asyncio.sleep(_RETRY_WAIT_S)

    async def _follow(self) -> None:
        """Go on from the stored position until somebody else has moved it."""
        await self._take_up()
        reader = Reader(self._bus, subjects.CONTROL, start=self._position.shown + 1)
        try:
            while True:
                batch = await reader.next_batch(BATCH_MAX, _WAIT_S)
                if batch and not await self._project(batch):
                    return
        finally:
            await reader.close()

    async def _take_up(self) -> None:
        position, self._revision = await stored_position(self._bus)
        last = await self._recorder.max_notification_id() or 0
        if position.shown > last:
            raise OperationalError(
                f"CONTROL ends at {last} but was projected to {position.shown}: an older copy of it was restored. "
                f"Purge the stream KV_{subjects.POSITIONS_BUCKET} to project it anew"
            )
        buckets = await buckets_made_at(self._bus)
        if position.buckets != buckets:
            if position.shown:
                log.warning("a bucket is a new one: both are filled from the first event on")
            position = Position(0, position.published, *buckets)
        self._position = position

    async def _project(self, batch: list[Stored]) -> bool:
        """Show and publish what happened in `batch`; False when somebody else has moved the position."""
        _, revision = await stored_position(self._bus)
        if revision != self._revision:
            return False
        touched: dict[UUID, tuple[_Kind, BaseAggregate[UUID]]] = {}
        facts = []
        for message in batch:
            stored = event_of(message)
            kind = _KINDS.get(stored.topic.partition(".")[0] + ".")
            if kind is None:
                continue
            event = self._aggregates.event_of(stored)
            known = touched.get(event.originator_id)
            changed = await self._at(event, kind, known[1] if known else None)
            touched[event.originator_id] = (kind, changed)
            if message.seq > self._position.published:
                facts.append(kind.fact_of(event, changed, message.seq))
        for kind, changed in touched.values():
            await kind.show(self._bus, changed)
        await asyncio.gather(*(self._outbox.put(fact.subject, encode_fact(fact), fact.id) for fact in facts))
        done = batch[-1].seq
        position = Position(done, max(done, self._position.published), *self._position.buckets)
        moved = await move_position(self._bus, position, revision=revision)
        if moved is None:
            return False
        self._position, self._revision = position, moved
        return True

    async def _at(self, event: AggregateEvent, kind: _Kind, known: BaseAggregate[UUID] | None) -> BaseAggregate[UUID]:
        """Return the aggregate as `event` left it; `known` is the same one at an earlier version."""
        if known is not None and known.version == event.originator_version - 1:
            event.mutate(known)
            return known
        found = await self._aggregates.load(kind.aggregate, event.originator_id, version=event.originator_version)
        if found is None:
            raise BusError(f"the events of {event.originator_id} are not readable yet")
        return found
