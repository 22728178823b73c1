"""The readers of what OpenAI's media endpoints and rerankers answer."""

import json
from typing import Any

import orjson
import pytest

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.openai.images import ImagesAnswer
from services.router.providers.openai.rerank import RerankAnswer
from services.router.providers.openai.speech import SpeechAnswer
from services.router.providers.openai.transcription import TranscriptionAnswer
from shared.usage import Usage
from tests.journey.media_answers import HEARD_USAGE, IMAGE_USAGE
from tests.unit.shared.test_audio import sound


def event(**fields: Any) -> bytes:
    return f"event: {fields['type']}\ndata: {json.dumps(fields)}\n\n".encode()


def read(reader: Any, data: bytes) -> bytes:
    """Feed a byte at a time."""
    return b"".join(reader.feed(data[at : at + 1]) for at in range(len(data))) + reader.end() + reader.closing


def test_pictures_tell_their_tokens_and_their_number() -> None:
    reader = ImagesAnswer()
    reader.whole(orjson.dumps({"data": [{}, {}], "usage": IMAGE_USAGE}))
    assert reader.usage == Usage(input=30, image_input=10, image_output=1_060, images=2, pixels=2 * 1024 * 1024)
    old = ImagesAnswer()
    old.whole(b'{"created":1,"data":[{"url":"x"}]}')
    assert old.usage == Usage(images=1, pixels=1024 * 1024)


def test_a_stream_of_pictures_keeps_back_the_last_event_until_its_fact_is_stored() -> None:
    partial = event(type="image_generation.partial_image", b64_json="A")
    first, second = (event(type="image_generation.completed", b64_json=name, usage=IMAGE_USAGE) for name in "AB")
    reader = ImagesAnswer()
    assert reader.feed(partial + first) == partial
    assert reader.feed(second) == first
    assert (reader.end(), reader.closing) == (b"", second)
    assert reader.usage is not None
    assert (reader.usage.images, reader.usage.image_output, reader.usage.requests) == (2, 2_120, 1)
    again = ImagesAnswer()
    assert read(again, partial + first + second) == partial + first + second


def test_a_transcription_tells_its_usage_in_either_form() -> None:
    reader = TranscriptionAnswer("json", b"")
    reader.whole(orjson.dumps({"text": "a", "usage": HEARD_USAGE}))
    assert reader.usage == Usage(audio_input=14, output=6)
    by_length = TranscriptionAnswer("verbose_json", b"")
    by_length.whole(b'{"text":"a","duration":2.5}')
    assert by_length.usage == Usage(audio_input_ms=2_500)
    streamed = TranscriptionAnswer("json", b"")
    delta = event(type="transcript.text.delta", delta="a")
    done = event(type="transcript.text.done", text="a", usage=HEARD_USAGE)
    assert streamed.feed(delta + done) == delta
    assert (streamed.end(), streamed.closing, streamed.usage) == (b"", done, Usage(audio_input=14, output=6))


def test_a_transcription_without_figures_is_as_long_as_its_recording() -> None:
    for audio, milliseconds in ((sound(2.0), 2_000), (bytes(7_500), 10_000)):
        reader = TranscriptionAnswer("srt", audio)
        assert reader.whole(b"1\n00:00 hello").body == b"1\n00:00 hello"
        assert (reader.usage, reader.content_type) == (None, "text/plain; charset=utf-8")
        assert reader.counted() == Usage(audio_input_ms=milliseconds)


def test_speech_is_passed_on_as_it_comes_and_counted_by_its_characters() -> None:
    reader = SpeechAnswer("hällo", "opus", by_events=False, by_token=False)
    assert (reader.feed(b"ab"), reader.feed(b"c"), reader.end()) == (b"ab", b"c", b"")
    assert (reader.stream_type, reader.is_events, reader.usage) == ("audio/opus", False, None)
    assert reader.counted() == Usage(input_characters=5)


def test_speech_that_is_billed_by_tokens_is_counted_by_its_length() -> None:
    reader = SpeechAnswer("hello", "wav", by_events=False, by_token=True)
    reader.feed(sound(60.0))
    usage = reader.counted()
    assert (usage.audio_output, usage.input, usage.input_characters) == (1_250, 1, 5)
    raw = SpeechAnswer("hello", "pcm", by_events=False, by_token=True)
    raw.feed(bytes(48_000 * 6))
    assert raw.counted().audio_output == 125


def test_speech_in_events_tells_its_tokens() -> None:
    reader = SpeechAnswer("hello", "mp3", by_events=True, by_token=True)
    usage = {"input_tokens": 4, "output_tokens": 50, "total_tokens": 54}
    data = event(type="speech.audio.delta", audio="A") + event(type="speech.audio.done", usage=usage)
    assert reader.feed(data) == data
    reader.end()
    assert reader.usage == Usage(input=4, audio_output=50, input_characters=5)


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"results": [], "meta": {"billed_units": {"search_units": 2}}}, Usage(search_units=2)),
        ({"results": [], "usage": {"total_tokens": 30}}, Usage(input=30)),
        ({"results": [], "usage": {"prompt_tokens": 7, "total_tokens": 7}}, Usage(input=7)),
        ({"results": []}, None),
    ],
)
def test_a_reranker_tells_its_usage_as_cohere_does_or_in_tokens(answer: dict[str, Any], usage: Usage | None) -> None:
    reader = RerankAnswer("m")
    reader.whole(orjson.dumps(answer))
    assert reader.usage == usage


def test_a_reranker_shows_the_model_that_was_asked_for() -> None:
    whole = RerankAnswer("m").whole(b'{"model":"theirs","results":[]}')
    assert orjson.loads(whole.body) == {"model": "m", "results": []}


READERS = [ImagesAnswer, lambda: TranscriptionAnswer("json", b""), lambda: RerankAnswer("m")]


@pytest.mark.parametrize("make", READERS)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"x"'])
def test_what_is_no_answer_is_broken(make: Any, body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        make().whole(body)


@pytest.mark.parametrize("make", [*READERS, lambda: TranscriptionAnswer("text", b"")])
def test_an_error_in_an_answers_place_is_one(make: Any) -> None:
    with pytest.raises(ProviderStreamError, match="too many") as caught:
        make().whole(b'{"error":{"message":"too many","code":429}}')
    assert caught.value.status == 429


@pytest.mark.parametrize("make", [ImagesAnswer, lambda: SpeechAnswer("a", "mp3", by_events=True, by_token=False)])
def test_an_error_in_mid_stream_is_told(make: Any) -> None:
    reader = make()
    with pytest.raises(ProviderStreamError, match="moderation_blocked"):
        reader.feed(event(type="error", error={"code": "moderation_blocked", "message": "no"}))


@pytest.mark.parametrize(
    "make",
    [
        ImagesAnswer,
        lambda: SpeechAnswer("a", "mp3", by_events=True, by_token=False),
        lambda: SpeechAnswer("a", "mp3", by_events=False, by_token=False),
    ],
)
def test_a_stream_that_ends_too_early_is_broken(make: Any) -> None:
    with pytest.raises(UnreadableAnswer):
        make().end()
