"""The answers of Google's streamGenerateContent. https://ai.google.dev/api/generate-content"""

from collections.abc import Iterator
from typing import Any

import orjson

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Told, Wire
from services.router.dialects.gemini.response import usage_shown
from shared.usage import Usage


class GenerateCut:
    """A `Cut`."""

    reason = "MAX_TOKENS"

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._envelope: dict[str, Any] = {}
        self._places: set[int] = set()

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""  # the usage in every event is another

    def texts(self, told: Told) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for place, part in _parts(told):
            if isinstance(part.get("text"), str) and part["text"]:
                found.append((place, part["text"]))
            call = part.get("functionCall")
            if isinstance(call, dict):
                found.append((place, f"{call.get('name')}{orjson.dumps(call.get('args')).decode()}"))
        return found

    def note(self, told: Told) -> None:
        for name in ("modelVersion", "responseId"):
            if name in told.fields:
                self._envelope[name] = told.fields[name]
        self._places |= {place for place, _ in _parts(told)}
        self.wire.opened()

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        parts = list(_parts(told))
        candidates = told.fields["candidates"] if parts else []
        if len(parts) != 1 or len(candidates) != 1 or len(self.texts(told)) != 1 or "text" not in parts[0][1]:
            return None
        content = {**candidates[0]["content"], "parts": [{**parts[0][1], "text": text}]}
        short = {name: value for name, value in candidates[0].items() if name != "finishReason"}
        fields = {name: value for name, value in told.fields.items() if name != "usageMetadata"}
        return self.wire.write("", {**fields, "candidates": [{**short, "content": content}]}, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        envelope = self._envelope or {"modelVersion": model, "responseId": answer_id}
        content = {"parts": [{"text": ""}], "role": "model"}
        candidates = [
            {"content": content, "finishReason": self.reason, "index": place} for place in sorted(self._places) or [0]
        ]
        last = self.wire.write("", {"candidates": candidates, "usageMetadata": usage_shown(usage), **envelope})
        return Ending(b"", last + self.wire.end())


def _parts(told: Told) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the parts of an answer, each with the index of its candidate."""
    candidates = told.fields.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        content = candidate.get("content") if isinstance(candidate, dict) else None
        parts = content.get("parts") if isinstance(content, dict) else None
        index = candidate.get("index") if isinstance(candidate, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield index if isinstance(index, int) else 0, part
