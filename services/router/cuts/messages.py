"""The events of Anthropic's Messages API. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Told, Wire
from services.router.dialects.anthropic.response import usage_shown
from shared.usage import Usage

_TEXT = b'"text":"'
_TAIL = b'"}}'
_TEXTS = ("text", "thinking", "partial_json")


class MessagesCut:
    """A `Cut`."""

    reason = "max_tokens"

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._begun = False
        self._open: int | None = None  # the block that is open

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        text, tail = event.find(_TEXT), event.rfind(_TAIL)
        if b'"content_block_delta"' not in event or not 0 < text < tail:
            return b"", b""
        return event[: text + len(_TEXT)], event[tail:]

    def texts(self, told: Told) -> list[tuple[int, str]]:
        if told.fields.get("type") not in ("content_block_delta", "content_block_start"):
            return []
        piece = told.fields.get("delta") or told.fields.get("content_block")
        if not isinstance(piece, dict):
            return []
        place = _place(told)
        return [(place, piece[name]) for name in _TEXTS if isinstance(piece.get(name), str) and piece[name]]

    def note(self, told: Told) -> None:
        kind = told.fields.get("type")
        if kind == "message_start":
            self._begun = True
        elif kind == "content_block_start":
            self._open = _place(told)
        elif kind == "content_block_stop":
            self._open = None

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        delta = told.fields.get("delta")
        if not isinstance(delta, dict) or delta.get("type") != "text_delta":
            return None
        return self.wire.write(
            "content_block_delta", {**told.fields, "delta": {**delta, "text": text}}, in_place_of=event
        )

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        events: list[dict[str, Any]] = []
        if not self._begun:
            empty: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
            message = {"id": answer_id, "type": "message", "role": "assistant", "model": model, **empty}
            events.append({"type": "message_start", "message": {**message, "usage": usage_shown(usage)}})
        if self._open is not None:
            events.append({"type": "content_block_stop", "index": self._open})
        delta = {"stop_reason": self.reason, "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": usage_shown(usage)})
        out = b"".join([self.wire.write(event["type"], event) for event in events])
        return Ending(out, self.wire.write("message_stop", {"type": "message_stop"}) + self.wire.end())


def _place(told: Told) -> int:
    index = told.fields.get("index")
    return index if isinstance(index, int) else 0
