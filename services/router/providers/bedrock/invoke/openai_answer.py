"""Answers in OpenAI's form through InvokeModel (gpt-oss, imported models): whole, or a chunk in each event."""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.openai.answer import raise_reported
from shared.usage import Usage, usage_from_bedrock_metrics, usage_from_openai

METRICS = "amazon-bedrock-invocationMetrics"


class OpenAITranslator:
    """A `ChunkTranslator`."""

    def __init__(self, model: str, created: int, include_usage: bool, *, answer_id: str) -> None:
        """`model` is the name to show; `include_usage` asks for OpenAI's last chunk, without choices."""
        self.usage: Usage | None = None
        self.finished = False
        self._head = {"id": answer_id, "created": created, "model": model}
        self._include_usage = include_usage
        self._ended = False
        self._shown: dict[str, Any] | None = None

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        raise_reported(answer)
        if not answer.get("choices"):
            raise UnreadableAnswer("an answer without choices")
        self.usage = usage_from_openai(answer.get("usage"))
        answer.pop(METRICS, None)
        _name_reasons(answer["choices"])
        return {"object": "chat.completion", **self._head, **answer, "model": self._head["model"]}

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        raise_reported(event)
        metrics = usage_from_bedrock_metrics(event.pop(METRICS, None))
        _name_reasons(event.get("choices") or [])
        usage = event.get("usage")
        if isinstance(usage, dict):
            self.usage, self._shown = usage_from_openai(usage), usage
        if metrics is not None:
            self.usage = self.usage or metrics
            self.finished = self._ended or any(choice.get("finish_reason") for choice in event.get("choices") or ())
        if not event.get("choices"):
            return []
        self._ended = self._ended or any(choice.get("finish_reason") for choice in event["choices"])
        chunk = {"object": "chat.completion.chunk", **self._head, **event, "model": self._head["model"]}
        chunk.pop("usage", None)
        return [chunk]

    def end(self) -> list[dict[str, Any]]:
        if not self._ended:
            raise UnreadableAnswer("the stream ended before a finish_reason")
        if not self._include_usage or self.usage is None:
            return []
        usage = self._shown or {
            "prompt_tokens": self.usage.prompt_tokens,
            "completion_tokens": self.usage.completion_tokens,
            "total_tokens": self.usage.total_tokens,
        }
        return [{"object": "chat.completion.chunk", **self._head, "choices": [], "usage": usage}]


def _name_reasons(choices: list[dict[str, Any]]) -> None:
    """Give the end its name in OpenAI's form: Mistral's chat calls it stop_reason here."""
    for choice in choices:
        if "stop_reason" in choice:
            choice.setdefault("finish_reason", choice.pop("stop_reason"))
