"""Chat chunks as the events of a response.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

import time
from typing import Any

import orjson

from services.router.dialects.calls_in_turn import CallPlaces, is_whole
from services.router.dialects.chat_pieces import join_thoughts
from services.router.dialects.outlet import chunks_in
from services.router.dialects.responses.response import (
    annotations_of,
    call_item,
    empty_response,
    ended,
    message_item,
    output_of,
    reasoning_item,
    text_part,
)
from shared.usage import Usage


class ResponseOutlet:
    """Implements dialects.outlet.Outlet. `response` is the whole answer, once it is.

    An item is done when another begins; but a call only when its arguments are whole, since pieces of calls can come
    mixed, and no item before those in front of it.
    """

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, body: dict[str, Any], *, model: str, request_id: str, created: int | None = None) -> None:
        """`body` is the request's; the response has an id made of the request's, which nobody else has."""
        self._ids = request_id.removeprefix("req_")
        self.response_id = f"resp_{self._ids}"
        at = int(time.time()) if created is None else created
        self.response = empty_response(body, response_id=self.response_id, model=model, created=at)
        self._number = 0
        self._output: list[dict[str, Any]] = []  # items that are done
        self._items: list[_Message | _Thought | _Call] = []  # all that have begun
        self._places = CallPlaces()
        self._calls: dict[int, _Call] = {}
        self._finish: str | None = None

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        choice = (completion.get("choices") or [{}])[0]
        output = output_of(choice.get("message") or {}, choice.get("logprobs"), self._ids)
        self.response = ended(self.response, output, choice.get("finish_reason"), usage)
        return orjson.dumps(self.response)

    def feed(self, events: bytes) -> bytes:
        out: list[bytes] = []
        for chunk in chunks_in(events):
            self._begin(out)
            for choice in chunk.get("choices") or ():
                if choice.get("index") in (0, None):
                    self._delta(choice.get("delta") or {}, out)
                    self._finish = choice.get("finish_reason") or self._finish
        return b"".join(out)

    def closing(self, usage: Usage) -> bytes:
        out: list[bytes] = []
        self._begin(out)
        self._close(out, len(self._items), at_end=True)
        self.response = ended(self.response, self._output, self._finish, usage)
        out.append(self._event(f"response.{self.response['status']}", response=self.response))
        return b"".join(out)

    def _begin(self, out: list[bytes]) -> None:
        if self._number == 0:
            out.append(self._event("response.created", response=self.response))
            out.append(self._event("response.in_progress", response=self.response))

    def _delta(self, delta: dict[str, Any], out: list[bytes]) -> None:
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        blocks = delta.get("thinking_blocks")
        if (isinstance(thought, str) and thought) or blocks:
            item = self._last
            if not isinstance(item, _Thought):
                item = _Thought()
                self._start(item, out)
            item.add(blocks if isinstance(blocks, list) else [])
            if isinstance(thought, str) and thought:
                item.text += thought
                out.append(self._piece(item, "response.reasoning_summary_text.delta", summary_index=0, delta=thought))
        for name in ("content", "refusal"):
            text = delta.get(name)
            if isinstance(text, str) and text:
                self._text(name, text, out)
        self._cite(delta, out)
        for call in delta.get("tool_calls") or ():
            self._call(call, out)

    @property
    def _last(self) -> "_Message | _Thought | _Call | None":
        return self._items[-1] if self._items else None

    def _cite(self, delta: dict[str, Any], out: list[bytes]) -> None:
        item = self._last
        if not isinstance(item, _Message) or item.refuses:
            return
        for annotation in annotations_of(delta):
            fields = {"content_index": 0, "annotation_index": len(item.annotations), "annotation": annotation}
            item.annotations.append(annotation)
            out.append(self._piece(item, "response.output_text.annotation.added", **fields))

    def _text(self, name: str, text: str, out: list[bytes]) -> None:
        refuses = name == "refusal"
        item = self._last
        if not isinstance(item, _Message) or item.refuses is not refuses:
            item = _Message(refuses)
            self._start(item, out)
        item.text += text
        if refuses:
            out.append(self._piece(item, "response.refusal.delta", content_index=0, delta=text))
        else:
            out.append(self._piece(item, "response.output_text.delta", content_index=0, delta=text, logprobs=[]))

    def _call(self, call: dict[str, Any], out: list[bytes]) -> None:
        place = self._places.of(call)
        item = self._calls.get(place)
        if item is None:
            item = self._calls[place] = _Call(call)
            self._start(item, out)
        pieces = call.get("function") or call.get("custom") or {}
        piece = pieces.get("arguments") or pieces.get("input")
        if isinstance(piece, str) and piece and item.place >= len(self._output):
            item.text += piece
            out.append(self._piece(item, f"response.{item.field}.delta", delta=piece))
            self._close(out, len(self._items) - 1)

    def _start(self, item: "_Message | _Thought | _Call", out: list[bytes]) -> None:
        item.place = len(self._items)
        self._close(out, item.place)
        self._items.append(item)
        item.ids = f"{self._ids}_{item.place}"
        shown = item.shown("in_progress")
        item.id = shown["id"]
        out.append(self._event("response.output_item.added", output_index=item.place, item=shown))
        out += [self._piece(item, kind, **fields) for kind, fields in item.opening()]

    def _close(self, out: list[bytes], before: int, *, at_end: bool = False) -> None:
        """Close the items before that place, in order, up to one that may go on."""
        for item in self._items[len(self._output) : before]:
            if not (item.is_over or at_end):
                return
            out += [self._piece(item, kind, **fields) for kind, fields in item.closing()]
            shown = item.shown("completed")
            self._output.append(shown)
            out.append(self._event("response.output_item.done", output_index=item.place, item=shown))

    def _piece(self, item: "_Message | _Thought | _Call", kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=item.id, output_index=item.place, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(event))


Pieces = list[tuple[str, dict[str, Any]]]


class _Item:
    place = 0
    ids = ""
    id = ""
    text = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow once another item has begun."""
        return True


