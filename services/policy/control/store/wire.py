"""How an event of an aggregate is stored: one message in a subject of its own, `<prefix>.<aggregate>.<version>`.

A subject takes one message only (expected last sequence 0): the unique index over (aggregate, version). The body is
the event's state, a header its topic; the stream's sequence is the notification's id.
"""

from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import DataError, Notification, ProgrammingError, StoredEvent

from shared import subjects
from shared.bus import Stored, header_value

TOPIC = "Es-Topic"
WRITE = "Es-Write"
STATE_BYTES_MAX = 512 * 1024


class EventStream(NamedTuple):
    """A stream that holds events and nothing else, and what the subjects of its events begin with."""

    name: str
    prefix: str


CONTROL = EventStream(subjects.CONTROL, subjects.CONTROL_PREFIX)

Outgoing = tuple[str, bytes, int, dict[str, str]]
"""Subject, payload, expected last sequence, headers: what `shared.bus.store_batch` takes."""


def subject_of(stream: EventStream, aggregate: UUID | str, version: int) -> str:
    return f"{stream.prefix}.{_token(aggregate)}.{version}"


def subjects_of(stream: EventStream, aggregate: UUID | str) -> str:
    return f"{stream.prefix}.{_token(aggregate)}.*"


def message_of(stream: EventStream, event: StoredEvent, write: str) -> Outgoing:
    """Return the message that stores `event`; `write` tells this attempt's messages from anybody else's.

    Raises:
        DataError: the state is too large for a message.
    """
    if len(event.state) > STATE_BYTES_MAX:
        raise DataError(f"an event of {len(event.state)} bytes; at most {STATE_BYTES_MAX} are stored")
    subject = subject_of(stream, event.originator_id, event.originator_version)
    return subject, event.state, 0, {TOPIC: event.topic, WRITE: write}


def event_of(message: Stored) -> StoredEvent:
    aggregate, version = message.subject.rsplit(".", 2)[1:]
    return StoredEvent(UUID(aggregate), int(version), _topic(message), message.data)


def notification_of(message: Stored) -> Notification:
    event = event_of(message)
    return Notification(event.originator_id, event.originator_version, event.topic, event.state, id=message.seq)


def _topic(message: Stored) -> str:
    topic = header_value(message.headers, TOPIC)
    if topic is None:
        raise DataError(f"message {message.seq} is not an event: it has no {TOPIC}")
    return topic


def _token(aggregate: UUID | str) -> str:
    if not isinstance(aggregate, UUID):
        raise ProgrammingError(f"aggregates are known by a UUID here, not {aggregate!r}")
    return str(aggregate)
