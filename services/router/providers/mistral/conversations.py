"""What a conversation at Mistral used, whole or streamed. https://docs.mistral.ai/api/endpoint/beta/conversations"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.sse import SseParser
from services.router.providers.base import Whole, json_object
from shared.usage.mistral_conversations import usage_from_conversation, usage_in_conversation


class ConversationListener(Listener):
    """An `AnswerReader` that only listens: what it returns is nothing for a client."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = SseParser()
        self._ran: list[str] = []
        self._texts: list[str] = []

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        self.usage = usage_in_conversation(answer)
        self.response_id = str(answer.get("conversation_id") or answer.get("id") or "")  # OpenAI's has an id
        self.done = True
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        for name, text in self._parser.feed(data):
            if text.startswith(b"{"):
                event = json_object(text)
                self._note(str(event.get("type") or name), event)
        return b""

    def end(self) -> bytes:
        if not self.done:
            raise UnreadableAnswer("the stream ended before its response was done")
        return b""

    def text_so_far(self) -> str:
        return "".join(self._texts)

    def _note(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "conversation.response.started":
            self.response_id = str(event.get("conversation_id") or "")
        elif kind == "conversation.response.done":
            self.usage = usage_from_conversation(event.get("usage"), ran=self._ran)
            self.done = True
        elif kind == "tool.execution.done":
            self._ran.append(str(event.get("name")))
        else:
            self._texts += said_in(event)


def said_in(event: dict[str, Any]) -> list[str]:
    """Return the texts of an event: a piece of a message, of a thought in it, or of what a function is given."""
    kind, content = event.get("type"), event.get("content")
    if kind == "function.call.delta":
        content = event.get("arguments")
    elif kind != "message.output.delta":
        return []
    return [text for text in _texts(content) if text]


def _texts(content: Any) -> list[str]:
    if isinstance(content, dict):
        content = content.get("thinking") if content.get("type") == "thinking" else content.get("text")
    if isinstance(content, list):
        return [text for chunk in content for text in _texts(chunk)]
    return [content] if isinstance(content, str) else []
