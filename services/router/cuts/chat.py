"""OpenAI's chunks, of chats and of older completions. https://platform.openai.com/docs/api-reference/chat-streaming"""

import re
from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from services.router.providers.openai.answer_text import texts_by_choice
from shared.usage import Usage

_TEXT = re.compile(rb'"delta":\{"(?:content|reasoning_content|reasoning)":("(?:[^"\\]|\\.)*")')
DONE = b"data: [DONE]\n\n"


class ChatCut:
    """A `Cut`."""

    reason = "length"

    def __init__(self, *, end: bytes = b"") -> None:
        """`end`: DONE where nobody else writes it."""
        self.wire: Wire = Sse()
        self._end = end
        self._envelope: dict[str, Any] = {}
        self._choices: set[int] = set()
        self._is_chat = True

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        text = _TEXT.search(event)
        return (event[: text.start(1) + 1], event[text.end(1) - 1 :]) if text is not None else (b"", b"")

    def texts(self, told: Told) -> list[tuple[int, str]]:
        return texts_by_choice(told.fields)

    def note(self, told: Told) -> None:
        if not self._envelope:
            self._envelope = {name: value for name, value in told.fields.items() if name not in ("choices", "usage")}
        choices = told.fields.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                self._choices.add(choice["index"] if isinstance(choice.get("index"), int) else 0)
                self._is_chat = "text" not in choice

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        choices = told.fields.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return None
        delta = choices[0].get("delta")
        if not isinstance(delta, dict) or not isinstance(delta.get("content"), str) or len(self.texts(told)) != 1:
            return None
        short = {**choices[0], "delta": {**delta, "content": text}, "finish_reason": None}
        return self.wire.write("", {**told.fields, "choices": [short]}, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        envelope = self._envelope or {"id": answer_id, "object": "chat.completion.chunk", "created": 0, "model": model}
        said: dict[str, Any] = {"delta": {}} if self._is_chat else {"text": ""}
        choices = [{"index": index, **said, "finish_reason": self.reason} for index in sorted(self._choices) or [0]]
        out = self.wire.write("", {**envelope, "choices": choices})
        if shows_usage:
            told = {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            }
            out += self.wire.write("", {**envelope, "choices": [], "usage": told})
        return Ending(out, self._end)