class _Message(_Item):
    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses
        self.annotations: list[dict[str, Any]] = []

    def shown(self, status: str) -> dict[str, Any]:
        return message_item(f"msg_{self.ids}", [self._part()] if self.text else [], status)

    def opening(self) -> Pieces:
        return [("response.content_part.added", {"content_index": 0, "part": self._part()})]

    def closing(self) -> Pieces:
        text: dict[str, Any] = {"refusal": self.text} if self.refuses else {"text": self.text, "logprobs": []}
        kind = "response.refusal.done" if self.refuses else "response.output_text.done"
        done = ("response.content_part.done", {"content_index": 0, "part": self._part()})
        return [(kind, {"content_index": 0, **text}), done]

    def _part(self) -> dict[str, Any]:
        if self.refuses:
            return {"type": "refusal", "refusal": self.text}
        return text_part(self.text, list(self.annotations))


class _Thought(_Item):
    def __init__(self) -> None:
        self._blocks: list[dict[str, Any]] = []

    def add(self, pieces: list[dict[str, Any]]) -> None:
        join_thoughts(self._blocks, pieces)

    def shown(self, status: str) -> dict[str, Any]:
        return reasoning_item(f"rs_{self.ids}", self.text, self._blocks if status == "completed" else [])

    def opening(self) -> Pieces:
        part = {"type": "summary_text", "text": ""}
        return [("response.reasoning_summary_part.added", {"summary_index": 0, "part": part})]

    def closing(self) -> Pieces:
        part = {"type": "summary_text", "text": self.text}
        return [
            ("response.reasoning_summary_text.done", {"summary_index": 0, "text": self.text}),
            ("response.reasoning_summary_part.done", {"summary_index": 0, "part": part}),
        ]


class _Call(_Item):
    def __init__(self, call: dict[str, Any]) -> None:
        self._custom = call.get("type") == "custom"
        self._call = call
        self.field = "custom_tool_call_input" if self._custom else "function_call_arguments"

    def shown(self, status: str) -> dict[str, Any]:
        inner = self._call.get("custom" if self._custom else "function") or {}
        text = {"input": self.text} if self._custom else {"arguments": self.text}
        kind = "custom" if self._custom else "function"
        return call_item(self.ids, {"id": self._call.get("id"), "type": kind, kind: {**inner, **text}}, status)

    @property
    def is_over(self) -> bool:
        return is_whole(self.text)

    def opening(self) -> Pieces:
        return []

    def closing(self) -> Pieces:
        return [(f"response.{self.field}.done", {"input" if self._custom else "arguments": self.text})]
