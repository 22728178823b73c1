"""The stream of a container behind SageMaker: server-sent events, cut anywhere into AWS's binary messages.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html,
https://huggingface.co/docs/text-generation-inference/reference/api_reference
"""

from typing import Any

import orjson

from services.router.cuts.chat import DONE, ChatCut
from services.router.cuts.cut import Ending
from services.router.cuts.wire import AwsEvents, Sse, Told, Wire, aws_message, aws_payload, aws_recut
from shared.usage import Usage

_GAPS = (b"\n\n", b"\r\n\r\n")
_EVENTS = "events"
_PART = b":event-type\x07\x00\x0bPayloadPart"
_BYTES = "application/octet-stream"


class Contained(AwsEvents):
    """A `Wire`: an event is what AWS's messages carry of one or more events of the container.

    A message that ends within an event of the container is cut in two there: the container's bytes stay as they are,
    and no client is left with half an event.
    """

    def __init__(self) -> None:
        self._inner = Sse()

    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        messages, rest = super().split(data)
        events: list[bytes] = []
        waiting, text = b"", b""  # messages without the end of their event, and what they carry
        for message in messages:
            text += aws_payload(message)
            left = len(text) - max(text.rfind(gap) + len(gap) if gap in text else 0 for gap in _GAPS)
            if not left or not _is_part(message):
                events.append(waiting + message)
                waiting, text = b"", b""
            elif left == len(text):
                waiting += message
            else:
                whole, begun = aws_recut(message, len(aws_payload(message)) - left)
                events.append(waiting + whole)
                waiting, text = begun, text[-left:]
        return events, waiting + rest

    def read(self, event: bytes) -> Told | None:
        """Return all that the container's events say, in the field `events`."""
        payload = b"".join(aws_payload(message) for message in super().split(event)[0] if _is_part(message))
        found = [self._inner.read(each) for each in self._inner.split(payload)[0]]
        return Told("", {_EVENTS: [each.fields for each in found if each is not None]})

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        return self.wrapped(self._inner.write(name, fields))

    def wrapped(self, written: bytes) -> bytes:
        return aws_message("PayloadPart", written, content_type=_BYTES) if written else b""


class ContainedCut:
    """A `Cut` of OpenAI's chunks, or of the tokens of Hugging Face's text generation."""

    reason = "length"

    def __init__(self) -> None:
        self._wire = Contained()
        self.wire: Wire = self._wire
        self._chat = ChatCut(end=DONE)
        self._said: list[str] = []
        self._tokens = 0
        self._generates = False

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""

    def texts(self, told: Told) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        for fields in told.fields[_EVENTS]:
            token = _token(fields)
            found += [(0, token)] if token else self._chat.texts(Told("", fields))
        return found

    def note(self, told: Told) -> None:
        for fields in told.fields[_EVENTS]:
            if "token" in fields:
                self._generates = True
                self._tokens += 1
                self._said.append(_token(fields))
            else:
                self._chat.note(Told("", fields))

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        events = told.fields[_EVENTS]
        if len(events) != 1:
            return None
        if "token" in events[0]:
            token = {**events[0]["token"], "text": text}
            whole = {**events[0], "token": token, "generated_text": None, "details": None}
            return self._wire.wrapped(b"data:" + orjson.dumps(whole) + b"\n\n")
        short = self._chat.shortened(event, Told("", events[0]), text)
        return None if short is None else self._wire.wrapped(short)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        if not self._generates:
            end = self._chat.ending(answer_id, model, usage, shows_usage=shows_usage)
            return Ending(self._wire.wrapped(end.events), self._wire.wrapped(end.closing))
        last = {
            "index": self._tokens,
            "token": {"id": 0, "text": "", "logprob": 0.0, "special": True},
            "generated_text": "".join(self._said),
            "details": {"finish_reason": self.reason, "generated_tokens": usage.completion_tokens, "seed": None},
        }
        return Ending(b"", self._wire.wrapped(b"data:" + orjson.dumps(last) + b"\n\n"))


def _is_part(message: bytes) -> bool:
    """Whether it carries bytes of the container: an error of AWS is a message of its own."""
    return _PART in message


def _token(fields: dict[str, Any]) -> str:
    token = fields.get("token")
    if not isinstance(token, dict) or token.get("special") or not isinstance(token.get("text"), str):
        return ""
    return str(token["text"])
