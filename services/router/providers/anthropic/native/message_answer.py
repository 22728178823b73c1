"""Anthropic's answers for Anthropic's clients: forwarded as they come, looked into where they tell usage or an end."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.forwarded_answer import ForwardedAnswer
from services.router.providers.answers.native_answer import Blocks
from services.router.providers.base import Whole, json_object
from shared.usage import usage_from_anthropic

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_WRITTEN = ("text", "thinking", "partial_json")


class MessageAnswer(ForwardedAnswer):
    """An `AnswerReader`; `model` is the name to show."""

    cut_as = "messages"
    end_named = "message_stop"
    telling = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"')

    def __init__(self, model: str, events: Blocks | None = None) -> None:
        """`events` is how a stream comes, server-sent if None."""
        super().__init__(model, events)
        self._reported: dict[str, Any] = {}

    def whole(self, body: bytes) -> Whole:
        message = json_object(body)
        if "content" not in message:
            _raise_reported(message)
            raise UnreadableAnswer("a message without content")
        self.usage = usage_from_anthropic(message.get("usage"))
        self.response_id = str(message.get("id") or "")
        self.finish_reason = str(message.get("stop_reason") or "")
        return self.whole_shown(body, message)

    def told(self, event: bytes, fields: dict[str, Any]) -> bytes:
        kind, message = fields.get("type"), fields.get("message")
        if kind == "message_start" and isinstance(message, dict):
            self.response_id = str(message.get("id") or "")
            self._report(message.get("usage"))
            shown = b'"model":' + orjson.dumps(self.model)
            return _MODEL.sub(lambda _: shown, event, count=1) if message.get("model") != self.model else event
        if kind == "message_delta":
            delta = fields.get("delta")
            self.finish_reason = str(delta.get("stop_reason") or "") if isinstance(delta, dict) else ""
            self._report(fields.get("usage"))
        elif kind == "message_stop":
            self.done = True
            self.closing = event
            return b""
        elif kind == "error":
            _raise_reported(fields)
        return event

    def texts(self, event: dict[str, Any]) -> Iterator[str]:
        for piece in (event.get("delta"), *(event.get("content") or ())):
            if isinstance(piece, dict):
                yield from [piece[name] for name in _WRITTEN if isinstance(piece.get(name), str)]
                if isinstance(piece.get("input"), dict) and piece["input"]:
                    yield orjson.dumps(piece["input"]).decode()

    def _report(self, usage: object) -> None:
        """Later reports are cumulative, but may leave out what the first one told (the split of cache writes)."""
        if isinstance(usage, dict):
            self._reported.update({name: value for name, value in usage.items() if value is not None})
            self.usage = usage_from_anthropic(self._reported)


def _raise_reported(told: dict[str, Any]) -> None:
    error = told.get("error")
    if isinstance(error, dict):
        raise ProviderStreamError(str(error.get("type") or "api_error"), str(error.get("message") or "no message"))
