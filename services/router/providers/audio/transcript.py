"""The reader of a transcript in a provider's own form."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import OwnForm, Whole, json_object
from shared.payloads.audio import duration_bound_ms, duration_ms
from shared.usage import Usage


class Transcript(NamedTuple):
    """`words` are OpenAI's: word, start, end; `duration_s` None where it is not told."""

    text: str
    language: str | None
    duration_s: float | None
    words: list[dict[str, Any]]
    usage: Usage | None
    answer_id: str


class TranscriptAnswer(OwnForm, WholeOnly):
    """An `AnswerReader` for answers that are not streamed."""

    def __init__(self, read: Callable[[dict[str, Any]], Transcript], response_format: str, sound: bytes) -> None:
        """`read` takes the decoded answer, and may raise whatever a missing part of it raises."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._read = read
        self._format = response_format
        self._sound = sound
        if response_format == "text":
            self.content_type = "text/plain; charset=utf-8"

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        try:
            transcript = self._read(answer)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise UnreadableAnswer(f"not a transcript: {error!r}") from error
        self.usage, self.response_id, self.finish_reason = transcript.usage, transcript.answer_id, "stop"
        return Whole(self._shown(transcript), self.usage, self.response_id, self.finish_reason)

    def counted(self) -> Usage:
        """The length of the recording by its own headers; where they do not tell it, at most."""
        length_ms = duration_ms(self._sound)
        return Usage(audio_input_ms=duration_bound_ms(self._sound) if length_ms is None else length_ms)

    def _shown(self, transcript: Transcript) -> bytes:
        if self._format == "text":
            return transcript.text.encode() + b"\n"
        shown: dict[str, Any] = {"text": transcript.text}
        if self._format == "verbose_json":
            shown |= {"task": "transcribe", "language": transcript.language, "words": transcript.words}
            shown["duration"] = transcript.duration_s
        return orjson.dumps(shown)
