"""The library's recorders over JetStream, for its own `Application` and its conformance tests. They block."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    StoredEvent,
    Subscription,
)

from services.policy.control.store.bridge import BusThread
from services.policy.control.store.recorder import EventRecorder
from services.policy.control.store.wire import EventStream, notification_of
from shared.bus import Bus, Reader

_NEXT_WAIT_S = 0.2
_AHEAD_MAX = 500


class JetStreamAggregateRecorder(AggregateRecorder):
    def __init__(self, thread: BusThread, stream: EventStream) -> None:
        self.thread = thread
        self.stream = stream

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        self._insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        return self.thread.call(
            lambda bus: EventRecorder(bus, self.stream).select(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        )

    def _insert(self, events: Sequence[StoredEvent]) -> list[int]:
        return self.thread.call(lambda bus: EventRecorder(bus, self.stream).insert(events))


class JetStreamApplicationRecorder(JetStreamAggregateRecorder, ApplicationRecorder):
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 1 if start is None else start if inclusive_of_start else start + 1
        return self.thread.call(
            lambda bus: EventRecorder(bus, self.stream).select_notifications(
                max(first, 1), limit, stop=stop, topics=topics
            )
        )

    def max_notification_id(self) -> int | None:
        return self.thread.call(lambda bus: EventRecorder(bus, self.stream).max_notification_id())

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "JetStreamSubscription":
        return JetStreamSubscription(self, gt, topics)


class JetStreamSubscription(Subscription[JetStreamApplicationRecorder]):
    """Reads the stream in order and without gaps; `stop` may be called from another thread."""

    def __init__(self, recorder: JetStreamApplicationRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._reader = recorder.thread.call(self._open)
        self._ahead: list[Notification] = []  # newest first

    def stop(self) -> None:
        if not self._has_been_stopped:
            super().stop()
            self._recorder.thread.call(lambda _: self._reader.close())

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._ahead:
                return self._ahead.pop()
            messages = self._recorder.thread.call(lambda _: self._reader.next_batch(_AHEAD_MAX, _NEXT_WAIT_S))
            notifications = [notification_of(message) for message in reversed(messages)]
            self._ahead = [one for one in notifications if not self._topics or one.topic in self._topics]
        raise StopIteration

    async def _open(self, bus: Bus) -> Reader:
        start = (self._last_notification_id or 0) + 1
        return Reader(bus, self._recorder.stream.name, start=start, pull_max=_AHEAD_MAX)
