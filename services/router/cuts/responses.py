"""The events of OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses-streaming"""

from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from services.router.dialects.responses.response import ended
from shared.usage import Usage

_TEXT = b'"delta":"'


class ResponsesCut:
    """A `Cut`: keeps the items of the output, because the last event has all of them."""

    reason = "incomplete"

    def __init__(self) -> None:
        self.wire: Wire = Sse(named=True)
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._open: set[int] = set()
        self._parts: dict[tuple[int, int], dict[str, Any]] = {}  # that are open
        self._number = -1

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""  # each has a number of its own

    def texts(self, told: Told) -> list[tuple[int, str]]:
        delta = told.fields.get("delta")
        return [(_index(told, "output_index"), delta)] if isinstance(delta, str) and delta else []

    def note(self, told: Told) -> None:
        fields = told.fields
        kind, item, place = fields.get("type"), fields.get("item"), _index(told, "output_index")
        self._number = max(self._number, _index(told, "sequence_number"))
        if isinstance(fields.get("response"), dict):
            self._response = fields["response"]
        elif kind == "response.output_item.added" and isinstance(item, dict):
            self._items[place] = item
            self._open.add(place)
        elif kind == "response.output_item.done" and isinstance(item, dict):
            self._items[place] = item
            self._open.discard(place)
        elif kind == "response.content_part.added" and isinstance(fields.get("part"), dict):
            self._parts[place, _index(told, "content_index")] = fields["part"]
        elif kind == "response.content_part.done":
            self._close(place, _index(told, "content_index"), fields.get("part"))
        elif isinstance(fields.get("delta"), str):
            self._add(place, _index(told, "content_index"), str(kind), fields["delta"])

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        if told.fields.get("type") != "response.output_text.delta":
            return None
        return self.wire.write(
            "response.output_text.delta", {**told.fields, "delta": text, "logprobs": []}, in_place_of=event
        )

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        out = b""
        for (place, content), part in list(self._parts.items()):
            where = {"item_id": self._items.get(place, {}).get("id", ""), "output_index": place}
            where["content_index"] = content
            if part.get("type") == "output_text":
                told = {"text": part.get("text", ""), "logprobs": []}
                out += self._event("response.output_text.done", {**where, **told})
            out += self._event("response.content_part.done", {**where, "part": part})
            self._close(place, content, part)
        for place in sorted(self._open):
            item = self._items[place] = {**self._items[place], "status": "incomplete"}
            out += self._event("response.output_item.done", {"output_index": place, "item": item})
        begun = self._response or {"id": answer_id, "object": "response", "model": model}
        response = ended(begun, [self._items[place] for place in sorted(self._items)], "length", usage)
        return Ending(out, self._event("response.incomplete", {"response": response}))

    def _add(self, place: int, content: int, kind: str, delta: str) -> None:
        part, item = self._parts.get((place, content)), self._items.get(place)
        if part is not None and kind in ("response.output_text.delta", "response.refusal.delta"):
            name = "text" if kind == "response.output_text.delta" else "refusal"
            self._parts[place, content] = {**part, name: f"{part.get(name) or ''}{delta}"}
        elif item is not None and kind == "response.function_call_arguments.delta":
            self._items[place] = {**item, "arguments": f"{item.get('arguments') or ''}{delta}"}

    def _close(self, place: int, content: int, part: object) -> None:
        known = self._parts.pop((place, content), None)
        item = self._items.get(place)
        if item is not None:
            said = [*(item.get("content") or ()), part if isinstance(part, dict) else known]
            self._items[place] = {**item, "content": said}

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        self._number += 1
        return self.wire.write(kind, {"type": kind, "sequence_number": self._number, **fields})


def _index(told: Told, name: str) -> int:
    index = told.fields.get(name)
    return index if isinstance(index, int) else 0
