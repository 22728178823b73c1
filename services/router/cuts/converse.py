"""The events of Bedrock's ConverseStream.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import AwsEvents, Told, Wire
from shared.usage import Usage


class ConverseCut:
    """A `Cut`."""

    reason = "max_tokens"

    def __init__(self) -> None:
        self.wire: Wire = AwsEvents()
        self._open: int | None = None

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""

    def texts(self, told: Told) -> list[tuple[int, str]]:
        delta = told.fields.get("delta")
        if told.name != "contentBlockDelta" or not isinstance(delta, dict):
            return []
        thought, tool = delta.get("reasoningContent"), delta.get("toolUse")
        said = [delta.get("text")]
        said += [thought.get("text")] if isinstance(thought, dict) else []
        said += [tool.get("input")] if isinstance(tool, dict) else []
        return [(_place(told), text) for text in said if isinstance(text, str) and text]

    def note(self, told: Told) -> None:
        if told.name in ("contentBlockStart", "contentBlockDelta"):  # a text has no start of its own
            self._open = _place(told)
        elif told.name == "contentBlockStop":
            self._open = None

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        delta = told.fields.get("delta")
        if told.name != "contentBlockDelta" or not isinstance(delta, dict) or not isinstance(delta.get("text"), str):
            return None
        return self.wire.write(told.name, {**told.fields, "delta": {"text": text}}, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        out = b""
        if self._open is not None:
            out = self.wire.write("contentBlockStop", {"contentBlockIndex": self._open})
        out += self.wire.write("messageStop", {"stopReason": self.reason})
        return Ending(out, self.wire.write("metadata", {"usage": _usage_shown(usage), "metrics": {"latencyMs": 0}}))


def _place(told: Told) -> int:
    index = told.fields.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def _usage_shown(usage: Usage) -> dict[str, Any]:
    written, cached = usage.cache_write + usage.cache_write_1h, usage.cached_input
    return {
        "inputTokens": usage.prompt_tokens - written - cached,
        "outputTokens": usage.completion_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": written,
    }
