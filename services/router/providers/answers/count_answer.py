"""The answer to a question for how many tokens a request has: it costs nothing."""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.base import OwnForm, Whole, json_object
from shared.usage import NOTHING, Usage


class CountAnswer(OwnForm):
    """An `AnswerReader`; `field` is where the count stands, `kind` what `object` the client is told, "" for none."""

    def __init__(self, field: str = "input_tokens", *, kind: str = "") -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._field = field
        self._kind = kind

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        error: Any = answer.get("error")
        if isinstance(error, dict):
            raise ProviderStreamError(str(error.get("type") or "error"), str(error.get("message") or "no message"))
        if not isinstance(answer.get(self._field), int):
            raise UnreadableAnswer(f"a count without {self._field}")
        self.usage = NOTHING
        if self._kind:
            body = orjson.dumps({"object": self._kind, self._field: answer[self._field]})
        return Whole(body, self.usage, "", "")

    def feed(self, data: bytes) -> bytes:
        raise UnreadableAnswer("a stream where a count was asked for")

    def end(self) -> bytes:
        raise UnreadableAnswer("a stream where a count was asked for")

    def text_so_far(self) -> str:
        return ""
