"""Speech by OpenAI's API: bytes of sound as they come, or events. https://platform.openai.com/docs/api-reference/audio/createSpeech"""

import orjson

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.sse import SseParser
from services.router.providers.base import OwnForm, Whole
from shared import tokens
from shared.payloads.audio import duration_ms
from shared.usage import Usage, usage_of_speech

TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
PCM_BYTES_PER_S = 48_000  # 24 kHz, 16 bit, one channel
TOKENS_PER_MINUTE = 1_250
"""Of speech made by the models that are billed by the token: at 12 USD a million, OpenAI states 0.015 USD a minute.
https://platform.openai.com/docs/models/gpt-4o-mini-tts"""
KEPT_BYTES_MAX = 32 * 1024 * 1024


class SpeechAnswer(OwnForm):
    """An `AnswerReader` for a stream that is no text: an error in its middle can only break it off."""

    def __init__(self, text: str, response_format: str, *, by_events: bool, by_token: bool) -> None:
        """`by_token`: the model is billed by tokens, and by the characters of its text otherwise."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self.is_events = by_events
        self.stream_type = OwnForm.stream_type if by_events else TYPES.get(response_format, "application/octet-stream")
        self._text = text
        self._format = response_format
        self._by_token = by_token
        self._parser = SseParser() if by_events else None
        self._sound: list[bytes] = []
        self._bytes = 0

    def whole(self, body: bytes) -> Whole:
        raise UnreadableAnswer("speech is read as it comes")

    def feed(self, data: bytes) -> bytes:
        if self._parser is not None:
            self._note(self._parser.feed(data))
        elif self._by_token and self._bytes < KEPT_BYTES_MAX:
            self._sound.append(data)
        self._bytes += len(data)
        return data

    def end(self) -> bytes:
        if self._parser is not None:
            self._note(self._parser.end())
            if not self.done:
                raise UnreadableAnswer("the stream ended before speech.audio.done")
        elif not self._bytes:
            raise UnreadableAnswer("speech of nothing")
        self.finish_reason = "stop"
        return b""

    def text_so_far(self) -> str:
        return ""

    def counted(self) -> Usage:
        """The characters spoken; for a model that is billed by tokens, those of the text and of the sound's length."""
        if not self._by_token:
            return usage_of_speech(self._text)
        sound = b"".join(self._sound)
        length_ms = len(sound) * 1000 // PCM_BYTES_PER_S if self._format == "pcm" else duration_ms(sound) or 0
        length_ms = length_ms * max(self._bytes, 1) // max(len(sound), 1)
        return Usage(
            input=tokens.count(self._text),
            audio_output=-(-length_ms * TOKENS_PER_MINUTE // 60_000),
            input_characters=len(self._text),
        )

    def _note(self, events: list[tuple[str, bytes]]) -> None:
        for _, data in events:
            try:
                event = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                raise UnreadableAnswer(f"an event that is not JSON: {error}") from error
            if event.get("type") == "error" or "error" in event:
                told = event.get("error") or event
                raise ProviderStreamError(str(told.get("code") or told.get("type")), str(told.get("message")))
            if event.get("type") == "speech.audio.done":
                self.done = True
                self.usage = usage_of_speech(self._text, usage=event.get("usage"))
