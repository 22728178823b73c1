"""The events of Gemini's Interactions API. https://ai.google.dev/api/interactions-api"""

from typing import Any

import orjson

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from shared.usage import Usage

_RESOURCE = ("id", "object", "model", "agent", "created", "service_tier")
DONE = b"event: done\ndata: [DONE]\n\n"


class InteractionsCut:
    """A `Cut`."""

    reason = "incomplete"

    def __init__(self) -> None:
        self.wire: Wire = Sse(named=True, end=DONE)
        self._interaction: dict[str, Any] = {}
        self._open: int | None = None  # the step that is open

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""  # each has an id of its own

    def texts(self, told: Told) -> list[tuple[int, str]]:
        piece = told.fields.get("delta")
        if _kind(told) == "step.start":
            piece = told.fields.get("step")
        if not isinstance(piece, dict):
            return []
        content, arguments = piece.get("content"), piece.get("arguments")
        said = [piece.get("text"), content.get("text") if isinstance(content, dict) else None]
        if _kind(told) == "step.start":
            said.append(piece.get("name"))
        said.append(
            arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode() if arguments else None
        )
        return [(_place(told), text) for text in said if isinstance(text, str) and text]

    def note(self, told: Told) -> None:
        kind, interaction = _kind(told), told.fields.get("interaction")
        if isinstance(interaction, dict):
            self._interaction = {name: interaction[name] for name in _RESOURCE if name in interaction}
        elif kind == "step.start":
            self._open = _place(told)
        elif kind == "step.stop":
            self._open = None

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        delta = told.fields.get("delta")
        if not isinstance(delta, dict) or delta.get("type") != "text":
            return None
        return self.wire.write("step.delta", {**told.fields, "delta": {**delta, "text": text}}, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        out = b""
        if self._open is not None:
            out = self._event("step.stop", index=self._open)
        begun = self._interaction or {"id": answer_id, "object": "interaction", "model": model}
        ended = {**begun, "status": self.reason, "usage": _usage_shown(usage)}
        return Ending(out, self._event("interaction.completed", interaction=ended) + self.wire.end())

    def _event(self, kind: str, **fields: Any) -> bytes:
        return self.wire.write(kind, {"event_type": kind, **fields})


def _usage_shown(usage: Usage) -> dict[str, int]:
    return {
        "total_input_tokens": usage.prompt_tokens,
        "total_cached_tokens": usage.cached_input,
        "total_output_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _kind(told: Told) -> str:
    return str(told.fields.get("event_type") or told.name)


def _place(told: Told) -> int:
    index = told.fields.get("index")
    return index if isinstance(index, int) else 0
