"""Sound in an answer of Gemini's: raw samples of 16 bits, 24,000 a second. https://ai.google.dev/gemini-api/docs/speech-generation"""

import base64
import binascii
import io
import wave
from typing import Any

from services.router.providers.answers.broken_answer import UnreadableAnswer

RATE_HZ = 24_000
SAMPLE_BYTES = 2


def sound_of(part: dict[str, Any]) -> str | None:
    """Return the base64 of sound in the answer (raw PCM, 16 bits, 24 kHz), None where the part is none."""
    data = part.get("inlineData")
    if not isinstance(data, dict) or not str(data.get("mimeType")).startswith("audio/"):
        return None
    return str(data.get("data", ""))


def joined_sound(pieces: list[str]) -> str:
    """Return pieces of base64 as one: each may end with its own padding."""
    if len(pieces) == 1:
        return pieces[0]
    return base64.b64encode(b"".join(map(_bytes, pieces))).decode()


def with_wav_header(completion: dict[str, Any]) -> dict[str, Any]:
    """Return the completion with the sound of its choices as WAV."""
    for choice in completion["choices"]:
        audio = choice["message"].get("audio")
        if audio is not None:
            audio["data"] = _wav(_bytes(audio["data"]))
    return completion


def _wav(samples: bytes) -> str:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(RATE_HZ)
        file.writeframes(samples)
    return base64.b64encode(out.getvalue()).decode()


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except binascii.Error as error:
        raise UnreadableAnswer(f"sound that is not base64: {error}") from error
