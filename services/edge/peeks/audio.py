"""POST /audio/speech, /audio/transcriptions and /audio/translations."""

import msgspec

from services.edge.peeks.form import is_true, ours_in, required, texts_bytes
from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest
from shared.payloads.audio import duration_bound_ms, heard_units
from shared.payloads.forms import Field

SPEECH = "/audio/speech"
TRANSCRIPTIONS = "/audio/transcriptions"
TRANSLATIONS = "/audio/translations"

SPOKEN_TOKENS_PER_CHARACTER = 30
"""A minute of speech has 1,250 tokens and, at the slowest that can be asked for, hardly fewer than 150 characters."""
SPOKEN_TOKENS_AROUND = 2_000
LEAST_MS = 10_000
"""What a shorter recording is billed as at Groq. https://console.groq.com/docs/speech-to-text"""


class _Speech(Ours, kw_only=True):
    input: str
    stream_format: str | None = None


_decode = msgspec.json.Decoder(_Speech).decode


def peek_speech(body: bytes) -> Peek:
    """Return what is asked for: the answer is always passed on as it comes.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, SPEECH)
    if not asked.input:
        raise InvalidRequest(f"{SPEECH}: 'input' must hold a text.", param="input")
    characters = len(asked.input)
    return peek_of(
        asked,
        SPEECH,
        len(body),
        stream=True,
        units=(
            ("input_characters", characters),
            ("audio_output", SPOKEN_TOKENS_AROUND + characters * SPOKEN_TOKENS_PER_CHARACTER),
        ),
    )


def peek_transcription(fields: tuple[Field, ...], _: int) -> Peek:
    """Raises: InvalidRequest."""
    return _listening(fields, TRANSCRIPTIONS)


def peek_translation(fields: tuple[Field, ...], _: int) -> Peek:
    """Raises: InvalidRequest."""
    return _listening(fields, TRANSLATIONS)


def _listening(fields: tuple[Field, ...], route: str) -> Peek:
    audio = required(fields, "file", route=route)
    milliseconds = duration_bound_ms(audio.value)
    return peek_of(
        ours_in(fields, route),
        route,
        texts_bytes(fields),
        stream=is_true(fields, "stream"),
        units=heard_units(milliseconds, least_ms=LEAST_MS),
    )
