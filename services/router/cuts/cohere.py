"""The events of Cohere's v2 Chat API.

Sources: https://docs.cohere.com/v2/docs/streaming, https://docs.cohere.com/docs/tool-use-streaming
"""

from typing import Any

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from shared.usage import Usage

_TEXT = b'"text":"'
_TAIL = b'"}}}'
_TEXTS = ("text", "thinking")
DONE = b"data: [DONE]\n\n"
_BEGUN: dict[str, Any] = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}


class CohereCut:
    """A `Cut`."""

    reason = "MAX_TOKENS"

    def __init__(self) -> None:
        self.wire: Wire = Sse(named=True)
        self._begun = False
        self._open: tuple[str, int] | None = None  # what is open: the name of its end, and its place

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        text, tail = event.find(_TEXT), event.rfind(_TAIL)
        if b'"content-delta"' not in event or not 0 < text < tail:
            return b"", b""
        return event[: text + len(_TEXT)], event[tail:]

    def texts(self, told: Told) -> list[tuple[int, str]]:
        """Contents and calls are numbered each for itself; a plan stands before both."""
        message = _message(told)
        plan, content, call = message.get("tool_plan"), message.get("content"), message.get("tool_calls")
        found = [(-1, plan)] if isinstance(plan, str) else []
        if isinstance(content, dict):
            found += [(2 * _place(told), content[name]) for name in _TEXTS if isinstance(content.get(name), str)]
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            names = ("name", "arguments")
            found += [(2 * _place(told) + 1, function[name]) for name in names if isinstance(function.get(name), str)]
        return [(place, text) for place, text in found if text]

    def note(self, told: Told) -> None:
        kind = _kind(told)
        if kind == "message-start":
            self._begun = True
        elif kind in ("content-start", "tool-call-start"):
            self._open = (kind.replace("start", "end"), _place(told))
        elif kind in ("content-end", "tool-call-end"):
            self._open = None

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        content = _message(told).get("content")
        if _kind(told) != "content-delta" or not isinstance(content, dict):
            return None
        name = next((name for name in _TEXTS if content.get(name)), "")
        fields = {name: value for name, value in told.fields.items() if name != "logprobs"}
        short = {**fields, "delta": {"message": {"content": {name: text}}}}
        return self.wire.write("content-delta", short, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        events: list[dict[str, Any]] = []
        if not self._begun:
            events.append({"type": "message-start", "id": answer_id, "delta": {"message": _BEGUN}})
        if self._open is not None:
            events.append({"type": self._open[0], "index": self._open[1]})
        used = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
        delta = {"finish_reason": self.reason, "usage": {"billed_units": used, "tokens": used}}
        last = self.wire.write("message-end", {"type": "message-end", "delta": delta})
        return Ending(b"".join([self.wire.write(event["type"], event) for event in events]), last + DONE)


def _kind(told: Told) -> str:
    return str(told.fields.get("type") or told.name)


def _message(told: Told) -> dict[str, Any]:
    """Return what an event adds to the answer; a start begins what the following deltas go on with."""
    delta = told.fields.get("delta") if _kind(told) != "message-start" else None
    message = delta.get("message") if isinstance(delta, dict) else None
    return message if isinstance(message, dict) else {}


def _place(told: Told) -> int:
    index = told.fields.get("index")
    return index if isinstance(index, int) else 0
