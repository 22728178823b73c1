"""A stream of events that is no chat: passed on as it comes, but for the event that tells the usage, which waits."""

from abc import abstractmethod
from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.native_answer import NativeAnswer
from services.router.providers.answers.sse import event_of
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage


class EventAnswer(NativeAnswer):
    """The base of readers of OpenAI's media endpoints: one JSON object, or events that end without [DONE]."""

    ends: tuple[str, ...] = ()
    """Types of the events that end a part of the answer, and may tell its usage."""

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
        answer = json_object(body)
        if not self.is_answer(answer):
            raise_reported(answer)
            raise UnreadableAnswer("an answer without what was asked for")
        self.usage = self.usage_in(answer)
        self.finish_reason = "stop"
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def event(self, event: bytes) -> bytes:
        _, data = event_of(event)
        if not data:
            return b""
        fields = json_object(data)
        kind = str(fields.get("type", ""))
        if kind == "error" or "error" in fields:
            raise _reported(fields)
        kept_back, self.closing = self.closing, b""
        if kind not in self.ends:
            return kept_back + event
        self.note_end(fields)
        self.finish_reason = "stop"
        self.closing = event
        return kept_back

    def is_over(self) -> bool:
        return bool(self.closing)

    def end(self) -> bytes:
        rest = self._events.rest()
        if rest.lstrip().startswith(b"{"):
            raise_reported(json_object(rest))
            raise UnreadableAnswer("not a stream of events")
        return super().end()

    def text_so_far(self) -> str:
        return ""


def _reported(event: dict[str, Any]) -> ProviderStreamError:
    error = event.get("error")
    told = error if isinstance(error, dict) else event
    return ProviderStreamError(str(told.get("code") or told.get("type")), str(told.get("message")))
