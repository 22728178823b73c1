"""The reader of an answer in a provider's own form: its events parsed, translated to chunks, and noted on the way."""

from collections.abc import Iterable
from typing import Any, Protocol

import orjson

from services.router.providers.answers.broken_answer import BrokenAnswer, UnreadableAnswer
from services.router.providers.base import Whole, json_object
from shared.usage import Usage

_NOT_ITS_FORM = (KeyError, TypeError, AttributeError, ValueError, IndexError)


class Framing(Protocol):
    """How a stream is cut into events."""

    def feed(self, data: bytes) -> Iterable[tuple[str, bytes]]:
        """Return (name, JSON) of each event that is whole by now.

        Raises:
            BrokenAnswer
        """
        ...

    def end(self) -> Iterable[tuple[str, bytes]]:
        """Return what is left at the stream's end.

        Raises:
            BrokenAnswer: it ends within an event.
        """
        ...


class ChunkTranslator(Protocol):
    """One answer's events into OpenAI's chunks, or its whole into a completion; JSON decoded on both sides."""

    usage: Usage | None
    finished: bool

    def whole(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the completion; `usage` is known from then on.

        Raises:
            BrokenAnswer
        """
        ...

    def feed(self, event: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Return the chunks that one event makes.

        Raises:
            BrokenAnswer
        """
        ...

    def end(self) -> list[dict[str, Any]]:
        """Return the chunks that the stream's end makes.

        Raises:
            BrokenAnswer: it ended too early.
        """
        ...


class TranslatedAnswer:
    """An `AnswerReader`."""

    def __init__(self, framing: Framing, translator: ChunkTranslator) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._framing = framing
        self._translator = translator
        self._text: list[str] = []

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        try:
            completion = self._translator.whole(answer)
        except _NOT_ITS_FORM as error:
            raise UnreadableAnswer(f"not an answer: {error!r}") from error
        self.usage = self._translator.usage
        self.response_id = str(completion.get("id") or "")
        for choice in completion["choices"]:
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            self._note_text(choice.get("message") or {})
        return Whole(orjson.dumps(completion), self.usage, self.response_id, self.finish_reason)

    def feed(self, data: bytes) -> bytes:
        return self._read(self._framing.feed(data))

    def end(self) -> bytes:
        out = self._read(self._framing.end())
        try:
            return out + self._written(self._translator.end())
        except BrokenAnswer as broken:
            broken.before = out + broken.before
            raise

    def text_so_far(self) -> str:
        return "".join(self._text)

    def _read(self, events: Iterable[tuple[str, bytes]]) -> bytes:
        out: list[bytes] = []
        try:
            for name, payload in events:
                out.append(self._written(self._chunks(name, payload)))
        except BrokenAnswer as broken:
            broken.before = b"".join(out)
            raise
        finally:
            self.usage = self._translator.usage
            self.done = self._translator.finished
        return b"".join(out)

    def _chunks(self, name: str, payload: bytes) -> list[dict[str, Any]]:
        event = json_object(payload)
        try:
            return self._translator.feed(event, name)
        except _NOT_ITS_FORM as error:
            raise UnreadableAnswer(f"not an event of an answer: {error!r}") from error

    def _written(self, chunks: list[dict[str, Any]]) -> bytes:
        for chunk in chunks:
            self._note(chunk)
        return b"".join([b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks])

    def _note(self, chunk: dict[str, Any]) -> None:
        self.response_id = self.response_id or str(chunk.get("id") or "")
        for choice in chunk.get("choices") or ():
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            self._note_text(choice.get("delta") or {})

    def _note_text(self, part: dict[str, Any]) -> None:
        self._text += [part[name] for name in ("content", "reasoning_content") if isinstance(part.get(name), str)]
        for tool in part.get("tool_calls") or ():
            arguments = (tool.get("function") or {}).get("arguments")
            if isinstance(arguments, str):
                self._text.append(arguments)
