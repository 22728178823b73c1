"""What reads Anthropic's answers into OpenAI's, whole or event by event."""

from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.anthropic.answers.response import to_completion
from services.router.providers.anthropic.answers.stream import StreamTranslator
from shared.usage import Usage, usage_from_anthropic


class MessageTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, model: str, created: int, include_usage: bool) -> None:
        """`model` and `created` are what to show to the client, `created` in seconds since 1970."""
        self.usage: Usage | None = None
        self.finished = False
        self._model = model
        self._created = created
        self._stream = StreamTranslator(model, created, include_usage)

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        error = answer.get("error")
        if answer.get("type") == "error" and isinstance(error, dict):
            raise ProviderStreamError(str(error.get("type")), str(error.get("message")))
        if "content" not in answer:
            raise UnreadableAnswer("a message without content")
        completion = to_completion(answer, model=self._model, created=self._created)
        self.usage = usage_from_anthropic(answer.get("usage"))
        return completion

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        try:
            return self._stream.feed(event)
        finally:
            self.usage = self._stream.usage
            self.finished = self._stream.finished

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before message_stop")
        return []
