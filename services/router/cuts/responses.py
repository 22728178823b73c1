"""The events of OpenAI's Responses API. https://platform.openai.com/docs/api-reference/responses-streaming"""

from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from services.router.dialects.responses.response import ended
from shared.usage import Usage

_SAID = ("response.output_text.delta", "response.refusal.delta", "response.function_call_arguments.delta")


class ResponsesCut:
    """A `Cut`: keeps the items of the output, because the last event has all of them."""

    reason = "incomplete"

    def __init__(self) -> None:
        self.wire: Wire = Sse(named=True)
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._open: set[int] = set()
        self._parts: dict[tuple[int, int], dict[str, Any]] = {}  # that are open
        self._said: dict[tuple[int, int], list[str]] = {}  # in them, or in a call without parts
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
            self._said.pop((place, 0), None)
        elif kind == "response.content_part.added" and isinstance(fields.get("part"), dict):
            self._parts[place, _index(told, "content_index")] = fields["part"]
        elif kind == "response.content_part.done":
            self._close(place, _index(told, "content_index"), fields.get("part"))
        elif kind in _SAID and isinstance(fields.get("delta"), str):
            self._said.setdefault((place, _index(told, "content_index")), []).append(fields["delta"])

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        if told.fields.get("type") != "response.output_text.delta":
            return None
        return self.wire.write(
            "response.output_text.delta", {**told.fields, "delta": text, "logprobs": []}, in_place_of=event
        )

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        out = b""
        for (place, content), begun in list(self._parts.items()):
            name = "refusal" if begun.get("type") == "refusal" else "text"
            part = {**begun, name: "".join(self._said.get((place, content), ()))}
            where = {"item_id": self._items.get(place, {}).get("id", ""), "output_index": place}
            where["content_index"] = content
            if part.get("type") == "output_text":
                told = {"text": part["text"], "logprobs": []}
                out += self._event("response.output_text.done", {**where, **told})
            out += self._event("response.content_part.done", {**where, "part": part})
            self._close(place, content, part)
        for place in sorted(self._open):
            item = self._items[place] = {**self._items[place], "status": "incomplete"}
            if item.get("type") == "function_call":
                item["arguments"] = "".join(self._said.get((place, 0), ()))
            out += self._event("response.output_item.done", {"output_index": place, "item": item})
        opened = self._response or {"id": answer_id, "object": "response", "model": model}
        response = ended(opened, [self._items[place] for place in sorted(self._items)], "length", usage)
        return Ending(out, self._event("response.incomplete", {"response": response}))

    def _close(self, place: int, content: int, part: object) -> None:
        known = self._parts.pop((place, content), None)
        self._said.pop((place, content), None)
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
