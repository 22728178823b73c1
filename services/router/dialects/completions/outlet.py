"""Chat's answers as the texts of the older completions.

Source: https://platform.openai.com/docs/api-reference/completions/object
"""

from typing import Any

import orjson

from services.router.dialects.outlet import chunks_in
from services.router.providers.answers.completions import shown_usage
from shared.usage import Usage

_DONE = b"data: [DONE]\n\n"


class TextOutlet:
    """Implements dialects.outlet.Outlet. What is no text, thoughts among it, has no place there."""

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str, *, include_usage: bool) -> None:
        """`include_usage`: the client of a stream wants a last chunk with it."""
        self._include_usage = include_usage
        self._head: dict[str, Any] = {"id": "", "object": "text_completion", "created": 0, "model": model}

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        self._named_by(completion)
        choices = [
            _choice(choice, (choice.get("message") or {}).get("content")) for choice in completion.get("choices") or ()
        ]
        return orjson.dumps({**self._head, "choices": choices, "usage": shown_usage(usage)})

    def feed(self, events: bytes) -> bytes:
        out: list[bytes] = []
        for chunk in chunks_in(events):
            self._named_by(chunk)
            choices = [
                _choice(choice, (choice.get("delta") or {}).get("content")) for choice in chunk.get("choices") or ()
            ]
            told = [choice for choice in choices if choice["text"] or choice["finish_reason"]]
            if told:
                out.append(self._event(told))
        return b"".join(out)

    def closing(self, usage: Usage) -> bytes:
        return (self._event([], usage=shown_usage(usage)) if self._include_usage else b"") + _DONE

    def _named_by(self, told: dict[str, Any]) -> None:
        self._head["id"] = self._head["id"] or told.get("id") or ""
        self._head["created"] = self._head["created"] or told.get("created") or 0

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return b"data: " + orjson.dumps({**self._head, "choices": choices, **more}) + b"\n\n"


def _choice(choice: dict[str, Any], content: object) -> dict[str, Any]:
    text = content if isinstance(content, str) else ""
    reason = choice.get("finish_reason")
    return {"index": choice.get("index") or 0, "text": text, "logprobs": None, "finish_reason": reason}
