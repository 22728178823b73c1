"""OpenAI's answers but for one thing: where the model thinks, their content comes in parts, thoughts among them.

Sources: https://docs.mistral.ai/capabilities/reasoning/ (thinking),
https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models (reasoning)
"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage, usage_from_openai

_THOUGHTS = {"thinking": "thinking", "reasoning": "summary"}
"""The types of thoughts, and where the pieces of their text are."""


class PartsTranslator:
    """A `ChunkTranslator` that only takes the parts apart; all else is as it came."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._model = model
        self._include_usage = include_usage
        self._thoughts: dict[int, _Thoughts] = {}

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        raise_reported(answer)
        if not isinstance(answer.get("choices"), list):
            raise UnreadableAnswer("an answer without choices")
        self.usage = usage_from_openai(answer.get("usage"))
        choices = [
            {**choice, "message": _Thoughts().flat(choice["message"], streamed=False)} for choice in answer["choices"]
        ]
        return {**answer, "model": self._model, "choices": choices}

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        raise_reported(event)
        choices = [
            {**choice, "delta": self._of(choice).flat(choice["delta"], streamed=True)}
            for choice in event.get("choices") or ()
        ]
        usage = event.get("usage")
        self.usage = usage_from_openai(usage) or self.usage
        self.finished = self.finished or any(choice.get("finish_reason") for choice in choices)
        chunk = {**event, "model": self._model, "choices": choices}
        chunk.pop("usage", None)
        chunks = [chunk] if choices else []
        if usage is not None and self._include_usage:
            chunks.append({**chunk, "choices": [], "usage": usage})
        return chunks

    def _of(self, choice: dict[str, Any]) -> "_Thoughts":
        return self._thoughts.setdefault(choice.get("index") or 0, _Thoughts())

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before its end")
        return []


class _Thoughts:
    """The thoughts of one answer: their text and, where their maker signs or hides them, their blocks."""

    def __init__(self) -> None:
        self._place = 0

    def flat(self, message: dict[str, Any], *, streamed: bool) -> dict[str, Any]:
        """Return a message or a delta with its text in `content` and its thoughts in `reasoning_content`."""
        parts = message.get("content")
        if not isinstance(parts, list):
            return message
        texts = [part.get("text") or "" for part in parts if part.get("type") == "text"]
        pieces = [
            piece
            for part in parts
            if (field := _THOUGHTS.get(part.get("type"))) is not None
            for piece in part.get(field) or ()
        ]
        shown = {**message, "content": "".join(texts)}
        if not pieces:
            return shown
        shown["reasoning_content"] = "".join(piece.get("text") or "" for piece in pieces)
        blocks = [block for piece in pieces if (block := self._block(piece, streamed=streamed)) is not None]
        return {**shown, "thinking_blocks": blocks} if blocks else shown

    def _block(self, piece: dict[str, Any], *, streamed: bool) -> dict[str, Any] | None:
        """A piece of a stream has the place of its thought; its signature, or being hidden, is the end of one."""
        if "signature" not in piece and "data" not in piece:
            return None
        place = {"index": self._place} if streamed else {}
        if piece.get("data"):
            self._place += 1
            return {**place, "type": "redacted_thinking", "data": piece["data"]}
        if piece.get("signature"):
            self._place += 1
        signed = {"signature": piece["signature"]} if piece.get("signature") else {}
        return {**place, "type": "thinking", "thinking": piece.get("text") or "", **signed}
