"""Pictures, sound, moderation and reranking through a whole gateway, by the official SDKs."""

import io
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.journey.media_answers import HEARD, PICTURE, SOUND
from tests.journey.recording_provider import RecordingProvider
from tests.unit.shared.test_audio import sound

Eventually = Callable[..., Any]


def spent(master: httpx.Client, eventually: Eventually, request_id: str) -> dict[str, Any]:
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 5.0)
    found: dict[str, Any] = row
    return found


def test_a_picture_is_made(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    answer = sdk.images.generate(model="recorded", prompt="a lighthouse of its own", n=2, size="1024x1024")
    assert answer.data is not None
    assert [picture.b64_json for picture in answer.data] == [PICTURE, PICTURE]
    (request,) = provider.asked_with("a lighthouse of its own")
    assert request == {"model": "recorder-1", "prompt": "a lighthouse of its own", "n": 2, "size": "1024x1024"}


def test_a_picture_comes_in_parts(sdk: openai.OpenAI) -> None:
    events = list(sdk.images.generate(model="recorded", prompt="a", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def test_a_picture_is_changed(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    files = [io.BytesIO(b"first"), io.BytesIO(b"second")]
    for number, file in enumerate(files):
        file.name = f"{number}.png"
    answer = sdk.images.edit(model="recorded", image=files, prompt="paint this one blue")
    assert answer.data is not None
    assert answer.data[0].b64_json == PICTURE
    (request,) = provider.asked_with("paint this one blue")
    assert (request["model"], request["image[]"]) == ("recorder-1", f"1.png:{b'second'.hex()}")


def test_a_text_is_spoken_as_it_is_made(
    sdk: openai.OpenAI, master: httpx.Client, eventually: Eventually, provider: RecordingProvider
) -> None:
    with sdk.audio.speech.with_streaming_response.create(model="recorded", input="speak this", voice="alloy") as answer:
        assert (answer.headers["content-type"], answer.read()) == ("audio/mpeg", SOUND)
        request_id = answer.headers["x-litellm-call-id"]
    (request,) = provider.asked_with("speak this")
    assert request == {"model": "recorder-1", "input": "speak this", "voice": "alloy"}
    row = spent(master, eventually, request_id)
    assert (row["call_type"], row["spend"]) == ("aspeech", pytest.approx(10 * 0.00001))


def test_a_recording_becomes_text(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    answer = sdk.audio.transcriptions.create(model="recorded", file=("a.wav", sound(2.0)), prompt="names of its own")
    assert answer.text == HEARD
    (request,) = provider.asked_with("names of its own")
    assert (request["model"], request["file"].startswith("a.wav:52494646")) == ("recorder-1", True)
    events = list(sdk.audio.transcriptions.create(model="recorded", file=("a.wav", sound(1.0)), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    with pytest.warns(DeprecationWarning, match="deprecated"):
        translated = sdk.audio.translations.create(model="recorded", file=("a.wav", sound(1.0)))
    assert translated.text == HEARD


def test_a_recording_whose_length_nobody_says_is_billed_by_its_own(
    master: httpx.Client, eventually: Eventually
) -> None:
    answer = master.post(
        "/v1/audio/transcriptions",
        data={"model": "recorded", "response_format": "text"},
        files={"file": ("a.wav", sound(20.0))},
    )
    assert (answer.text, answer.headers["content-type"]) == (HEARD, "text/plain; charset=utf-8")
    row = spent(master, eventually, answer.headers["x-litellm-call-id"])
    assert row["spend"] == pytest.approx(20 * 0.0001)
    assert row["metadata"]["meterhouse"]["usage_source"] == "counted"


def test_a_text_is_judged(sdk: openai.OpenAI) -> None:
    answer = sdk.moderations.create(model="recorded", input="hello")
    assert (answer.model, answer.results[0].flagged) == ("recorded", False)


def test_documents_are_ranked(master: httpx.Client, eventually: Eventually) -> None:
    asked = {"model": "recorded", "query": "ships", "documents": ["one", "two"], "top_n": 1}
    for path in ("/rerank", "/v1/rerank", "/v2/rerank"):
        answer = master.post(path, json=asked)
        assert answer.json()["results"] == [{"index": 1, "relevance_score": 0.9}]
    row = spent(master, eventually, answer.headers["x-litellm-call-id"])
    assert (row["call_type"], row["spend"]) == ("arerank", pytest.approx(0.001))


def test_a_budget_holds_for_what_a_picture_can_cost(
    new_key: Callable[..., str], sdk_with: Callable[[str], openai.OpenAI], provider: RecordingProvider
) -> None:
    client = sdk_with(new_key(max_budget=0.06))  # a picture of 25,000 tokens at 2 USD a million, and its prompt
    client.images.generate(model="recorded", prompt="this one is paid for")
    before = len(provider.requests)
    with pytest.raises(openai.UnprocessableEntityError):
        client.images.generate(model="recorded", prompt="three of them are not", n=3)
    assert len(provider.requests) == before


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
def test_json_where_a_form_is_needed_is_refused(master: httpx.Client, path: str) -> None:
    answer = master.post(path, json={"model": "recorded"})
    assert (answer.status_code, "multipart/form-data" in answer.json()["error"]["message"]) == (400, True)


def test_a_form_that_breaks_off_is_refused(master: httpx.Client) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = master.post("/v1/images/edits", content=b"--x\r\n", headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "request_body")
