"""An answer of Ollama's /api/chat, whole or in lines, as an OpenAI chat completion or its chunks.

Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/errors#errors-that-occur-while-streaming
"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.completions import Completions
from shared.ids import new_id
from shared.usage import Usage, usage_from_ollama


class OllamaTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, out: Completions, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._out = out
        self._include_usage = include_usage
        self._calls = 0

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        _raise_reported(answer)
        message = answer.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("content", ""), str):
            raise UnreadableAnswer("an answer without a message")
        self.usage = usage_from_ollama(answer)
        shown: dict[str, Any] = {"content": message.get("content") or None}
        if message.get("thinking"):
            shown["reasoning_content"] = message["thinking"]
        calls = [{"id": _id_of(call), "type": "function", "function": _function(call)} for call in _calls_in(message)]
        if calls:
            shown["tool_calls"] = calls
        self._calls = len(calls)
        return self._out.whole(
            shown, finish=self._finish(answer), usage=self.usage, logprobs=_logprobs(answer.get("logprobs"))
        )

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        _raise_reported(event)
        message = event.get("message") or {}
        chunks = []
        if message.get("thinking"):
            chunks.append(self._out.chunk({"reasoning_content": message["thinking"]}))
        if message.get("content"):
            told = _logprobs(event.get("logprobs"))
            chunks.append(self._out.chunk({"content": message["content"]}, logprobs=told))
        for call in _calls_in(message):
            chunks.append(self._out.tool_chunk(self._calls, id=_id_of(call), **_function(call)))
            self._calls += 1
        return chunks + (self._end(event) if event.get("done") else [])

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before the line that is done")
        return []

    def _end(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        self.usage = usage_from_ollama(event)
        self.finished = True
        chunks = [self._out.chunk({}, finish=self._finish(event))]
        if self._include_usage and self.usage is not None:
            chunks.append(self._out.usage_chunk(self.usage))
        return chunks

    def _finish(self, event: dict[str, Any]) -> str:
        if self._calls:
            return "tool_calls"
        return "length" if event.get("done_reason") == "length" else "stop"


def _raise_reported(answer: dict[str, Any]) -> None:
    error = answer.get("error")
    if error:
        raise ProviderStreamError("error", str(error))


def _calls_in(message: dict[str, Any]) -> list[dict[str, Any]]:
    return message.get("tool_calls") or []


def _id_of(call: dict[str, Any]) -> str:
    """Return the call's id; most versions of Ollama give none, and clients answer by it."""
    return str(call.get("id") or new_id("call"))


def _function(call: dict[str, Any]) -> dict[str, str]:
    function = call["function"]
    return {"name": function["name"], "arguments": orjson.dumps(function.get("arguments") or {}).decode()}


def _logprobs(tokens: Any) -> dict[str, Any] | None:
    return {"content": tokens, "refusal": None} if tokens else None
