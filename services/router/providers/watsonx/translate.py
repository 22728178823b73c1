"""An answer of watsonx.ai's chat as OpenAI's: the same choices under another head."""

from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from shared.usage import Usage, usage_from_openai

_SHOWN = ("id", "created")


class WatsonxTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._model = model
        self._include_usage = include_usage
        self._head: dict[str, Any] = {}
        self._ended = False
        self._reported: dict[str, Any] | None = None

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        _raise_reported(answer)
        if not isinstance(answer.get("choices"), list):
            raise UnreadableAnswer("an answer without choices")
        usage = answer.get("usage")
        self.usage = usage_from_openai(usage)
        shown = {**_head_of(answer), "object": "chat.completion", "model": self._model, "choices": answer["choices"]}
        return {**shown, "usage": usage} if self.usage is not None else shown

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        _raise_reported(event)
        self._head = self._head or {**_head_of(event), "object": "chat.completion.chunk", "model": self._model}
        usage = event.get("usage")
        if (read := usage_from_openai(usage)) is not None:
            self.usage, self._reported = read, usage
        choices = event.get("choices") or []
        self._ended = self._ended or any(choice.get("finish_reason") for choice in choices)
        return [{**self._head, "choices": choices}] if choices else []

    def end(self) -> list[dict[str, Any]]:
        """No event says that it is over; the usage comes after the last choice, so it is told here."""
        if not self._ended:
            raise UnreadableAnswer("the stream ended before its end")
        self.finished = True
        if not self._include_usage or self._reported is None:
            return []
        return [{**self._head, "choices": [], "usage": self._reported}]


def _head_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in _SHOWN if name in answer}


def _raise_reported(answer: dict[str, Any]) -> None:
    errors = answer.get("errors")
    if not errors:
        return
    first = errors[0]
    status = answer.get("status_code")
    raise ProviderStreamError(
        str(first.get("code") or "error"),
        str(first.get("message") or "no message"),
        status=status if isinstance(status, int) else None,
    )
