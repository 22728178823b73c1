"""Follows CONTROL: writes entries of the KEYS bucket that a crash left behind, and publishes the facts of keys.

Any number may run: an entry is only ever replaced by a newer one, and a fact's message id is the event's sequence, so
that a second one is dropped. The position is stored after a batch is done; a process that comes late, or wakes after
a long pause, goes on from where the others are. Delivery is at least once: should a batch be done again after more
than the stream's dedup window, its facts come twice, with the same ids.
"""

import asyncio
from uuid import UUID

import msgspec
import structlog
from eventsourcing.domain import AggregateEvent, EventSourcingError
from eventsourcing.persistence import OperationalError

from services.policy.control.keys.key_facts import fact_of
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.projection.key_projection import show
from services.policy.control.projection.position import Position, bucket_made_at, move_position, stored_position
from services.policy.control.store.aggregates import Aggregates
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.wire import event_of
from shared import subjects
from shared.bus import Bus, BusError, Outbox, Reader, Stored
from shared.facts import encode_fact

log = structlog.get_logger()

BATCH_MAX = 500
_WAIT_S = 1.0
_RETRY_WAIT_S = 0.5
_OF_KEYS = f"{VirtualKey.TOPIC}."


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
                log.warning("keys are not projected at the moment", error=str(error))
            except (EventSourcingError, msgspec.DecodeError) as error:
                log.error("keys are not projected", at=self._position.shown, error=repr(error))
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
        bucket = await bucket_made_at(self._bus)
        if position.bucket != bucket:
            if position.bucket:
                log.warning("the KEYS bucket is a new one: it is filled from the first event on")
            position = Position(0, position.published, bucket)
        self._position = position

    async def _project(self, batch: list[Stored]) -> bool:
        """Show and publish what happened in `batch`; False when somebody else has moved the position."""
        _, revision = await stored_position(self._bus)
        if revision != self._revision:
            return False
        touched: dict[UUID, VirtualKey] = {}
        facts = []
        for message in batch:
            stored = event_of(message)
            if not stored.topic.startswith(_OF_KEYS):
                continue
            event = self._aggregates.event_of(stored)
            key = touched[event.originator_id] = await self._key_at(event, touched.get(event.originator_id))
            if message.seq > self._position.published:
                facts.append(fact_of(event, key, message.seq))
        for key in touched.values():
            await show(self._bus, key)
        await asyncio.gather(*(self._outbox.put(fact.subject, encode_fact(fact), fact.id) for fact in facts))
        done = batch[-1].seq
        position = Position(done, max(done, self._position.published), self._position.bucket)
        moved = await move_position(self._bus, position, revision=revision)
        if moved is None:
            return False
        self._position, self._revision = position, moved
        return True

    async def _key_at(self, event: AggregateEvent, known: VirtualKey | None) -> VirtualKey:
        """Return the key as `event` left it; `known` is the same key at an earlier version."""
        if known is not None and known.version == event.originator_version - 1:
            event.mutate(known)
            return known
        key = await self._aggregates.load(VirtualKey, event.originator_id, version=event.originator_version)
        if key is None:
            raise BusError(f"the events of {event.originator_id} are not readable yet")
        return key
