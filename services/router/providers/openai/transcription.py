"""Texts of recordings by OpenAI's API. https://platform.openai.com/docs/api-reference/audio"""

from typing import Any

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.base import Whole
from services.router.providers.openai.answer import raise_reported
from services.router.providers.openai.event_answer import EventAnswer
from shared.payloads.audio import duration_bound_ms, duration_ms
from shared.usage import Usage, usage_from_transcription

TEXT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "vtt": "text/plain; charset=utf-8",
}
"""Formats in which the answer is no JSON, and what the API says of them."""


class TranscriptionAnswer(EventAnswer):
    """An `AnswerReader`."""

    ends = ("transcript.text.done",)

    def __init__(self, response_format: str, audio: bytes) -> None:
        super().__init__()
        self._audio = audio
        self._is_text = response_format in TEXT_TYPES
        self.content_type = TEXT_TYPES.get(response_format, self.content_type)

    def whole(self, body: bytes) -> Whole:
        if not self._is_text:
            return super().whole(body)
        if body.lstrip().startswith(b'{"error"'):
            try:
                raise_reported(orjson.loads(body))
            except orjson.JSONDecodeError as error:
                raise UnreadableAnswer(f"not JSON: {error}") from error
        return Whole(body, None, "", "stop")

    def is_answer(self, answer: dict[str, Any]) -> bool:
        return isinstance(answer.get("text"), str)

    def usage_in(self, answer: dict[str, Any]) -> Usage | None:
        return usage_from_transcription(answer)

    def note_end(self, event: dict[str, Any]) -> None:
        self.usage = usage_from_transcription(event)

    def counted(self) -> Usage:
        """The length of the recording by its own headers; where they do not tell it, at most."""
        length_ms = duration_ms(self._audio)
        return Usage(audio_input_ms=duration_bound_ms(self._audio) if length_ms is None else length_ms)
