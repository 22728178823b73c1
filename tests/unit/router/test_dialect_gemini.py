"""Google's clients in front of other providers, and in front of Google itself."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dialects.gemini.contents import messages_of
from services.router.dialects.gemini.request import to_chat
from services.router.dialects.gemini.stream import CandidatesOutlet
from services.router.prepare import prepared
from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.gemini.native import GenerateAnswer
from services.router.providers.registry import load_providers
from shared.usage import Usage, usage_from_gemini, usage_from_openai
from tests.dialect_files import as_stream, dialect_files
from tests.router_calls import deployment, provider_call

by_name: dict[str, Any] = {"ids": lambda file: file["name"]}


def usage_of(file: dict[str, Any]) -> Usage:
    usage = usage_from_openai(file.get("usage") or file["chat"]["usage"])
    assert usage is not None
    return usage


def events_in(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(block.removeprefix(b"data: ")) for block in data.split(b"\r\n\r\n") if block]


@pytest.mark.parametrize("file", dialect_files("gemini", "request"), **by_name)
def test_a_request_is_asked_as_a_chat(file: dict[str, Any]) -> None:
    assert to_chat({**copy.deepcopy(file["gemini"]), "model": "m"}, drop_params=False) == file["chat"]


@pytest.mark.parametrize("file", dialect_files("gemini", "response"), **by_name)
def test_a_completion_becomes_candidates(file: dict[str, Any]) -> None:
    assert orjson.loads(CandidatesOutlet("m").whole(file["chat"], usage_of(file))) == file["answer"]


@pytest.mark.parametrize("file", dialect_files("gemini", "stream"), **by_name)
def test_chunks_become_events(file: dict[str, Any]) -> None:
    outlet = CandidatesOutlet("m")
    said = b"".join(outlet.feed(as_stream([chunk])) for chunk in file["chunks"])
    assert events_in(said + outlet.closing(usage_of(file))) == file["events"]


WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(WORDS, WORDS | st.integers(-1000, 1000), max_size=3)


@given(
    text=st.none() | WORDS,
    thought=st.none() | st.tuples(WORDS, WORDS),
    calls=st.lists(st.tuples(WORDS, ARGUMENTS), max_size=2),
    streamed=st.booleans(),
)
def test_an_answer_that_comes_back_as_contents_is_the_message_it_was(
    text: str | None, thought: tuple[str, str] | None, calls: list[tuple[str, dict[str, Any]]], streamed: bool
) -> None:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    asked = [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": orjson.dumps(args).decode()}}
        for at, (name, args) in enumerate(calls)
    ]
    if asked:
        message["tool_calls"] = asked
    if thought is not None:
        block = {"type": "thinking", "thinking": thought[0], "signature": thought[1]}
        message |= {"reasoning_content": thought[0], "thinking_blocks": [block]}
    outlet = CandidatesOutlet("m")
    if streamed:
        deltas: list[dict[str, Any]] = []
        if thought is not None:
            deltas.append({"reasoning_content": thought[0], "thinking_blocks": [{"index": 0, **block}]})
        deltas += [{"content": letter} for letter in text or ""]
        deltas += [{"tool_calls": [{"index": at, **call}]} for at, call in enumerate(asked)]
        said = outlet.feed(as_stream([{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]))
        events = events_in(said + outlet.closing(Usage()))
        parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    else:
        whole = outlet.whole({"choices": [{"message": message, "finish_reason": "stop"}]}, Usage())
        parts = orjson.loads(whole)["candidates"][0]["content"]["parts"]
    if parts:
        assert messages_of({"contents": [{"role": "model", "parts": parts}]}, {}) == [message]


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=4))
def test_usage_goes_out_as_it_is_read(counts: list[int]) -> None:
    usage = Usage(input=counts[0], cached_input=counts[1], output=counts[2], reasoning=counts[3])
    (event,) = events_in(CandidatesOutlet("m").closing(usage))
    assert usage_from_gemini(event["usageMetadata"]) == usage


HI: list[dict[str, Any]] = [{"parts": [{"text": "hi"}]}]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"cachedContent": "c"}, "cachedContent"),
        ({"tools": [{"codeExecution": {}}]}, r"tools\[0\].codeExecution"),
        ({"tools": [{"google_search": {}, "url_context": {}}]}, r"tools\[0\].urlContext"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}], "codeExecution": {}}]}, r"tools\[0\].codeExecution"),
        ({"tools": [{"googleSearch": {"exclude_domains": ["a.org"]}}]}, r"tools\[0\].googleSearch.excludeDomains"),
        (
            {
                "tools": [{"functionDeclarations": [{"name": "f"}]}],
                "toolConfig": {"retrievalConfig": {"latLng": {"a": 1}}},
            },
            "toolConfig.retrievalConfig",
        ),
        ({"generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"}}, "generationConfig.mediaResolution"),
        ({"generationConfig": {"audio_timestamp": True}}, "generationConfig.audioTimestamp"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        (
            {
                "contents": [
                    {"parts": [{"fileData": {"fileUri": "a", "mimeType": "video/mp4"}, "videoMetadata": {"fps": 1}}]}
                ]
            },
            r"contents\[0\].parts\[0\].videoMetadata",
        ),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "responseModalities"),
        ({"generationConfig": {"speech_config": {"a": 1}}}, "speechConfig"),
        ({"contents": [*HI, {"parts": [{"videoMetadata": {}}]}]}, r"contents\[1\]"),
    ],
)
def test_what_chat_has_no_words_for_is_named_or_left_out(fields: dict[str, Any], named: str) -> None:
    body = {"model": "m", "contents": HI, **fields}
    with pytest.raises(UnsupportedParameter, match=named):
        to_chat(copy.deepcopy(body), drop_params=False)
    assert to_chat(copy.deepcopy(body), drop_params=True)["model"] == "m"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"contents": 5}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "bot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": 5}]}, "contents[0].parts"),
        ({"contents": [{"parts": [{"inlineData": {"data": "x"}}]}]}, "contents[0].parts[0].inlineData"),
        ({"contents": [{"parts": [{"functionResponse": {"name": "f"}}]}]},
         "contents[0].parts[0].functionResponse.name"),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({"systemInstruction": 5}, "systemInstruction"),
        ({"generationConfig": 5}, "generationConfig"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}]}],
          "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        to_chat({"model": "m", "contents": HI, **fields}, drop_params=False)
    assert caught.value.param == path


# In front of Google itself.

GEMINI: dict[str, Any] = {"provider": "gemini", "model": "gemini-2.5-flash", "api_key": "g"}


def sent(body: bytes, call_type: str = "agenerate_content", **call: Any) -> tuple[str, bytes]:
    asked = provider_call(body, call_type=call_type, dialect="gemini", **call)
    request = prepared(load_providers({})["gemini"], asked, deployment(**GEMINI)).request
    return request.url, request.body


def test_googles_clients_reach_google_with_their_own_bytes() -> None:
    raw = b'{"contents":[{"parts":[{"text":"1.50"}]}],"new":{"a":1.0},"tags":["x"]}'
    url, body = sent(raw)
    assert url.endswith("/v1beta/models/gemini-2.5-flash:generateContent")
    assert body == raw.replace(b',"tags":["x"]', b"")
    assert sent(raw, stream=True)[0].endswith(":streamGenerateContent?alt=sse")
    assert sent(raw, "agemini_count_tokens")[0].endswith(":countTokens")
    limited = orjson.loads(sent(b'{"generation_config":{"max_output_tokens":9,"topK":2}}', max_tokens=5)[1])
    assert limited == {"generation_config": {"topK": 2, "maxOutputTokens": 5}}


ANSWER = {
    "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
    "responseId": "r1",
}


def event(**fields: Any) -> bytes:
    return b"data: " + orjson.dumps(fields) + b"\r\n\r\n"


def test_a_stream_of_googles_passes_and_tells_its_usage() -> None:
    reader = GenerateAnswer(bills_queries=False)
    begun = event(candidates=[{"content": {"parts": [{"text": "Oh "}]}}])
    out = reader.feed(begun[:9]) + reader.feed(begun[9:] + event(**ANSWER)) + reader.end()
    assert out == (begun + event(**ANSWER)).replace(b"\r\n", b"\n")
    assert reader.usage is not None
    assert (reader.usage.output, reader.finish_reason, reader.response_id) == (2, "STOP", "r1")
    assert reader.text_so_far() == "Oh Hi"
    raw = orjson.dumps(ANSWER)
    assert GenerateAnswer(bills_queries=False).whole(raw).body == raw


def test_a_search_that_an_earlier_event_tells_of_is_kept() -> None:
    reader = GenerateAnswer(bills_queries=True)
    searched = {"content": {"parts": []}, "groundingMetadata": {"webSearchQueries": ["a", "", "a", "b"]}}
    reader.feed(event(candidates=[searched]) + event(**ANSWER))
    assert reader.usage is not None
    assert reader.usage.web_searches == 2


def test_what_is_no_answer_of_googles_is_broken() -> None:
    for body in (b"", b"[]", b"{}", b'{"error":{"code":500,"message":"no","status":"INTERNAL"}}'):
        with pytest.raises(BrokenAnswer):
            GenerateAnswer(bills_queries=False).whole(body)
    reader = GenerateAnswer(bills_queries=False)
    reader.feed(event(candidates=[{"content": {"parts": [{"text": "Oh "}]}}]))
    with pytest.raises(BrokenAnswer):
        reader.end()
    with pytest.raises(ProviderStreamError, match="no"):
        GenerateAnswer(bills_queries=False).feed(event(error={"code": 500, "message": "no", "status": "INTERNAL"}))
