"""Gemini's answers: translated, joined by OpenAI's own SDK, read in whatever pieces the network makes of them."""

import base64
import io
import wave
from contextlib import suppress
from typing import Any

import orjson
import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.sse import SseParser
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.gemini.answers.stream import GeminiTranslator
from services.router.providers.gemini.failures import failure_of
from services.router.providers.gemini.requests.request import to_generate_content
from shared.errors import GatewayError
from shared.usage import Usage
from tests.golden_files import golden, golden_names
from tests.odd_json import odd_json

USED = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}


def translator(**more: Any) -> GeminiTranslator:
    return GeminiTranslator("gemini", 1767225600, True, answer_id="chatcmpl-1", **more)


def answer(**more: Any) -> TranslatedAnswer:
    return TranslatedAnswer(SseParser(), translator(**more))


def event(*parts: dict[str, Any], finish: str | None = None, index: int = 0) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": USED, "responseId": "r1"}


def stream(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(data) + b"\r\n\r\n" for data in events)


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What OpenAI's own SDK makes of the chunks."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion().to_dict()


@pytest.mark.parametrize("name", golden_names("gemini", "response"))
def test_a_documented_answer_is_translated(name: str) -> None:
    sample = golden("gemini", name)
    assert translator().whole(sample["gemini"]) == sample["openai"]
    ChatCompletion.model_validate(sample["openai"])
    types.GenerateContentResponse.model_validate(_without_signatures(sample["gemini"]))


@pytest.mark.parametrize("name", golden_names("gemini", "stream"))
def test_a_documented_stream_is_translated(name: str) -> None:
    sample = golden("gemini", name)
    reader = translator()
    chunks = [chunk for each in sample["events"] for chunk in reader.feed(each)] + reader.end()
    assert chunks == sample["chunks"]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    for each in sample["events"]:
        types.GenerateContentResponse.model_validate(_without_signatures(each))


def _without_signatures(response: dict[str, Any]) -> dict[str, Any]:
    """The SDK decodes signatures as base64, which those of the documentation's examples are not."""
    raw = orjson.loads(orjson.dumps(response))
    for candidate in raw.get("candidates") or ():
        for part in (candidate.get("content") or {}).get("parts") or ():
            part.pop("thoughtSignature", None)
    assert isinstance(raw, dict)
    return raw


def test_what_the_official_sdk_joins_can_be_sent_back_with_its_signatures() -> None:
    for name, signatures in (("stream_thinking_and_calls", ["SigA", None]), ("stream_text_signature", ["SigEnd"])):
        message = joined(golden("gemini", name)["chunks"])["choices"][0]["message"]
        body = {"messages": [{"role": "user", "content": "?"}, message]}
        for model in ("gemini-3-pro-preview", "gemini-2.5-flash"):
            sent = to_generate_content(body, model=model, drop_params=False)["contents"][1]
            assert [part.get("thoughtSignature") for part in sent["parts"]] == signatures


def test_images_and_sound_are_joined_by_the_official_sdk() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    sound = {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "BBBB"}}
    reader = translator()
    chunks = reader.feed(event(picture, sound)) + reader.feed(event(picture, sound, finish="STOP")) + reader.end()
    message = joined(chunks)["choices"][0]["message"]
    assert len(message["images"]) == 2
    assert (message["audio"]["id"], message["audio"]["data"]) == ("r1", "BBBBBBBB")


def test_sound_that_came_in_several_parts_is_one_and_a_wav_file_where_that_was_asked_for() -> None:
    samples = [bytes([1, 0]), bytes([2, 0, 3, 0])]
    mime_type = "audio/L16;codec=pcm;rate=24000"
    parts = [{"inlineData": {"mimeType": mime_type, "data": base64.b64encode(each).decode()}} for each in samples]
    told = event(*parts, finish="STOP")
    plain = translator().whole(told)["choices"][0]["message"]["audio"]["data"]
    assert base64.b64decode(plain, validate=True) == b"".join(samples)
    framed = translator(wav=True).whole(told)["choices"][0]["message"]["audio"]["data"]
    with wave.open(io.BytesIO(base64.b64decode(framed))) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (24_000, 2, 1)
        assert file.readframes(9) == b"".join(samples)
    broken = {"inlineData": {"mimeType": mime_type, "data": "A"}}
    with pytest.raises(BrokenAnswer):
        translator(wav=True).whole(event(broken))


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("UNEXPECTED_TOOL_CALL", "stop"),
        ("A_REASON_OF_TOMORROW", "stop"),
    ],
)
def test_why_an_answer_ended_is_told_in_openais_words_and_in_googles(reason: str, shown: str) -> None:
    told = {"candidates": [{"finishReason": reason, "finishMessage": "why", "index": 0}], "responseId": "r"}
    whole = translator().whole(told)["choices"][0]
    reader = translator()
    (streamed,) = (reader.feed(told) + reader.end())[0]["choices"]
    for choice, message in ((whole, whole["message"]), (streamed, streamed["delta"])):
        assert (choice["finish_reason"], message.get("content")) == (shown, None)
        assert message["provider_specific_fields"] == {"finish_reason": reason, "finish_message": "why"}


