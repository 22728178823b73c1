"""Converse's answers: translated, joined by OpenAI's own SDK, read in whatever pieces the network makes of them."""

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.aws.event_stream import EventStream
from services.router.providers.bedrock.converse.request import to_converse
from services.router.providers.bedrock.converse.stream import ConverseTranslator
from services.router.providers.bedrock.failures import failure_of
from services.router.providers.bedrock.model_id import model_id_of
from shared.usage import Usage
from tests.golden_files import golden, golden_names
from tests.odd_json import odd_json
from tests.provider_servers import aws_event_stream

USED = {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": USED, "metrics": {"latencyMs": 1}}),
]


def translator() -> ConverseTranslator:
    return ConverseTranslator("bedrock", 1767225600, True, answer_id="chatcmpl-1")


def answer() -> TranslatedAnswer:
    return TranslatedAnswer(EventStream(), translator())


def stream(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(aws_event_stream.event(kind, orjson.dumps(body)) for kind, body in events)


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What OpenAI's own SDK makes of the chunks."""
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.get_final_completion().to_dict()


@pytest.mark.parametrize("name", golden_names("bedrock", "response"))
def test_a_documented_answer_is_translated(name: str) -> None:
    sample = golden("bedrock", name)
    assert translator().whole(sample["converse"]) == sample["openai"]
    ChatCompletion.model_validate(sample["openai"])


@pytest.mark.parametrize("name", golden_names("bedrock", "stream"))
def test_a_documented_stream_is_translated(name: str) -> None:
    sample = golden("bedrock", name)
    reader = translator()
    chunks = [chunk for kind, body in sample["events"] for chunk in reader.feed(body, kind)] + reader.end()
    assert chunks == sample["chunks"]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)


def test_what_the_official_sdk_joins_can_be_sent_back() -> None:
    message = joined(golden("bedrock", "stream_thinking_and_tools")["chunks"])["choices"][0]["message"]
    assert message["reasoning_content"] == "I look it up."
    body = {"messages": [{"role": "user", "content": "?"}, message]}
    model = model_id_of("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "")
    sent = to_converse(body, model, drop_params=False)["messages"][1]["content"]
    assert sent == [
        {"reasoningContent": {"reasoningText": {"text": "I look it up.", "signature": "EqQB"}}},
        {"reasoningContent": {"redactedContent": "EmwK"}},
        {"text": "Wait."},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "top_song", "input": {"sign": "WZPZ"}}},
        {"toolUse": {"toolUseId": "tooluse_2", "name": "now", "input": {}}},
    ]


def test_a_stream_cut_anywhere_comes_out_the_same() -> None:
    data = stream(*EVENTS)
    expected: bytes | None = None
    for cut in range(0, len(data) + 1, 3):
        reader = answer()
        out = reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.end()
        expected = expected or out
        assert out == expected
        assert reader.usage == Usage(input=9, output=5)
        assert (reader.response_id, reader.finish_reason, reader.done) == ("chatcmpl-1", "stop", True)
        assert reader.text_so_far() == "hello"


def test_a_stream_that_breaks_off_is_a_failure_between_events_and_within_one() -> None:
    data = stream(*EVENTS[:3])
    for cut, words in ((len(data), "messageStop"), (len(data) - 1, "within a message")):
        reader = answer()
        reader.feed(data[:cut])
        with pytest.raises(UnreadableAnswer, match=words):
            reader.end()


def test_a_message_whose_bytes_were_changed_is_not_read() -> None:
    data = bytearray(stream(*EVENTS[:3]))
    for place in (5, len(data) - 20):
        damaged = bytearray(data)
        damaged[place] ^= 1
        reader = answer()
        with pytest.raises(UnreadableAnswer, match="damaged"):
            reader.feed(bytes(damaged))


def test_an_exception_in_mid_stream_comes_after_what_was_whole_before_it() -> None:
    for name, status in (("throttlingException", 429), ("modelStreamErrorException", 502), ("newException", 502)):
        reader = answer()
        with pytest.raises(ProviderStreamError, match="Too many") as caught:
            reader.feed(stream(*EVENTS[:2]) + aws_event_stream.exception(name, b'{"message":"Too many requests."}'))
        assert b"hel" in caught.value.before
        assert (caught.value.status, caught.value.type) == (status, name[:1].upper() + name[1:])


def test_an_error_message_of_the_stream_is_told() -> None:
    told = {":message-type": "error", ":error-code": "Busy", ":error-message": "later"}
    with pytest.raises(ProviderStreamError, match="Busy: later"):
        answer().feed(aws_event_stream.message(told, b""))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"output":3}', b'{"output":{}}', b'{"output":{"message":3}}'])
def test_what_is_no_answer_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        answer().whole(body)


@given(odd_json, st.sampled_from([name for name, _ in EVENTS]), st.sampled_from(["delta", "start", "usage"]))
def test_no_answer_breaks_more_than_itself(value: Any, kind: str, field: str) -> None:
    with suppress(BrokenAnswer):
        answer().whole(orjson.dumps({"output": {"message": {"content": value}}, "usage": value}))
    with suppress(BrokenAnswer):
        reader = answer()
        reader.feed(stream((kind, {field: value, "contentBlockIndex": value}), *EVENTS[1:]))
        reader.end()


@pytest.mark.parametrize(
    ("status", "body", "shown", "code"),
    [
        (400, b'{"message":"bad"}', 400, None),
        (400, b'{"__type":"com.amazon.coral.service#ThrottlingException","Message":"bad"}', 429, "ThrottlingException"),
        (400, b'{"__type":"ServiceQuotaExceededException","message":"bad"}', 429, "ServiceQuotaExceededException"),
        (424, b'{"message":"bad","originalStatusCode":500}', 500, None),
        (424, b'{"message":"bad"}', 502, None),
        (503, b"<html>bad", 503, None),
    ],
)
def test_an_error_is_told_by_status_and_the_exceptions_name(status: int, body: bytes, shown: int, code: Any) -> None:
    failure = failure_of("bedrock", status, body)
    assert (failure.status, (failure.fields or {}).get("provider_code")) == (shown, code)
    assert "bad" in failure.message


@pytest.mark.parametrize(("cache_in_input", "fresh"), [(True, 2), (False, 4995)])
def test_the_streams_of_openais_models_count_the_cache_in_their_input(cache_in_input: bool, fresh: int) -> None:
    # https://github.com/maximhq/bifrost/pull/6942
    translator = ConverseTranslator("m", 1, False, answer_id="a", cache_in_input=cache_in_input)
    usage = {"inputTokens": 4995, "outputTokens": 19, "totalTokens": 10007, "cacheWriteInputTokens": 4993}
    translator.feed({"usage": usage}, "metadata")
    assert translator.usage is not None
    assert (translator.usage.input, translator.usage.cache_write) == (fresh, 4993)
