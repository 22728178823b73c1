"""The event stream of the Messages API, as OpenAI chat completion chunks.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from typing import Any

import orjson

from services.router.providers.answers.annotations import StreamedCitations
from services.router.providers.answers.broken_answer import ProviderStreamError
from services.router.providers.anthropic.answers.citations import annotations_of
from services.router.providers.anthropic.answers.response import finish_reason_of, refusal_of, result_field
from services.router.providers.anthropic.answers.usage import openai_usage
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from shared.usage import Usage, usage_from_anthropic


class StreamTranslator:
    """One answer. Feed it every event in order; what it returns is to be sent in that order.

    Events and deltas of a kind unknown here are passed over, as Anthropic's versioning policy asks of clients.
    Every list of objects in a delta has an index in its entries: OpenAI's SDK cannot join chunks without.
    """

    def __init__(self, model: str, created: int, include_usage: bool) -> None:
        """`model` is the name to show; `include_usage` asks for OpenAI's last chunk, without choices."""
        self._head = {"id": "", "object": "chat.completion.chunk", "created": created, "model": model}
        self._include_usage = include_usage
        self._reported: dict[str, Any] = {}
        self._tools: dict[int, _ToolBlock] = {}  # by index of the content block
        self._calls = 0
        self._thoughts = -1  # place of the thought being streamed among the thoughts
        self._results: dict[str, int] = {}
        self._citations = StreamedCitations(annotations_of)
        self._opened = False
        self._ended = False
        self.usage: Usage | None = None  # what has been reported so far
        self.finished = False

    def feed(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the chunks that one decoded event makes: often one, sometimes none.

        Raises:
            ProviderStreamError: the event is Anthropic's report of an error, or breaks the form of the stream.
        """
        kind = event.get("type")
        if kind == "content_block_delta":
            return self._block_delta(event)
        if kind == "content_block_start":
            return self._block_start(event)
        if kind == "content_block_stop":
            return self._block_stop(event)
        if kind == "message_start":
            return self._start(_object(event, "message"))
        if kind == "message_delta":
            return self._end(event)
        if kind == "message_stop":
            return self._stop()
        if kind == "error":
            error = _object(event, "error")
            raise ProviderStreamError(str(error.get("type", "api_error")), str(error.get("message", "")))
        return []

    def _start(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        self._head["id"] = message.get("id", "")
        self._report(message.get("usage"))
        return [self._chunk({"content": ""})]

    def _block_start(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        block = _object(event, "content_block")
        kind = block.get("type")
        if kind == "text":
            return self._text(block.get("text"))
        if kind in ("thinking", "redacted_thinking"):
            self._thoughts += 1
        if kind == "thinking":
            return self._thought(block.get("thinking")) + self._signature(block.get("signature"))
        if kind == "redacted_thinking":
            return [self._thinking({"type": kind, "data": block.get("data", "")}, "")]
        if kind == "tool_use":
            return self._tool_start(event, block)
        if isinstance(kind, str) and kind.endswith("_tool_result"):
            return [self._result(result_field(kind), block)]
        return []

    def _tool_start(self, event: dict[str, Any], block: dict[str, Any]) -> list[dict[str, Any]]:
        tool = _ToolBlock(block, None if block.get("name") == ANSWER_TOOL else self._calls)
        self._tools[event.get("index", -1)] = tool
        if tool.call is None:
            return []
        self._calls += 1
        function = {"name": block.get("name", ""), "arguments": ""}
        call = {"index": tool.call, "id": block.get("id", ""), "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _block_delta(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        delta = _object(event, "delta")
        kind = delta.get("type")
        if kind == "text_delta":
            return self._text(delta.get("text"))
        if kind == "input_json_delta":
            tool = self._tools.get(event.get("index", -1))
            # Without a tool it is the input of one that Anthropic runs itself: not for the client.
            return self._arguments(tool, delta.get("partial_json")) if tool is not None else []
        if kind == "thinking_delta":
            return self._thought(delta.get("thinking"))
        if kind == "signature_delta":
            return self._signature(delta.get("signature"))
        if kind == "citations_delta":
            self._citations.cite(delta.get("citation"))
            return [self._chunk({"provider_specific_fields": {"citation": delta.get("citation")}})]
        return []

    def _block_stop(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        tool = self._tools.get(event.get("index", -1))
        if tool is None or tool.has_arguments:
            return self._cited()
        return self._arguments(tool, orjson.dumps(tool.input).decode())  # {} unless it came whole at the start

    def _cited(self) -> list[dict[str, Any]]:
        annotations = self._citations.block_ends()
        return [self._chunk({"annotations": annotations})] if annotations else []

    def _end(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        self._report(event.get("usage"))
        delta = _object(event, "delta")
        if delta.get("stop_reason") is None or self._ended:
            return []
        self._ended = True
        explanation = refusal_of(delta)
        chunk = self._chunk({} if explanation is None else {"refusal": explanation})
        chunk["choices"][0]["finish_reason"] = finish_reason_of(delta["stop_reason"], calls_tools=self._calls > 0)
        return [chunk]

    def _stop(self) -> list[dict[str, Any]]:
        self.finished = True
        if not self._include_usage or self.usage is None:
            return []
        return [{**self._head, "choices": [], "usage": openai_usage(self.usage)}]

    def _text(self, text: object) -> list[dict[str, Any]]:
        if not isinstance(text, str) or not text:
            return []
        self._citations.text(text)
        return [self._chunk({"content": text})]

    def _thought(self, thought: object) -> list[dict[str, Any]]:
        return [self._thinking({"type": "thinking", "thinking": thought}, thought)] if thought else []

    def _signature(self, signature: object) -> list[dict[str, Any]]:
        if not signature:
            return []
        return [self._thinking({"type": "thinking", "thinking": "", "signature": signature}, "")]

    def _thinking(self, block: dict[str, Any], text: object) -> dict[str, Any]:
        return self._chunk({"reasoning_content": text, "thinking_blocks": [{"index": self._thoughts, **block}]})

    def _result(self, field: str, block: dict[str, Any]) -> dict[str, Any]:
        place = self._results[field] = self._results.get(field, -1) + 1
        return self._chunk({"provider_specific_fields": {field: [{"index": place, **block}]}})

    def _arguments(self, tool: "_ToolBlock", fragment: object) -> list[dict[str, Any]]:
        if not fragment:
            return []
        tool.has_arguments = True
        if tool.call is None:
            return self._text(fragment)
        return [self._chunk({"tool_calls": [{"index": tool.call, "function": {"arguments": fragment}}]})]

    def _report(self, usage: object) -> None:
        """Later reports are cumulative, but may leave out what the first one told (the split of cache writes)."""
        if isinstance(usage, dict):
            self._reported.update({name: value for name, value in usage.items() if value is not None})
            self.usage = usage_from_anthropic(self._reported)

    def _chunk(self, delta: dict[str, Any]) -> dict[str, Any]:
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", **delta}
        return {**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


class _ToolBlock:
    """A tool_use block being streamed; `call` is its place among the client's calls, None for a JSON answer."""

    def __init__(self, block: dict[str, Any], call: int | None) -> None:
        self.input = block.get("input") or {}
        self.call = call
        self.has_arguments = False


def _object(event: dict[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    if not isinstance(value, dict):
        raise ProviderStreamError("malformed_stream", f"{event.get('type')} has no object {name!r}")
    return value
