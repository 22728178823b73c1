"""The event stream of InvokeModelWithResponseStream: the family's own JSON, in base64, in events of one kind.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

import base64
import binascii
from collections.abc import Iterable, Iterator

import msgspec
import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, UnreadableAnswer
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


class InvokedMessages:
    """Claude's chunks as the server-sent events of its maker; what they hold is as it came."""

    def __init__(self) -> None:
        self._chunks = InvokeChunks()
        self._broken: BrokenAnswer | None = None  # told once what came before it is handed on

    def feed(self, data: bytes) -> bytes:
        """Raises: BrokenAnswer."""
        return self._events(self._chunks.feed(data))

    def rest(self) -> bytes:
        """Raises: BrokenAnswer."""
        return self._events(self._chunks.end())

    def _events(self, chunks: Iterator[tuple[str, bytes]]) -> bytes:
        if self._broken is not None:
            raise self._broken
        out: list[bytes] = []
        try:
            for _, payload in chunks:
                out.append(b"event: %b\ndata: %b\n\n" % (_kind(payload).type.encode(), payload))
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"not an event of a message: {error}") from error
        except BrokenAnswer as broken:
            if not out:
                raise
            self._broken = broken
        return b"".join(out)


class _Event(msgspec.Struct):
    type: str


_kind = msgspec.json.Decoder(_Event).decode


def _unpacked(events: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for name, payload in events:
        try:
            event = orjson.loads(payload)
            if name.startswith(EXCEPTION):
                raise stream_error(name.removeprefix(EXCEPTION), event)
            yield "chunk", base64.b64decode(event["bytes"])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise UnreadableAnswer(f"not a chunk of a model's answer: {error!r}") from error
