"""How long a recording can be, and how long it says it is."""

import io
import wave

import pytest

from shared.payloads.audio import LEAST_BYTES_PER_S, duration_bound_ms, duration_ms


def sound(seconds: float, *, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(round(seconds * rate) * 2))
    return out.getvalue()


def test_a_wave_file_is_as_long_as_its_bytes() -> None:
    audio = sound(2.0)
    assert 2_000 <= duration_bound_ms(audio) <= 2_010
    assert duration_ms(audio) == 2_000


def test_a_wave_file_that_claims_to_be_short_is_bound_by_its_bytes() -> None:
    audio = sound(60.0)
    claims_little = audio[:40] + (100).to_bytes(4, "little") + audio[44:]
    assert duration_bound_ms(claims_little) >= 60_000


@pytest.mark.parametrize("audio", [b"\x00" * 7_500, b"RIFF" + b"\x00" * 7_496, b"ID3" + b"\xff" * 7_497])
def test_what_cannot_be_read_is_as_long_as_the_least_speech_of_its_size(audio: bytes) -> None:
    assert duration_bound_ms(audio) == 10_000 == len(audio) * 1000 // LEAST_BYTES_PER_S
    assert duration_ms(audio) is None


def test_nothing_lasts_no_time() -> None:
    assert (duration_bound_ms(b""), duration_ms(b"")) == (0, None)


def test_the_bound_is_never_below_what_the_headers_say() -> None:
    for seconds in (0.1, 1.0, 33.3):
        audio = sound(seconds, rate=8_000)
        assert duration_bound_ms(audio) >= (duration_ms(audio) or 0)
