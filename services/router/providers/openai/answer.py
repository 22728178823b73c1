"""OpenAI's answers: forwarded as they come, looked into only where they tell usage, an end or an error."""

import re
from typing import Any

import msgspec
import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks, event_of
from services.router.providers.base import Whole, json_object
from services.router.providers.openai.answer_text import text_of_events, text_of_whole
from shared.usage import Usage, usage_from_openai

_DONE = b"[DONE]"
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"(\w+)"')
_NULL_USAGE = re.compile(rb'"usage"\s*:\s*null')
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
THOUGHTS_RENAMED = ((b'"reasoning":"', b'"reasoning_content":"'), (b'"reasoning": "', b'"reasoning_content": "'))
"""Thoughts under the name that most providers and LiteLLM's clients know. Within a text the quotes have backslashes."""

KEPT_BYTES_MAX = 1024 * 1024
"""Of a stream's bytes, before they are reduced to their text: tokens may have to be counted by it."""

_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class OpenAIAnswer:
    def __init__(self, model: str, *, include_usage: bool, renamed: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """`model` is shown to the client; `include_usage`: whether it asked for the usage chunk.

        `renamed`: bytes to have others in their place, such as THOUGHTS_RENAMED.
        """
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model
        self._include_usage = include_usage
        self._events = EventBlocks()
        self._first = True  # no chunk with a choice has come yet
        self._stamps = list(renamed)  # and the model as the provider writes it, and as the client sees it
        self._whole = b""
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._text = ""

    def whole(self, body: bytes) -> Whole:
        try:
            fields: dict[str, Any] = _decode_raw(body)
            if "choices" not in fields:
                raise_reported(json_object(body))
                raise UnreadableAnswer("an answer without choices")
            if "usage" in fields:
                tier = _text(fields["service_tier"]) if "service_tier" in fields else None
                self.usage = usage_from_openai(_decode(fields["usage"]), tier=tier)
            self.response_id = _text(fields.get("id"))
            model = _text(fields.get("model"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableAnswer(f"not a JSON object: {error}") from error
        self._whole = body
        finish = _FINISH.search(body)
        self.finish_reason = finish[1].decode() if finish else ""
        if model != self._model:
            fields["model"] = self._model
            body = _encode(fields)
        if self._stamps:
            body = self._restamp(body)
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        block = self._events.feed(data)
        return self._block(block) if block else b""

    def end(self) -> bytes:
        rest = self._events.rest()
        if self._first and rest.lstrip().startswith(b"{"):
            raise_reported(json_object(rest))
            raise UnreadableAnswer("not a stream of events")
        out = self._block(rest + b"\n\n") if rest.strip() else b""
        if not self.done and not self.finish_reason:
            broken = UnreadableAnswer("the stream ended before its end")
            broken.before = out
            raise broken
        return out

    def text_so_far(self) -> str:
        if self._whole:
            return text_of_whole(self._whole)
        self._reduce()
        return self._text

    def _block(self, block: bytes) -> bytes:
        """Return what to forward of whole events; only those that may tell something are decoded."""
        self._kept.append(block)
        self._kept_bytes += len(block)
        if self._kept_bytes > KEPT_BYTES_MAX:
            self._reduce()
        for finish in _FINISH.finditer(block):  # the last one counts, however the events came
            self.finish_reason = finish[1].decode()
        return self._examine(block) if self._first or _may_tell(block) else self._restamp(block)

    def _examine(self, block: bytes) -> bytes:
        out: list[bytes] = []
        try:
            for event in block.split(b"\n\n"):
                event = event.lstrip(b"\n")
                if event and (not (self._first or _may_tell(event)) or self._is_for_client(event)):
                    out.append(event + b"\n\n")
        except BrokenAnswer as broken:
            broken.before = self._restamp(b"".join(out))
            raise
        return self._restamp(b"".join(out))

    def _is_for_client(self, event: bytes) -> bool:
        """Note what an event tells; return whether to forward it."""
        name, data = event_of(event)
        if not data:
            return not self._first  # a comment before the answer begins says only: wait
        if data.strip() == _DONE:
            self.done = True
            return False
        chunk = json_object(data)
        raise_reported(chunk if name != "error" else {"error": chunk.get("error") or chunk})
        if self._first:
            self._begin(data, chunk)
        usage = usage_from_openai(chunk.get("usage"), tier=chunk.get("service_tier"))
        if usage is None:
            return True
        self.usage = usage
        return bool(chunk.get("choices")) or self._include_usage  # else we asked for it, the client did not

    def _begin(self, data: bytes, chunk: dict[str, Any]) -> None:
        """Note id and model. Azure's first chunk has neither, nor a choice: only what its filter says of the prompt."""
        self._first = not chunk.get("choices")
        self.response_id = self.response_id or str(chunk.get("id") or "")
        model = chunk.get("model")
        if not isinstance(model, str) or model == self._model:
            return
        for found in _MODEL.finditer(data):
            if orjson.loads(found[1]) == model:
                old = found[0]
                self._stamps.append((old, old.removesuffix(found[1]) + orjson.dumps(self._model)))
                return

    def _restamp(self, block: bytes) -> bytes:
        for old, new in self._stamps:
            block = block.replace(old, new)
        return block

    def _reduce(self) -> None:
        self._text += text_of_events(b"".join(self._kept))
        self._kept, self._kept_bytes = [], 0


def _may_tell(events: bytes) -> bool:
    """Whether to decode: a field of usage that is not null, an error, the end. Texts have their quotes escaped."""
    if b'"error"' in events or _DONE in events or b"event: error" in events:
        return True
    mentions = events.count(b'"usage"')
    return mentions > 0 and mentions != len(_NULL_USAGE.findall(events))


def raise_reported(answer: dict[str, Any]) -> None:
    """Raise the error that stands where an answer should be: some providers send it with status 200."""
    error = answer.get("error")
    if not error:
        return
    detail = error if isinstance(error, dict) else {"message": error}
    code = detail.get("code")
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    kind = code if isinstance(code, str) else detail.get("type")
    raise ProviderStreamError(str(kind or "error"), str(detail.get("message") or "no message"), status=status)


def _text(raw: Any) -> str:
    if raw is None:
        return ""
    value = _decode(raw)
    return value if isinstance(value, str) else ""
