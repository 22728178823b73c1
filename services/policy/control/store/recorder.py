"""Events of aggregates in JetStream, on the caller's own event loop."""

import asyncio
import os
import time
from collections.abc import Sequence
from uuid import UUID

from eventsourcing.persistence import IntegrityError, Notification, OperationalError, ProgrammingError, StoredEvent

from services.policy.control.store.wire import (
    CONTROL,
    WRITE,
    EventStream,
    Outgoing,
    event_of,
    message_of,
    notification_of,
    subjects_of,
)
from shared.bus import Bus, BusError, Conflict, NotStored, Stored, header_value, newest, read, store_batch

AT_ONCE_MAX = 1_000
"""JetStream's limit of messages that are stored all or none."""

PATIENCE_S = 8.0
"""How long a read or write is tried again while NATS is away."""

RETRY_WAIT_S = 0.1


class EventRecorder:
    """The library's application recorder, its methods awaited."""

    def __init__(self, bus: Bus, stream: EventStream = CONTROL) -> None:
        self._bus = bus
        self.stream = stream

    async def insert(self, events: Sequence[StoredEvent]) -> list[int]:
        """Store all of `events` or none; return their notification ids, consecutive and in order.

        A write whose outcome is unknown (the connection was lost, the answer late) is written again: its subject takes
        it once only, and what stands there afterwards says whose it is.

        Raises:
            IntegrityError: one of these versions is there already.
            OperationalError: it could not be stored in time; it may or may not be there.
        """
        if not events:
            return []
        if len(events) > AT_ONCE_MAX:
            raise ProgrammingError(f"{len(events)} events at once; at most {AT_ONCE_MAX} can be stored together")
        write = os.urandom(8).hex()
        messages = [message_of(self.stream, event, write) for event in events]
        deadline = time.monotonic() + PATIENCE_S
        unknown = False
        while True:
            try:
                last = await self._store(messages)
                return list(range(last - len(messages) + 1, last + 1))
            except Conflict as error:
                first = await self._first_stored(messages, write) if unknown else None
                if first is None:
                    raise IntegrityError(f"{messages[0][0]} is taken: {error}") from error
                return list(range(first, first + len(messages)))
            except BusError as error:
                if time.monotonic() > deadline:
                    raise OperationalError(f"{messages[0][0]} could not be stored: {error}") from error
                unknown = unknown or isinstance(error, NotStored)
                await asyncio.sleep(RETRY_WAIT_S)

    async def select(
        self,
        aggregate: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """Return the events of `aggregate`, by version; empty when it does not exist.

        Raises:
            OperationalError: the stream could not be read.
        """
        messages = await self._read_all(subjects_of(self.stream, aggregate))
        events = sorted((event_of(message) for message in messages), key=lambda event: event.originator_version)
        events = [
            event
            for event in events
            if (gt is None or event.originator_version > gt) and (lte is None or event.originator_version <= lte)
        ]
        if desc:
            events.reverse()
        return events if limit is None else events[:limit]

    async def select_notifications(
        self, start: int, limit: int, *, stop: int | None = None, topics: Sequence[str] = ()
    ) -> list[Notification]:
        """Return up to `limit` notifications with ids from `start` up to and including `stop`, of `topics` if given.

        Raises:
            OperationalError: the stream could not be read.
        """
        found: list[Notification] = []
        while len(found) < limit and (stop is None or start <= stop):
            at_most = limit - len(found) if stop is None else min(limit - len(found), stop - start + 1)
            try:
                messages = await read(self._bus, self.stream.name, start=start, at_most=at_most)
            except BusError as error:
                raise OperationalError(f"{self.stream.name} could not be read: {error}") from error
            notifications = [notification_of(message) for message in messages if stop is None or message.seq <= stop]
            found += [notification for notification in notifications if not topics or notification.topic in topics]
            if len(messages) < at_most:
                break
            start = messages[-1].seq + 1
        return found

    async def max_notification_id(self) -> int | None:
        try:
            message = await newest(self._bus, self.stream.name, f"{self.stream.prefix}.>")
        except BusError as error:
            raise OperationalError(f"{self.stream.name} could not be read: {error}") from error
        return message.seq if message else None

    async def _store(self, messages: list[Outgoing]) -> int:
        if len(messages) > 1:
            return await store_batch(self._bus, [*messages])
        subject, state, expected, headers = messages[0]
        return await self._bus.store(subject, state, expected_last=expected, headers=headers)

    async def _first_stored(self, messages: list[Outgoing], write: str) -> int | None:
        """Return where the first of `messages` stands if an earlier attempt of this write stored it, else None."""
        found = await newest(self._bus, self.stream.name, messages[0][0])
        return found.seq if found and header_value(found.headers, WRITE) == write else None

    async def _read_all(self, subject: str) -> list[Stored]:
        """Read from any replica; where it has nothing, ask the leader, and wait for the replica if need be."""
        deadline = time.monotonic() + PATIENCE_S
        trouble = "a replica is behind its leader"
        while time.monotonic() < deadline:
            try:
                messages = await read(self._bus, self.stream.name, subject=subject, at_most=None)
                if messages or await newest(self._bus, self.stream.name, subject) is None:
                    return messages
            except BusError as error:
                trouble = str(error)
            await asyncio.sleep(RETRY_WAIT_S)
        raise OperationalError(f"{subject} could not be read: {trouble}")
