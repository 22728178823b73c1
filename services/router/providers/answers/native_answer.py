"""Readers of answers that go to the client in the provider's own form: one JSON object, or events as they come."""

from abc import ABC, abstractmethod
from typing import Protocol

from services.router.providers.answers.broken_answer import BrokenAnswer, UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks
from services.router.providers.base import OwnForm, Whole
from shared.usage import Usage


class Blocks(Protocol):
    def feed(self, data: bytes) -> bytes:
        """Return all events that are whole by now, as server-sent ones.

        Raises:
            BrokenAnswer
        """
        ...

    def rest(self) -> bytes:
        """Return what is left at the stream's end.

        Raises:
            BrokenAnswer
        """
        ...


class NativeAnswer(OwnForm, ABC):
    """The base of `AnswerReader`s that look at every event."""

    end_named = "its end"
    """What a stream lacks that ended too early."""

    def __init__(self, events: Blocks | None = None) -> None:
        """`events` is how a stream comes, server-sent if None."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._events = EventBlocks() if events is None else events

    @abstractmethod
    def whole(self, body: bytes) -> Whole:
        """Implements AnswerReader."""

    @abstractmethod
    def event(self, event: bytes) -> bytes:
        """Note what an event tells; return what goes to the client now.

        Raises:
            BrokenAnswer
        """

    @abstractmethod
    def text_so_far(self) -> str:
        """Implements AnswerReader."""

    def is_over(self) -> bool:
        """Return whether the stream may end here."""
        return self.done

    def feed(self, data: bytes) -> bytes:
        block = self._events.feed(data)
        return self.block(block) if block else b""

    def end(self) -> bytes:
        rest = self._events.rest()
        out = self.block(rest + b"\n\n") if rest.strip() else b""
        if not self.is_over():
            broken = UnreadableAnswer(f"the stream ended before {self.end_named}")
            broken.before = out
            raise broken
        return out

    def block(self, block: bytes) -> bytes:
        """Return what goes to the client of events that came whole.

        Raises:
            BrokenAnswer
        """
        out: list[bytes] = []
        try:
            for event in block.split(b"\n\n"):
                if event.strip():
                    out.append(self.event(event.strip(b"\n") + b"\n\n"))
        except BrokenAnswer as broken:
            broken.before = b"".join(out)
            raise
        return b"".join(out)
