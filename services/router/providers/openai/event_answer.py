"""A stream of events that is no chat: passed on as it comes, but for the event that tells the usage, which waits."""

from abc import ABC, abstractmethod
from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks, event_of
from services.router.providers.base import OwnForm, Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage


class EventAnswer(OwnForm, ABC):
    """The base of readers of OpenAI's media endpoints: one JSON object, or events that end without [DONE]."""

    ends: tuple[str, ...] = ()
    """Types of the events that end a part of the answer, and may tell its usage."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self.closing = b""
        self._events = EventBlocks()

    @abstractmethod
    def is_answer(self, answer: dict[str, Any]) -> bool:
        """Return whether a whole answer has what was asked for."""

    @abstractmethod
    def usage_in(self, answer: dict[str, Any]) -> Usage | None:
        """Return the usage that a whole answer tells."""

    @abstractmethod
    def note_end(self, event: dict[str, Any]) -> None:
        """Take the usage that an event of the types `ends` tells."""

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body, orjson.loads)
        if not self.is_answer(answer):
            raise_reported(answer)
            raise UnreadableAnswer("an answer without what was asked for")
        self.usage = self.usage_in(answer)
        self.finish_reason = "stop"
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        block = self._events.feed(data)
        return self._read(block) if block else b""

    def end(self) -> bytes:
        rest = self._events.rest()
        if rest.lstrip().startswith(b"{"):
            raise_reported(json_object(rest, orjson.loads))
            raise UnreadableAnswer("not a stream of events")
        out = self._read(rest + b"\n\n") if rest.strip() else b""
        if not self.closing:
            broken = UnreadableAnswer("the stream ended before its end")
            broken.before = out
            raise broken
        return out

    def text_so_far(self) -> str:
        return ""

    def _read(self, block: bytes) -> bytes:
        out: list[bytes] = []
        for raw in block.split(b"\n\n"):
            _, data = event_of(raw)
            if not data:
                continue
            event = _decoded(data)
            kind = str(event.get("type", ""))
            if kind == "error" or "error" in event:
                broken = _reported(event)
                broken.before = b"".join(out)
                raise broken
            out += [self.closing] if self.closing else []
            self.closing = b""
            if kind in self.ends:
                self.note_end(event)
                self.finish_reason = "stop"
                self.closing = raw.lstrip(b"\n") + b"\n\n"
            else:
                out.append(raw.lstrip(b"\n") + b"\n\n")
        return b"".join(out)


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableAnswer(f"an event that is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise UnreadableAnswer("an event that is not an object")
    return event


def _reported(event: dict[str, Any]) -> ProviderStreamError:
    error = event.get("error")
    told = error if isinstance(error, dict) else event
    return ProviderStreamError(str(told.get("code") or told.get("type")), str(told.get("message")))
