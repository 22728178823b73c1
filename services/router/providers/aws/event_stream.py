"""AWS's binary event stream: botocore takes it apart and checks both checksums of every message.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html (the format),
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (its headers).
"""

import struct
from collections.abc import Iterator

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer

EXCEPTION = "exception "
"""In front of an exception's name, where an event's name would be."""


class EventStream:
    """A `Framing`: names are `:event-type`, or EXCEPTION and the exception's name."""

    def __init__(self) -> None:
        from botocore.eventstream import EventStreamBuffer

        self._buffer = EventStreamBuffer()
        self._fed = self._taken = 0  # bytes

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        from botocore.eventstream import ParserError

        self._buffer.add_data(data)
        self._fed += len(data)
        try:
            for message in self._buffer:
                self._taken += message.prelude.total_length
                yield _name(message.headers), message.payload
        except (ParserError, struct.error, KeyError, UnicodeDecodeError) as error:
            raise UnreadableAnswer(f"the event stream is damaged: {error}") from error

    def end(self) -> Iterator[tuple[str, bytes]]:
        if self._taken < self._fed:
            raise UnreadableAnswer("the event stream ended within a message")
        return iter(())


def _name(headers: dict[str, object]) -> str:
    kind = headers.get(":message-type", "event")
    if kind == "event":
        return str(headers.get(":event-type", ""))
    if kind == "exception":
        return f"{EXCEPTION}{headers.get(':exception-type', 'exception')}"
    if kind == "error":
        raise ProviderStreamError(str(headers.get(":error-code")), str(headers.get(":error-message")))
    raise UnreadableAnswer(f"a message of the type {kind!r}")
