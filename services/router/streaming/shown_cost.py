"""What a call cost, in the `usage` of its answer, where the client asks for it (`usage: {"include": true}`).

The field is OpenRouter's: https://openrouter.ai/docs/use-cases/usage-accounting; in Google's dialect it stands in
`usageMetadata`. The number is exact, in USD; null where no price is known. A stream's last event that tells usage is
held back until the cost is known, and so is what follows it.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from services.router.providers.answers.sse import event_of
from shared.money import usd_text
from shared.usage import Usage

_USAGE = b'"usage'
_USAGES = ("usage", "usageMetadata")
_NULL = b"null"
_MARKS = {
    "anthropic_messages": (b'"message_delta"',),
    "agenerate_content": (b'"finishReason"', b'"promptFeedback"'),
}
"""By call type: what the event has that is to tell the cost, where others tell a usage, too; else the last usage."""
TELL_ALWAYS = ("aresponses", *_MARKS)
"""Types of calls whose streams tell the usage unasked."""
_GAP = re.compile(rb"\r\n\r\n|\n\n")
_COUNTED_FORMS = {"acompletion": "chat.completion", "atext_completion": "text_completion"}
"""By call type: answers in which a usage that nobody told can be written, and their `object`."""

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class CostTap:
    """One stream on its way to the client, in the client's dialect. `held` is what waits for the cost."""

    def __init__(self, call_type: str) -> None:
        self._marks = _MARKS.get(call_type, (b'"usage"',))
        self.held = b""

    def through(self, events: bytes) -> bytes:
        """Return what of whole events goes on now; may be empty."""
        if not self.held and not self._is_marked(events):
            return events
        out: list[bytes] = []
        for event in _each(events):
            if self._is_marked(event) and _with_cost_in(event, _NULL) is not None:
                out.append(self.held)
                self.held = event
            elif self.held:
                self.held += event
            else:
                out.append(event)
        return b"".join(out)

    def _is_marked(self, events: bytes) -> bool:
        return any(mark in events for mark in self._marks)


def cost_text(pico: int | None) -> bytes:
    """Return a JSON number of USD, exactly; null for None."""
    return _NULL if pico is None else usd_text(pico).encode()


def with_cost(body: bytes, cost: bytes, *, call_type: str, usage: Usage) -> bytes:
    """Return an answer with `cost` in its usage; as it is where it has none and its form has no place for it."""
    shown = _inserted(body, cost)
    if shown is None and call_type in _COUNTED_FORMS:
        fields: dict[str, Any] = _decode(body)
        shown = _encode({**fields, "usage": _counted(usage, cost)})
    return body if shown is None else shown


def events_with_cost(events: bytes, cost: bytes) -> bytes:
    """Return a stream's last events with `cost` in the usage that they tell; as they are where they tell none."""
    if _USAGE not in events:
        return events
    return b"".join([_with_cost_in(event, cost) or event for event in _each(events)])


def cost_event(answer_id: str, model: str, *, call_type: str, created: int, usage: Usage, cost: bytes) -> bytes:
    """Return the event that tells it where the provider's stream told no usage; b"" in dialects without such events."""
    form = _COUNTED_FORMS.get(call_type)
    if form is None:
        return b""
    kind = f"{form}.chunk" if form == "chat.completion" else form
    head: dict[str, Any] = {"id": answer_id, "object": kind, "created": created, "model": model, "choices": []}
    return b"data: " + _encode({**head, "usage": _counted(usage, cost)}) + b"\n\n"


def _counted(usage: Usage, cost: bytes) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cost": msgspec.Raw(cost),
    }


def _each(events: bytes) -> Iterator[bytes]:
    """Yield whole events, each with what ends it."""
    at = 0
    for gap in _GAP.finditer(events):
        yield events[at : gap.end()]
        at = gap.end()
    if at < len(events):
        yield events[at:]


def _with_cost_in(event: bytes, cost: bytes) -> bytes | None:
    """Return the event with the cost, None where it tells no usage."""
    if _USAGE not in event:
        return None
    # A line's end within JSON is between two of its parts, and would end the one line that is written.
    shown = _inserted(event_of(event.replace(b"\r", b""))[1].replace(b"\n", b" "), cost)
    if shown is None:
        return None
    lines, told = [], False
    for line in event.split(b"\n"):
        if not line.startswith(b"data:"):
            lines.append(line)
        elif not told:
            told = True
            lines.append(b"data: " + shown + (b"\r" if line.endswith(b"\r") else b""))
    return b"\n".join(lines)


def _inserted(text: bytes, cost: bytes) -> bytes | None:
    """Return the JSON object with `cost` in its usage, or in that of its `response`; all other values as they were."""
    try:
        fields: dict[str, Any] = _decode(text)
        for name in _USAGES:
            if name in fields:
                usage: dict[str, Any] = _decode(fields[name])
                return _encode({**fields, name: {**usage, "cost": msgspec.Raw(cost)}})
        if "response" in fields:
            inner = _inserted(bytes(memoryview(fields["response"])), cost)
            return None if inner is None else _encode({**fields, "response": msgspec.Raw(inner)})
    except (msgspec.DecodeError, orjson.JSONDecodeError):  # [DONE], a usage of null, an answer that is no object
        return None
    return None