def test_a_stream_cut_anywhere_comes_out_the_same() -> None:
    data = stream(event({"text": "hm", "thought": True}), event({"text": "hel"}), event({"text": "lo"}, finish="STOP"))
    expected: bytes | None = None
    for cut in range(len(data) + 1):
        reader = answer()
        out = reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.end()
        expected = expected or out
        assert out == expected
        assert reader.usage == Usage(input=9, output=5)
        assert (reader.response_id, reader.finish_reason, reader.done) == ("r1", "stop", True)
        assert reader.text_so_far() == "hmhello"


def test_a_stream_of_several_candidates_is_over_when_all_of_them_are() -> None:
    reader = answer(candidates=2)
    reader.feed(stream(event({"text": "a"}, finish="STOP")))
    assert not reader.done
    reader.feed(stream(event({"text": "b"}, finish="STOP", index=1)))
    assert reader.done


def test_a_stream_that_breaks_off_tells_what_it_used_until_then() -> None:
    reader = answer()
    reader.feed(stream(event({"text": "hel"})))
    with pytest.raises(UnreadableAnswer, match="finishReason"):
        reader.end()
    assert reader.usage == Usage(input=9, output=5)
    assert reader.text_so_far() == "hel"


def test_an_error_in_mid_stream_comes_after_what_was_whole_before_it() -> None:
    reader = answer()
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    with pytest.raises(ProviderStreamError) as caught:
        reader.feed(stream(event({"text": "hel"}), error))
    assert b"hel" in caught.value.before
    assert (caught.value.status, caught.value.type) == (503, "UNAVAILABLE")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"candidates":[3]}', b'{"candidates":[{"content":3}]}'])
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        answer().whole(body)


def test_an_error_with_status_200_is_told_in_googles_words() -> None:
    with pytest.raises(ProviderStreamError, match="too many"):
        answer().whole(b'{"error":{"code":429,"message":"too many","status":"RESOURCE_EXHAUSTED"}}')


@given(odd_json, st.sampled_from(["candidates", "usageMetadata", "promptFeedback", "error"]))
def test_no_answer_breaks_more_than_itself(value: Any, field: str) -> None:
    for body in ({field: value}, {"candidates": [value]}, {"candidates": [{"content": {"parts": value}}]}):
        with suppress(BrokenAnswer):
            answer().whole(orjson.dumps(body))
        with suppress(BrokenAnswer):
            reader = answer()
            reader.feed(stream(body))
            reader.end()


# usage


@pytest.mark.parametrize(
    ("metadata", "usage"),
    [
        (USED, Usage(input=9, output=5)),
        (
            {
                "promptTokenCount": 2100,
                "cachedContentTokenCount": 2048,
                "candidatesTokenCount": 9,
                "thoughtsTokenCount": 40,
                "totalTokenCount": 2149,
            },
            Usage(input=52, cached_input=2048, output=9, reasoning=40),
        ),
        (
            {
                "promptTokenCount": 300,
                "candidatesTokenCount": 4,
                "totalTokenCount": 304,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 42},
                    {"modality": "AUDIO", "tokenCount": 258},
                ],
            },
            Usage(input=42, audio_input=258, output=4),
        ),
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 120, "candidatesTokenCount": 8, "totalTokenCount": 138},
            Usage(input=130, output=8),
        ),
    ],
)
def test_usage_is_split_into_classes_that_add_up_to_googles_total(metadata: dict[str, Any], usage: Usage) -> None:
    reader = translator()
    reader.whole({"candidates": [], "promptFeedback": {}, "usageMetadata": metadata})
    assert reader.usage == usage
    assert usage.total_tokens == metadata["totalTokenCount"]


def test_searches_are_counted_as_the_model_bills_them() -> None:
    grounded = event({"text": "x"}, finish="STOP")
    grounded["candidates"][0]["groundingMetadata"] = {"webSearchQueries": ["a", "b", "c"]}
    for bills_queries, searches in ((True, 3), (False, 1)):
        reader = translator(bills_queries=bills_queries)
        reader.whole(grounded)
        assert reader.usage is not None
        assert reader.usage.web_searches == searches


SEARCHING = {"promptTokenCount": 10, "toolUsePromptTokenCount": 120, "candidatesTokenCount": 8, "totalTokenCount": 138}
FOUND = {"webSearchQueries": ["", "weather", "weather", " ", "wind"]}


