"""The event stream of InvokeModelWithResponseStream: the family's own JSON, in base64, in events of one kind.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

import base64
import binascii
from collections.abc import Iterable, Iterator

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.aws.event_stream import EXCEPTION, EventStream
from services.router.providers.bedrock.failures import stream_error


class InvokeChunks:
    """A `Framing`: what the chunks hold, one by one; names are not used."""

    def __init__(self) -> None:
        self._events = EventStream()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        return _unpacked(self._events.feed(data))

    def end(self) -> Iterator[tuple[str, bytes]]:
        return _unpacked(self._events.end())


def _unpacked(events: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for name, payload in events:
        try:
            event = orjson.loads(payload)
            if name.startswith(EXCEPTION):
                raise stream_error(name.removeprefix(EXCEPTION), event)
            yield "chunk", base64.b64decode(event["bytes"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise UnreadableAnswer(f"not a chunk of a model's answer: {error!r}") from error
