"""Chat chunks as the events of streamGenerateContent.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from typing import Any

import orjson

from services.router.dialects.calls_in_turn import CallPlaces
from services.router.dialects.chat_pieces import join_thoughts
from services.router.dialects.gemini.grounding import grounding_of
from services.router.dialects.gemini.logprobs import logprobs_of
from services.router.dialects.gemini.response import answer, call_parts, candidate, text_parts, thought_parts, to_answer
from services.router.dialects.outlet import chunks_in
from shared.usage import Usage


class CandidatesOutlet:
    """Implements dialects.outlet.Outlet. Google sends a call of a function whole: calls wait for the end."""

    stream_type = "text/event-stream"

    def __init__(self, model: str) -> None:
        self._model = model
        self._id: object = ""
        self._choices: dict[int, _Choice] = {}

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        return orjson.dumps(to_answer(completion, usage, model=self._model))

    def feed(self, events: bytes) -> bytes:
        out: list[bytes] = []
        for chunk in chunks_in(events):
            self._id = self._id or chunk.get("id")
            for choice in chunk.get("choices") or ():
                index = choice.get("index") or 0
                one = self._choices.setdefault(index, _Choice())
                one.finish = choice.get("finish_reason") or one.finish
                delta = choice.get("delta") or {}
                one.add(delta.get("tool_calls") or ())
                one.think(delta.get("thinking_blocks") or ())
                one.cite(delta)
                parts = thought_parts({**delta, "thinking_blocks": None}) + text_parts(delta)
                sure = logprobs_of(choice.get("logprobs"))
                if parts or sure:
                    out.append(self._event([{**candidate(parts, index), **sure}], None))
        return b"".join(out)

    def closing(self, usage: Usage) -> bytes:
        candidates = [one.last(index) for index, one in sorted(self._choices.items())]
        return self._event(candidates or [candidate([], 0, "stop")], usage)

    def _event(self, candidates: list[dict[str, Any]], usage: Usage | None) -> bytes:
        return b"data: %b\r\n\r\n" % orjson.dumps(answer(candidates, self._id, self._model, usage))


class _Choice:
    def __init__(self) -> None:
        self.finish: str | None = None
        self._places = CallPlaces()
        self._calls: dict[int, dict[str, Any]] = {}
        self._blocks: list[dict[str, Any]] = []
        self._text: list[str] = []
        self._annotations: list[Any] = []

    def cite(self, delta: dict[str, Any]) -> None:
        if isinstance(delta.get("content"), str):
            self._text.append(delta["content"])
        self._annotations += delta.get("annotations") or ()

    def add(self, pieces: Any) -> None:
        for piece in pieces:
            call = self._calls.setdefault(self._places.of(piece), {"id": "", "function": {"name": "", "arguments": ""}})
            call["id"] = call["id"] or piece.get("id") or ""
            function = piece.get("function") or {}
            call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
            call["function"]["arguments"] += function.get("arguments") or ""

    def think(self, pieces: Any) -> None:
        join_thoughts(self._blocks, pieces)

    def last(self, index: int) -> dict[str, Any]:
        """Return the candidate with what was kept until the end: calls, and what the text cites."""
        shown = candidate(self._last_parts(), index, self.finish or "stop")
        grounding = grounding_of("".join(self._text), self._annotations)
        return shown if grounding is None else {**shown, "groundingMetadata": grounding}

    def _last_parts(self) -> list[dict[str, Any]]:
        """Return signatures of thoughts whose texts have gone, and calls."""
        return thought_parts({"thinking_blocks": self._blocks}) + call_parts(self._calls.values())
