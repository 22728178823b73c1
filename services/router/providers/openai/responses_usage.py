"""What a response of OpenAI's Responses API used, whole or streamed. https://platform.openai.com/docs/api-reference/responses"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.sse import SseParser
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage import usage_in_response

_TELLING = ("response.created", "response.completed", "response.incomplete", "response.failed", "error")


class ResponsesListener(Listener):
    """An `AnswerReader` that only listens: what it returns is nothing for a client."""

    reads_text = True

    def __init__(self) -> None:
        super().__init__()
        self._parser = SseParser()
        self._deltas: list[bytes] = []

    def whole(self, body: bytes) -> Whole:
        response = json_object(body)
        self._note(response)
        if self.usage is None:
            raise_reported(response)
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        return self._heard(self._parser.feed(data))

    def _heard(self, events: list[tuple[str, bytes]]) -> bytes:
        for name, event in events:
            if name.endswith(".delta"):
                self._deltas.append(event)
            elif name in _TELLING:
                self._told(name, json_object(event))
        return b""

    def end(self) -> bytes:
        self._heard(self._parser.end())
        if not self.done:
            raise UnreadableAnswer("the stream ended before its response was complete")
        return b""

    def text_so_far(self) -> str:
        texts = [json_object(event).get("delta") for event in self._deltas]
        return "".join(text for text in texts if isinstance(text, str))

    def _told(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "error":
            raise_reported({"error": event.get("error") or event})
        told = event.get("response")
        response: dict[str, Any] = told if isinstance(told, dict) else {}
        if kind == "response.created":
            self.response_id = str(response.get("id") or "")
            return
        self._note(response)
        if kind == "response.failed":
            raise_reported({"error": response.get("error") or "the response failed, and no reason is told"})

    def _note(self, response: dict[str, Any]) -> None:
        self.usage = usage_in_response(response)
        self.response_id = str(response.get("id") or "")
        self.finish_reason = str(response.get("status") or "")
        self.done = True
