"""Listens for the figures in a JSON answer of an API that is not translated; nothing of it is for a client."""

from collections.abc import Callable
from typing import Any

from services.router.providers.answers.listener import Listener
from services.router.providers.base import Whole, json_object
from shared.usage import Usage


class FiguresListener(Listener):
    """An `AnswerReader` of answers that are not streamed."""

    def __init__(self, read: Callable[[dict[str, Any]], Usage | None]) -> None:
        """`read` makes the usage of the whole answer."""
        super().__init__()
        self._read = read

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        self.usage = self._read(answer)
        self.response_id = str(answer.get("id") or "")
        self.done = True
        return Whole(body, self.usage, self.response_id, self.finish_reason)
