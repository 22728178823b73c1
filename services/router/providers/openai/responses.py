"""The Responses API in front of a provider that has it: the client's bytes, but for the model and the maximum.

Source: https://platform.openai.com/docs/api-reference/responses
"""

import re
from typing import Any

import msgspec
import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks, event_of
from services.router.providers.base import OwnForm, ProviderCall, Whole, json_object
from services.router.providers.openai.answer import raise_reported
from services.router.providers.openai.plain_body import plain_body
from shared.serving.deployments import Deployment
from shared.usage import Usage, usage_in_response

_DEFAULTS = frozenset({"temperature", "top_p", "parallel_tool_calls", "service_tier", "store", "user"})
"""The call parameters of a deployment that have the same name and form here."""

_ENDS = ("response.completed", "response.incomplete")
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_TELLING = (b"response.created", *(kind.encode() for kind in _ENDS), b"response.failed", b'"error"')
KEPT_BYTES_MAX = 4 * 1024 * 1024

_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def responses_body(call: ProviderCall, deployment: Deployment) -> bytes:
    """Return the body. A conversation that we hold is in `input` by now, and the provider knows nothing of its id.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    defaults = {name: value for name, value in deployment.defaults.items() if name in _DEFAULTS}
    extra = dict(deployment.extra_body)
    if call.max_tokens is not None:
        extra = {"max_output_tokens": call.max_tokens, **extra}
    drop = deployment.drop_always if call.pinned else (*deployment.drop_always, "previous_response_id")
    return plain_body(call, model=deployment.model, defaults=defaults, extra=extra, drop=drop)


class ResponsesAnswer(OwnForm):
    """An `AnswerReader`; `model` is the name to show."""

    cut_as = "responses"

    def __init__(self, model: str) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model
        self._events = EventBlocks()
        self._stamp: tuple[bytes, bytes] | None = None  # the model as the provider writes it, and as the client sees it
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    def whole(self, body: bytes) -> Whole:
        response = json_object(body, orjson.loads)
        if not isinstance(response.get("output"), list):
            raise_reported(response)
            raise UnreadableAnswer("a response without output")
        self._note(response)
        self._kept = [b'data: {"response":' + body + b"}"]
        if response.get("model") != self._model:
            fields: dict[str, Any] = _decode_raw(body)
            body = _encode({**fields, "model": self._model})
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        block = self._events.feed(data)
        return self._block(block) if block else b""

    def end(self) -> bytes:
        rest = self._events.rest()
        if rest.lstrip().startswith(b"{"):
            raise_reported(json_object(rest, orjson.loads))
        out = self._block(rest + b"\n\n") if rest.strip() else b""
        if not self.done:
            broken = UnreadableAnswer("the stream ended before its response was whole")
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
            return self._restamped(block)
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
            return self._restamped(event)
        told = json_object(event_of(event.strip())[1] or b"{}", orjson.loads)
        kind, response = told.get("type"), told.get("response")
        if kind == "error":
            raise_reported({"error": told.get("error") or told})
        if not isinstance(response, dict):
            return self._restamped(event)
        if kind == "response.failed":
            raise_reported(response)
            raise UnreadableAnswer("a response that failed without a reason")
        if self._stamp is None:
            self._learn(event, response.get("model"))
        if kind in _ENDS:
            self._note(response)
            self.done = True
            self.closing = self._restamped(event)
            return b""
        self.response_id = str(response.get("id") or "")
        return self._restamped(event)

    def _note(self, response: dict[str, Any]) -> None:
        self.response_id = str(response.get("id") or "")
        self.finish_reason = str(response.get("status") or "")
        self.usage = usage_in_response(response)

    def _learn(self, event: bytes, model: object) -> None:
        written = _MODEL.search(event)
        if isinstance(model, str) and model != self._model and written is not None:
            self._stamp = (written[0], b'"model":' + orjson.dumps(self._model))

    def _restamped(self, events: bytes) -> bytes:
        return events.replace(*self._stamp) if self._stamp is not None else events


def _texts(events: bytes) -> list[str]:
    found: list[str] = []
    for line in events.split(b"\n"):
        if not line.startswith(b"data:") or b'"delta"' not in line:
            continue
        try:
            event = orjson.loads(line[5:])
        except orjson.JSONDecodeError:  # an event that was cut
            continue
        if isinstance(event.get("delta"), str):
            found.append(event["delta"])
    return found
