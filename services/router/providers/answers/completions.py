"""OpenAI's completions and chunks as the translators of other protocols write them."""

from typing import Any

from services.router.providers.answers.sse import SseParser
from shared.usage import Usage


class Completions:
    """Makes the completion, or the chunks, of one answer. The first chunk has the role."""

    def __init__(self, model: str, created: int, answer_id: str = "") -> None:
        """`model` is the name to show; `created` the time to show, in seconds since 1970."""
        self.id = answer_id
        self._model = model
        self._created = created
        self._opened = False

    def chunk(self, delta: dict[str, Any], *, finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", **delta}
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def tool_chunk(self, index: int, **fields: Any) -> dict[str, Any]:
        """Return a chunk of a call: its id, name and first arguments, or more arguments."""
        function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
        call = {"index": index, **fields, **({"type": "function"} if "id" in fields else {}), "function": function}
        return self.chunk({"tool_calls": [call]})

    def usage_chunk(self, usage: Usage) -> dict[str, Any]:
        """Return OpenAI's last chunk, which clients ask for."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": shown_usage(usage)}

    def whole(
        self, message: dict[str, Any], *, finish: str, usage: Usage | None, logprobs: Any = None
    ) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        if logprobs is not None:
            choice["logprobs"] = logprobs
        completion = {**self._head("chat.completion"), "choices": [choice]}
        return completion if usage is None else {**completion, "usage": shown_usage(usage)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self._created, "model": self._model}


def shown_usage(usage: Usage) -> dict[str, Any]:
    """Return `usage` as OpenAI's `usage` object."""
    shown: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    if usage.cached_input:
        shown["prompt_tokens_details"] = {"cached_tokens": usage.cached_input}
    if usage.reasoning:
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return shown


class SseEvents:
    """A `Framing`: server-sent events whose data is JSON, but for the [DONE] that some streams end with."""

    def __init__(self, *, done: bytes = b"") -> None:
        """`done` is the JSON to have in place of [DONE], which is left out without it."""
        self._parser = SseParser()
        self._done = done

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        return self._telling(self._parser.feed(data))

    def end(self) -> list[tuple[str, bytes]]:
        return self._telling(self._parser.end())

    def _telling(self, events: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        named = [(name, self._done if data.strip() == b"[DONE]" else data) for name, data in events]
        return [event for event in named if event[1]]
