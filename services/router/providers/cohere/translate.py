"""An answer of Cohere's v2 Chat API, whole or streamed, as an OpenAI chat completion or its chunks.

Sources: https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/streaming,
https://docs.cohere.com/docs/tool-use-streaming
"""

from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.completions import Completions
from shared.usage import Usage, usage_from_cohere

_FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
_FAILED = {"ERROR": 502, "TIMEOUT": 504}


class CohereTranslator:
    """A `ChunkTranslator`."""

    def __init__(self, out: Completions, *, include_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._out = out
        self._include_usage = include_usage
        self._calls: dict[int, int] = {}  # Cohere's index of a call -> its place among the calls
        self._citations = -1

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        message = answer.get("message")
        if not isinstance(message, dict):
            raise UnreadableAnswer("an answer without a message")
        self._out.id = str(answer.get("id") or "")
        self.usage = usage_from_cohere(answer.get("usage"))
        finish = _finish_of(answer)
        blocks = message.get("content") or ()
        text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
        thought = "".join(block.get("thinking") or "" for block in blocks if block.get("type") == "thinking")
        shown: dict[str, Any] = {"content": (message.get("tool_plan") or "") + text or None}
        if thought:
            shown["reasoning_content"] = thought
        if message.get("tool_calls"):
            shown["tool_calls"] = [_call(call) for call in message["tool_calls"]]
        if message.get("citations"):
            shown["provider_specific_fields"] = {"citations": message["citations"]}
        logprobs = _logprobs(answer["logprobs"]) if answer.get("logprobs") else None
        return self._out.whole(shown, finish=finish, usage=self.usage, logprobs=logprobs)

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        kind = event.get("type") or name
        if kind == "message-start":
            self._out.id = str(event.get("id") or "")
            return [self._out.chunk({"content": ""})]
        if kind == "message-end":
            return self._end(event.get("delta") or {})
        if kind in ("content-start", "content-delta"):
            return self._content(_message(event).get("content") or {}, event.get("logprobs"))
        if kind == "tool-plan-delta":
            plan = _message(event).get("tool_plan")
            return [self._out.chunk({"content": plan})] if plan else []
        if kind == "tool-call-start":
            return self._call_start(event["index"], _message(event)["tool_calls"])
        if kind == "tool-call-delta":
            arguments = _message(event)["tool_calls"]["function"].get("arguments")
            place = self._calls[event["index"]]
            return [self._out.tool_chunk(place, arguments=arguments)] if arguments else []
        if kind == "citation-start":
            self._citations += 1
            citation = {"index": self._citations, **_message(event)["citations"]}
            return [self._out.chunk({"provider_specific_fields": {"citations": [citation]}})]
        return []

    def end(self) -> list[dict[str, Any]]:
        if not self.finished:
            raise UnreadableAnswer("the stream ended before message-end")
        return []

    def _content(self, content: dict[str, Any], logprobs: Any) -> list[dict[str, Any]]:
        chunks = []
        if content.get("thinking"):
            chunks.append(self._out.chunk({"reasoning_content": content["thinking"]}))
        if content.get("text"):
            told = _logprobs([logprobs]) if isinstance(logprobs, dict) else None
            chunks.append(self._out.chunk({"content": content["text"]}, logprobs=told))
        return chunks

    def _call_start(self, index: int, call: dict[str, Any]) -> list[dict[str, Any]]:
        place = self._calls[index] = len(self._calls)
        function = call["function"]
        arguments = function.get("arguments") or ""
        return [self._out.tool_chunk(place, id=call["id"], name=function["name"], arguments=arguments)]

    def _end(self, delta: dict[str, Any]) -> list[dict[str, Any]]:
        self.usage = usage_from_cohere(delta.get("usage"))
        finish = _finish_of(delta)
        self.finished = True
        chunks = [self._out.chunk({}, finish=finish)]
        if self._include_usage and self.usage is not None:
            chunks.append(self._out.usage_chunk(self.usage))
        return chunks


def _finish_of(answer: dict[str, Any]) -> str:
    """Raise where the answer failed: Cohere says so in the reason for its end."""
    reason = str(answer.get("finish_reason"))
    if reason in _FAILED:
        message = answer.get("error") or "the generation failed"
        raise ProviderStreamError(reason, str(message), status=_FAILED[reason])
    return _FINISH_REASONS.get(reason, "stop")


def _message(event: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = event["delta"]["message"]
    return message


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    arguments = function.get("arguments") or "{}"
    return {"id": call["id"], "type": "function", "function": {"name": function["name"], "arguments": arguments}}


def _logprobs(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Cohere tells them by pieces of text; a piece of several tokens is as probable as all of them together."""
    content = [
        {"token": chunk.get("text") or "", "logprob": sum(chunk["logprobs"]), "bytes": None, "top_logprobs": []}
        for chunk in chunks
        if chunk.get("logprobs")
    ]
    return {"content": content, "refusal": None}
