"""Loading and saving aggregates: the library's domain model over the awaited recorder."""

from typing import TypeVar, cast
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate
from eventsourcing.persistence import Mapper, StoredEvent

from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.transcoder import PlainJson

A = TypeVar("A", bound=BaseAggregate[UUID])


class Aggregates:
    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._mapper: Mapper[UUID] = Mapper(PlainJson())

    async def load(self, kind: type[A], id: UUID, *, version: int | None = None) -> A | None:
        """Return the aggregate as its events (those up to `version`) left it, or None.

        Raises:
            OperationalError: the event store could not be read.
        """
        aggregate: BaseAggregate[UUID] | None = None
        for stored in await self._recorder.select(id, lte=version):
            aggregate = self.event_of(stored).mutate(aggregate)
        if aggregate is not None and not isinstance(aggregate, kind):
            raise TypeError(f"{id} is a {type(aggregate).__name__}, not a {kind.__name__}")
        return aggregate

    async def save(self, *aggregates: BaseAggregate[UUID]) -> list[int]:
        """Store what happened to all of `aggregates`, or nothing; return the events' notification ids.

        Raises:
            IntegrityError: one of them was changed since it was loaded.
            OperationalError: the event store did not take it in time; it may or may not be stored.
        """
        events: list[StoredEvent] = []
        for aggregate in aggregates:
            events += [self._mapper.to_stored_event(event) for event in aggregate.collect_events()]
        return await self._recorder.insert(events)

    def event_of(self, stored: StoredEvent) -> AggregateEvent:
        return cast("AggregateEvent", self._mapper.to_domain_event(stored))
