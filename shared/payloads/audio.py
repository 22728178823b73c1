"""How long a recording is: at most, for what it may cost; and as it says itself, where nobody else says it."""

import io
import wave

from tinytag import TinyTag, TinyTagException

LEAST_BYTES_PER_S = 750
"""Speech in Opus at 6 kbit/s, the least that any format in use is recorded with."""


def duration_bound_ms(audio: bytes) -> int:
    """Return how long `audio` can be at most, in milliseconds, whatever its headers claim.

    PCM in a WAVE file has as many bytes a second as its header says, for whoever plays it; all else is bound by size.
    """
    return -(-len(audio) * 1000 // (_pcm_bytes_per_s(audio) or LEAST_BYTES_PER_S))


def duration_ms(audio: bytes) -> int | None:
    """Return how long `audio` is by its own headers, in milliseconds; None where they do not say it.

    Reads MP3, MP4, Ogg, FLAC, WAVE, AIFF and WMA.
    """
    try:
        seconds = TinyTag.get(file_obj=io.BytesIO(audio), tags=False).duration
    except (TinyTagException, ValueError, ArithmeticError, LookupError):
        return None
    return round(seconds * 1000) if seconds else None


def _pcm_bytes_per_s(audio: bytes) -> int | None:
    if not audio.startswith(b"RIFF"):
        return None
    try:
        with wave.open(io.BytesIO(audio)) as file:
            return file.getframerate() * file.getnchannels() * file.getsampwidth() or None
    except (wave.Error, EOFError):
        return None


HEARD_TOKENS_PER_S = 30
"""A second of audio is 10 tokens to OpenAI's realtime models, 17 to its transcription models and 32 to Gemini's."""
WRITTEN_TOKENS_PER_S = 20
WRITTEN_TOKENS_AROUND = 500


def heard_units(milliseconds: int, *, least_ms: int = 0) -> tuple[tuple[str, int], ...]:
    """Return the most that hearing so much sound uses, by classes of shared.usage, whichever of them has a price.

    `least_ms` is what a shorter recording is billed as.
    """
    seconds = -(-milliseconds // 1000)
    return (
        ("audio_input_ms", max(milliseconds, least_ms)),
        ("audio_input", seconds * HEARD_TOKENS_PER_S),
        ("output", WRITTEN_TOKENS_AROUND + seconds * WRITTEN_TOKENS_PER_S),
    )
