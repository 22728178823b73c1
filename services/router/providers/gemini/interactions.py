"""What an interaction of Gemini's used, whole or streamed. https://ai.google.dev/api/interactions-api"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.sse import SseParser
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer import raise_reported
from shared.usage.gemini_interactions import Tools


class InteractionsListener(Listener):
    """An `AnswerReader` that only listens: what it returns is nothing for a client."""

    reads_text = True

    def __init__(self, model: str) -> None:
        super().__init__()
        self._parser = SseParser()
        self._tools = Tools(model)
        self._texts: list[str] = []

    def whole(self, body: bytes) -> Whole:
        interaction = json_object(body)
        self._tools.note_all(interaction)
        self._note(interaction)
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        return self._heard(self._parser.feed(data))

    def _heard(self, events: list[tuple[str, bytes]]) -> bytes:
        for _, data_of_event in events:
            if not data_of_event.startswith(b"{"):
                continue  # [DONE]
            event = json_object(data_of_event)
            if event.get("event_type") == "error":
                raise_reported({"error": event.get("error") or event})
            interaction = event.get("interaction")
            if isinstance(interaction, dict) and interaction.get("id"):
                self.response_id = str(interaction["id"])
            if event.get("event_type") == "interaction.completed":
                self._note(interaction if isinstance(interaction, dict) else {})
                continue
            if event.get("event_type") == "step.delta":
                self._listen(event.get("delta"))
            self._note_so_far(event)
        return b""

    def end(self) -> bytes:
        self._heard(self._parser.end())
        if not self.done:
            raise UnreadableAnswer("the stream ended before its interaction was complete")
        return b""

    def _note_so_far(self, event: dict[str, Any]) -> None:
        """Steps that end, changes of the status and the metadata of any event tell what was used until then."""
        metadata = event.get("metadata")
        so_far = (
            metadata.get("total_usage", metadata.get("usage")) if isinstance(metadata, dict) else event.get("usage")
        )
        if isinstance(so_far, dict):
            self.usage = self._tools.usage(so_far)

    def text_so_far(self) -> str:
        return "".join(self._texts)

    def _listen(self, delta: Any) -> None:
        self._tools.note(delta)
        if isinstance(delta, dict):
            content = delta.get("content")  # of a thought's summary
            said = (
                delta.get("text"),
                content.get("text") if isinstance(content, dict) else None,
                delta.get("arguments"),
            )
            self._texts += [text for text in said if isinstance(text, str)]

    def _note(self, interaction: dict[str, Any]) -> None:
        self.usage = self._tools.usage(interaction.get("usage"), interaction.get("service_tier")) or self.usage
        self.response_id = str(interaction.get("id") or self.response_id)
        self.finish_reason = str(interaction.get("status") or "")
        self.done = True
