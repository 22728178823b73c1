"""The Responses API in front of a provider that has it: the client's bytes, but for the model and the maximum.

Source: https://platform.openai.com/docs/api-reference/responses
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.forwarded_answer import ForwardedAnswer
from services.router.providers.base import ProviderCall, Whole, json_object
from services.router.providers.openai.answer import raise_reported
from services.router.providers.openai.plain_body import plain_body
from shared.serving.deployments import Deployment
from shared.usage import usage_in_response

_DEFAULTS = frozenset({"temperature", "top_p", "parallel_tool_calls", "service_tier", "store", "user"})
"""The call parameters of a deployment that have the same name and form here."""

_ENDS = ("response.completed", "response.incomplete")
_WRITTEN = ("text", "refusal", "arguments", "input")
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


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


class ResponsesAnswer(ForwardedAnswer):
    """An `AnswerReader`; `model` is the name to show."""

    cut_as = "responses"
    end_named = "its response was whole"
    telling = (b"response.created", *(kind.encode() for kind in _ENDS), b"response.failed", b'"error"')

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self._stamp: tuple[bytes, bytes] | None = None  # the model as the provider writes it, and as the client sees it

    def whole(self, body: bytes) -> Whole:
        response = json_object(body)
        if not isinstance(response.get("output"), list):
            raise_reported(response)
            raise UnreadableAnswer("a response without output")
        self._note(response)
        return self.whole_shown(body, response)

    def end(self) -> bytes:
        rest = self._events.rest()
        if rest.lstrip().startswith(b"{"):
            raise_reported(json_object(rest))
        return super().end()

    def told(self, event: bytes, fields: dict[str, Any]) -> bytes:
        kind, response = fields.get("type"), fields.get("response")
        if kind == "error":
            raise_reported({"error": fields.get("error") or fields})
        if not isinstance(response, dict):
            return self.shown(event)
        if kind == "response.failed":
            raise_reported(response)
            raise UnreadableAnswer("a response that failed without a reason")
        if self._stamp is None:
            self._learn(event, response.get("model"))
        if kind in _ENDS:
            self._note(response)
            self.done = True
            self.closing = self.shown(event)
            return b""
        self.response_id = str(response.get("id") or "")
        return self.shown(event)

    def shown(self, events: bytes) -> bytes:
        return events.replace(*self._stamp) if self._stamp is not None else events

    def texts(self, event: dict[str, Any]) -> Iterator[str]:
        if isinstance(event.get("delta"), str):
            yield event["delta"]
        for item in event.get("output") or ():  # of a whole answer
            yield from _written(item)

    def _note(self, response: dict[str, Any]) -> None:
        self.response_id = str(response.get("id") or "")
        self.finish_reason = str(response.get("status") or "")
        self.usage = usage_in_response(response)

    def _learn(self, event: bytes, model: object) -> None:
        written = _MODEL.search(event)
        if isinstance(model, str) and model != self.model and written is not None:
            self._stamp = (written[0], b'"model":' + orjson.dumps(self.model))


def _written(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        for part in (item, *(item.get("summary") or ()), *(item.get("content") or ())):
            if isinstance(part, dict):
                yield from [part[name] for name in _WRITTEN if isinstance(part.get(name), str)]
