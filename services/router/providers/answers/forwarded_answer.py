"""Readers of answers that are forwarded as they come, and looked into only where they may tell something."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from services.router.providers.answers.native_answer import Blocks, NativeAnswer
from services.router.providers.answers.sse import data_of_each, event_of
from services.router.providers.base import Whole, json_object

KEPT_BYTES_MAX = 4 * 1024 * 1024
"""Of a stream's events, for counting tokens where it breaks off before its usage."""

_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class ForwardedAnswer(NativeAnswer):
    """The base of `AnswerReader`s; `telling` has the words of which an event that is looked into has one."""

    telling: tuple[bytes, ...] = ()

    def __init__(self, model: str, events: Blocks | None = None) -> None:
        """`model` is the name to show."""
        super().__init__(events)
        self.model = model
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    @abstractmethod
    def told(self, event: bytes, fields: dict[str, Any]) -> bytes:
        """Note what an event's JSON tells; return what goes to the client now.

        Raises:
            BrokenAnswer
        """

    @abstractmethod
    def texts(self, event: dict[str, Any]) -> Iterator[str]:
        """Yield what the model wrote in an event, or in a whole answer."""

    def shown(self, events: bytes) -> bytes:
        """Return events that tell nothing as the client sees them."""
        return events

    def whole_shown(self, body: bytes, answer: dict[str, Any]) -> Whole:
        """Return a whole answer, with `model` as its model."""
        self._kept = [b"data: " + body]
        if answer.get("model") != self.model:
            fields: dict[str, Any] = _decode_raw(body)
            body = _encode({**fields, "model": self.model})
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def block(self, block: bytes) -> bytes:
        if self._kept_bytes < KEPT_BYTES_MAX:
            self._kept.append(block)
            self._kept_bytes += len(block)
        return super().block(block) if self._may_tell(block) else self.shown(block)

    def event(self, event: bytes) -> bytes:
        if not self._may_tell(event):
            return self.shown(event)
        return self.told(event, json_object(event_of(event)[1] or b"{}"))

    def text_so_far(self) -> str:
        return "".join(text for event in _decoded(b"".join(self._kept)) for text in self.texts(event))

    def _may_tell(self, events: bytes) -> bool:
        return any(word in events for word in self.telling)


def _decoded(events: bytes) -> Iterator[dict[str, Any]]:
    for data in data_of_each(events):
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:  # an event that was cut
            continue
        if isinstance(event, dict):
            yield event