def searched(**candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": []}, "finishReason": "STOP", **candidate}], "usageMetadata": SEARCHING}


def test_an_empty_or_repeated_query_is_not_billed_and_what_was_found_is_free() -> None:
    reader = translator()
    reader.whole(searched(groundingMetadata=FOUND))
    assert reader.usage == Usage(input=10, output=8, web_searches=2)


@pytest.mark.parametrize(
    "candidate",
    [
        {"urlContextMetadata": {"urlMetadata": []}},
        {"content": {"parts": [{"executableCode": {"code": "1"}}]}},
        {"content": {"parts": [{"toolCall": {"toolType": "FILE_SEARCH"}}]}},
        {"groundingMetadata": {**FOUND, "groundingChunks": [{"maps": {"uri": "u"}}, {"web": {"uri": "u"}}]}},
    ],
)
def test_where_other_tools_read_as_well_all_that_was_read_is_charged(candidate: dict[str, Any]) -> None:
    reader = translator()
    reader.whole(searched(**{"groundingMetadata": FOUND, **candidate}))
    assert reader.usage == Usage(input=130, output=8, web_searches=2)


@pytest.mark.parametrize(
    ("bills_queries", "chunks", "web", "maps"),
    [
        (True, ["maps"], 0, 2),
        (False, ["maps"], 0, 1),
        (True, ["maps", "web"], 2, 0),
        (False, ["maps", "web"], 1, 1),
        (True, [], 2, 0),
    ],
)
def test_a_search_of_maps_is_told_by_the_places_it_found(
    bills_queries: bool, chunks: list[str], web: int, maps: int
) -> None:
    reader = translator(bills_queries=bills_queries)
    reader.whole(searched(groundingMetadata={**FOUND, "groundingChunks": [{name: {"uri": "u"}} for name in chunks]}))
    assert reader.usage is not None
    assert (reader.usage.web_searches, reader.usage.map_searches) == (web, maps)


@pytest.mark.parametrize("candidate", [{"groundingMetadata": {}}, {}])
def test_what_tools_read_is_charged_where_nothing_was_searched(candidate: dict[str, Any]) -> None:
    reader = translator()
    reader.whole(searched(**candidate))
    assert reader.usage == Usage(input=130, output=8)


def test_searches_told_before_the_last_event_of_a_stream_count_once_each() -> None:
    reader = translator()
    call = {"parts": [{"toolCall": {"toolType": "GOOGLE_SEARCH_WEB"}}]}
    first = searched(groundingMetadata=FOUND, content=call)
    del first["candidates"][0]["finishReason"]
    reader.feed(first)
    reader.feed(searched(groundingMetadata={"webSearchQueries": ["wind", "rain"]}))
    reader.feed(searched())
    assert reader.usage == Usage(input=10, output=8, web_searches=3)


def test_an_event_that_tells_its_traffic_alone_takes_no_counts_away() -> None:
    reader = translator()
    provisioned = {"trafficType": "PROVISIONED_THROUGHPUT"}
    reader.feed({"candidates": [{"content": {"parts": []}}], "usageMetadata": provisioned})
    assert reader.usage is None
    counts = {"promptTokenCount": 10, "candidatesTokenCount": 8, "totalTokenCount": 18}
    for told in (counts, provisioned):
        reader.feed({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "usageMetadata": told})
        assert reader.usage == Usage(input=10, output=8, tier="provisioned")


# errors


def failed(status: int, error: Any) -> GatewayError:
    return failure_of("gemini", status, orjson.dumps(error))


def test_an_error_is_told_by_status_and_googles_code() -> None:
    failure = failed(429, {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}})
    assert (failure.status, failure.type) == (429, "throttling_error")
    assert (failure.fields or {})["provider_code"] == "RESOURCE_EXHAUSTED"
    assert "Quota exceeded." in failure.message
    streamed = failed(404, [{"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}}])
    assert (streamed.status, (streamed.fields or {})["provider_code"]) == (404, "NOT_FOUND")


def test_a_wrong_key_is_the_gateways_fault_though_google_answers_400() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    failure = failed(
        400, {"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details}}
    )
    assert (failure.status, failure.type) == (401, "provider_auth_error")


def test_the_delay_that_google_asks_for_is_kept() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "33.2s"}]
    assert failed(429, {"error": {"message": "x", "details": details}}).retry_after_s == 34


@pytest.mark.parametrize("body", ["<html>", [], 3, {"error": 3}, {"error": {"details": 3}}])
def test_an_error_in_another_form_is_still_one(body: Any) -> None:
    assert failed(503, body).status == 503
