"""Listens to Ollama's lines that pass untouched: what was said, and the figures in the last of them."""

from typing import Any

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.listener import Listener
from services.router.providers.base import Whole, json_object
from services.router.providers.ollama.lines import JsonLines
from shared.usage import usage_from_ollama

_TEXTS = ("content", "response", "thinking")


class LinesListener(Listener):
    """An `AnswerReader` of streams of /api/chat and /api/generate; nothing of it is for a client."""

    reads_text = True

    def __init__(self) -> None:
        super().__init__()
        self._lines = JsonLines()
        self._texts: list[str] = []

    def whole(self, body: bytes) -> Whole:
        raise UnreadableAnswer("lines are no whole answer")

    def feed(self, data: bytes) -> bytes:
        for _, line in self._lines.feed(data):
            self._note(json_object(line))
        return b""

    def end(self) -> bytes:
        for _, line in self._lines.end():
            self._note(json_object(line))
        if not self.done:
            raise UnreadableAnswer("the stream ended before the line that is done")
        return b""

    def text_so_far(self) -> str:
        return "".join(self._texts)

    def _note(self, line: dict[str, Any]) -> None:
        if line.get("error"):
            raise ProviderStreamError("error", str(line["error"]))
        message = line.get("message")
        said = message if isinstance(message, dict) else line
        self._texts += [said[name] for name in _TEXTS if isinstance(said.get(name), str)]
        if line.get("done"):
            self.done = True
            self.usage = usage_from_ollama(line)
            self.finish_reason = str(line.get("done_reason") or "stop")
