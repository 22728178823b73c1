"""Listens for the figures in a JSON answer of an API that is not translated; nothing of it is for a client."""

from collections.abc import Callable
from typing import Any

from services.router.providers.base import Whole, json_object
from shared.usage import Usage


class FiguresListener:
    """An `AnswerReader` of answers that are not streamed."""

    def __init__(self, read: Callable[[dict[str, Any]], Usage | None]) -> None:
        """`read` makes the usage of the whole answer."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._read = read

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        self.usage = self._read(answer)
        self.response_id = str(answer.get("id") or "")
        self.done = True
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def text_so_far(self) -> str:
        return ""
