"""What a response of OpenAI's Responses API used, whole or streamed. https://platform.openai.com/docs/api-reference/responses"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.sse import SseParser
from services.router.providers.base import Whole, json_object
from shared.usage import usage_in_response

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesListener(Listener):
    """An `AnswerReader` that only listens: what it returns is nothing for a client."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = SseParser()
        self._deltas: list[bytes] = []

    def whole(self, body: bytes) -> Whole:
        self._note(json_object(body))
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        for name, event in self._parser.feed(data):
            if name.endswith(".delta"):
                self._deltas.append(event)
            elif name in _ENDS:
                response = json_object(event).get("response")
                self._note(response if isinstance(response, dict) else {})
        return b""

    def end(self) -> bytes:
        if not self.done:
            raise UnreadableAnswer("the stream ended before its response was complete")
        return b""

    def text_so_far(self) -> str:
        texts = [json_object(event).get("delta") for event in self._deltas]
        return "".join(text for text in texts if isinstance(text, str))

    def _note(self, response: dict[str, Any]) -> None:
        self.usage = usage_in_response(response)
        self.response_id = str(response.get("id") or "")
        self.finish_reason = str(response.get("status") or "")
        self.done = True
