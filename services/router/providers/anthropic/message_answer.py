"""Anthropic's answers for Anthropic's clients: forwarded as they come, looked into where they tell usage or an end."""

import re
from typing import Any, Protocol

import msgspec
import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks, event_of
from services.router.providers.base import OwnForm, Whole, json_object
from shared.usage import Usage, usage_from_anthropic

_TELLING = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"')
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
KEPT_BYTES_MAX = 4 * 1024 * 1024
"""Of a stream's events, for counting tokens where it breaks off before its usage."""

_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Blocks(Protocol):
    def feed(self, data: bytes) -> bytes:
        """Return all events that are whole by now, as server-sent ones.

        Raises:
            BrokenAnswer
        """
        ...

    def rest(self) -> bytes:
        """Return what is left at the stream's end.

        Raises:
            BrokenAnswer
        """
        ...


class MessageAnswer(OwnForm):
    """An `AnswerReader`; `model` is the name to show."""

    cut_as = "messages"

    def __init__(self, model: str, events: Blocks | None = None) -> None:
        """`events` is how a stream comes, server-sent if None."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model
        self._events = EventBlocks() if events is None else events
        self._reported: dict[str, Any] = {}
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    def whole(self, body: bytes) -> Whole:
        message = json_object(body, orjson.loads)
        if "content" not in message:
            _raise_reported(message)
            raise UnreadableAnswer("a message without content")
        self.usage = usage_from_anthropic(message.get("usage"))
        self.response_id = str(message.get("id") or "")
        self.finish_reason = str(message.get("stop_reason") or "")
        self._kept = [b"data: " + body]
        if message.get("model") != self._model:
            fields: dict[str, Any] = _decode_raw(body)
            body = _encode({**fields, "model": self._model})
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        block = self._events.feed(data)
        return self._block(block) if block else b""

    def end(self) -> bytes:
        rest = self._events.rest()
        out = self._block(rest + b"\n\n") if rest.strip() else b""
        if not self.done:
            broken = UnreadableAnswer("the stream ended before message_stop")
            broken.before = out
            raise broken
        return out

    def text_so_far(self) -> str:
        return "".join(_texts(b"".join(self._kept)))

    def _block(self, block: bytes) -> bytes:
        if self._kept_bytes < KEPT_BYTES_MAX:
            self._kept.append(block)
            self._kept_bytes += len(block)
        if not any(word in block for word in _TELLING):
            return block
        out: list[bytes] = []
        try:
            for event in block.split(b"\n\n"):
                if event.strip():
                    out.append(self._event(event + b"\n\n"))
        except BrokenAnswer as broken:
            broken.before = b"".join(out)
            raise
        return b"".join(out)

    def _event(self, event: bytes) -> bytes:
        """Note what an event tells; return what of it goes to the client now."""
        if not any(word in event for word in _TELLING):
            return event
        told = json_object(event_of(event.strip())[1] or b"{}", orjson.loads)
        kind = told.get("type")
        if kind == "message_start" and isinstance(told.get("message"), dict):
            message = told["message"]
            self.response_id = str(message.get("id") or "")
            self._report(message.get("usage"))
            shown = b'"model":' + orjson.dumps(self._model)
            return _MODEL.sub(lambda _: shown, event, count=1) if message.get("model") != self._model else event
        if kind == "message_delta":
            delta = told.get("delta")
            self.finish_reason = str((delta or {}).get("stop_reason") or "") if isinstance(delta, dict) else ""
            self._report(told.get("usage"))
        elif kind == "message_stop":
            self.done = True
            self.closing = event
            return b""
        elif kind == "error":
            _raise_reported(told)
        return event

    def _report(self, usage: object) -> None:
        """Later reports are cumulative, but may leave out what the first one told (the split of cache writes)."""
        if isinstance(usage, dict):
            self._reported.update({name: value for name, value in usage.items() if value is not None})
            self.usage = usage_from_anthropic(self._reported)


def _raise_reported(told: dict[str, Any]) -> None:
    error = told.get("error")
    if isinstance(error, dict):
        raise ProviderStreamError(str(error.get("type") or "api_error"), str(error.get("message") or "no message"))


def _texts(events: bytes) -> list[str]:
    found: list[str] = []
    for line in events.split(b"\n"):
        if not line.startswith(b"data:"):
            continue
        try:
            event = orjson.loads(line[5:])
        except orjson.JSONDecodeError:  # an event that was cut
            continue
        for piece in (event.get("delta"), *(event.get("content") or ())):
            if isinstance(piece, dict):
                names = ("text", "thinking", "partial_json")
                found += [piece[name] for name in names if isinstance(piece.get(name), str)]
                if isinstance(piece.get("input"), dict) and piece["input"]:
                    found.append(orjson.dumps(piece["input"]).decode())
    return found
