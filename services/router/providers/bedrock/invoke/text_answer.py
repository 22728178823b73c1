"""Answers of the families that give text alone, whole or in chunks, as OpenAI chat completions.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, its pages of the families. A
stream's last chunk has Bedrock's own counts; a whole answer has them in its headers, where Mistral's and Cohere's have
none in their bodies.
"""

from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.headers import Header, ReadsHeaders
from services.router.providers.answers.translated_answer import Framing, TranslatedAnswer
from services.router.providers.anthropic.answers.usage import openai_usage
from services.router.providers.bedrock.counts import usage_in
from shared.usage import Usage, usage_from_bedrock_metrics

METRICS = "amazon-bedrock-invocationMetrics"
_ENDS = {
    "length": "length",
    "max_tokens": "length",
    "content_filtered": "content_filter",
    "error_toxic": "content_filter",
    "rag_query_when_rag_disabled": "content_filter",
}


class TextAnswer(TranslatedAnswer, ReadsHeaders):
    """An `AnswerReader`."""

    def __init__(self, framing: Framing, translator: "TextTranslator") -> None:
        super().__init__(framing, translator)
        self._of_text = translator

    def read_headers(self, header: Header) -> None:
        self._of_text.told = usage_in(header)


class TextTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, family: str, model: str, created: int, include_usage: bool, *, answer_id: str) -> None:
        """`model` is the name to show; `include_usage` asks for OpenAI's last chunk, without choices."""
        self.usage: Usage | None = None
        self.finished = False
        self.told: Usage | None = None  # by the headers
        self._part = _PARTS[family]
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._opened = False
        self._reason = ""

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        text, reason, counts = self._part(answer)
        if text is None:
            raise UnreadableAnswer("an answer without text")
        self._count(counts)
        self.usage = self.usage or self.told
        message = {"role": "assistant", "content": text.removeprefix(" ")}
        choice = {"index": 0, "message": message, "finish_reason": _finish(reason or "")}
        completion = {**self._head, "object": "chat.completion", "choices": [choice]}
        return completion if self.usage is None else {**completion, "usage": openai_usage(self.usage)}

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        text, reason, counts = self._part(event)
        chunks = []
        if text:
            chunks.append(self._chunk({"content": text if self._opened else text.removeprefix(" ")}))
        if reason and not self._reason:
            self._reason = reason
            chunk = self._chunk({})
            chunk["choices"][0]["finish_reason"] = _finish(reason)
            chunks.append(chunk)
        self._count(counts)
        metrics = usage_from_bedrock_metrics(event.get(METRICS))
        if metrics is not None:
            self.usage = metrics
            self.finished = bool(self._reason)
        return chunks

    def end(self) -> list[dict[str, Any]]:
        if not self._reason:
            raise UnreadableAnswer("the stream ended before the model said why it stops")
        if not self._include_usage or self.usage is None:
            return []
        return [{**self._head, "choices": [], "usage": openai_usage(self.usage)}]

    def _count(self, counts: tuple[Any, Any]) -> None:
        went, came = counts
        known = self.usage
        if isinstance(went, int) or isinstance(came, int):
            self.usage = Usage(
                input=went if isinstance(went, int) else known.input if known else 0,
                output=came if isinstance(came, int) else known.output if known else 0,
            )

    def _chunk(self, delta: dict[str, Any]) -> dict[str, Any]:
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", "content": "", **delta}
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


_Part = tuple[str | None, str | None, tuple[Any, Any]]


def _meta(answer: dict[str, Any]) -> _Part:
    counts = (answer.get("prompt_token_count"), answer.get("generation_token_count"))
    return _text(answer, "generation"), _text(answer, "stop_reason"), counts


def _mistral(answer: dict[str, Any]) -> _Part:
    outputs = answer.get("outputs")
    if not isinstance(outputs, list) or not outputs:
        return None, None, (None, None)
    return _text(outputs[0], "text"), _text(outputs[0], "stop_reason"), (None, None)


def _amazon(answer: dict[str, Any]) -> _Part:
    results = answer.get("results")
    if isinstance(results, list) and results:
        counts = (answer.get("inputTextTokenCount"), results[0].get("tokenCount"))
        return _text(results[0], "outputText"), _text(results[0], "completionReason"), counts
    counts = (answer.get("inputTextTokenCount"), answer.get("totalOutputTextTokenCount"))
    return _text(answer, "outputText"), _text(answer, "completionReason"), counts


def _cohere(answer: dict[str, Any]) -> _Part:
    if answer.get("event_type") == "stream-end":  # it repeats the whole text
        return None, _text(answer, "finish_reason"), (None, None)
    return _text(answer, "text"), _text(answer, "finish_reason"), (None, None)


_PARTS = {"meta": _meta, "mistral": _mistral, "amazon": _amazon, "cohere": _cohere}


def _text(holder: dict[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None


def _finish(reason: str) -> str:
    return _ENDS.get(reason.lower(), "stop")
