"""What the translators of the small protocols refuse, naming the field and the remedy, and what they leave out."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.completions import Completions, SseEvents
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.cloudflare.run import RunTranslator, to_run
from services.router.providers.cohere.request import to_chat as to_cohere
from services.router.providers.cohere.translate import CohereTranslator
from services.router.providers.mistral.request import to_mistral, wire_id
from services.router.providers.ollama.lines import JsonLines
from services.router.providers.ollama.request import to_chat as to_ollama
from services.router.providers.ollama.translate import OllamaTranslator
from services.router.providers.watsonx.request import to_chat as to_watsonx

USER = {"role": "user", "content": "hi"}
ALL: list[Callable[..., dict[str, Any]]] = [to_cohere, to_ollama, to_run, to_watsonx]
TRANSLATING: list[Callable[..., dict[str, Any]]] = [to_cohere, to_ollama]


def refused(to: Callable[..., dict[str, Any]], **body: Any) -> InvalidField:
    with pytest.raises(InvalidField) as caught:
        to({"messages": [USER], **body}, model="m", drop_params=False)
    return caught.value


@pytest.mark.parametrize("to", ALL)
@pytest.mark.parametrize("parameter", [{"web_search_options": {}}, {"prediction": {}}, {"audio": {"voice": "x"}}])
def test_what_the_provider_lacks_is_told_or_dropped(
    to: Callable[..., dict[str, Any]], parameter: dict[str, Any]
) -> None:
    body = {"messages": [USER], **parameter}
    with pytest.raises(UnsupportedParameter) as caught:
        to(body, model="m", drop_params=False)
    assert caught.value.names == tuple(parameter)
    assert "drop_params" in caught.value.message
    assert not to(body, model="m", drop_params=True).keys() & parameter.keys()


@pytest.mark.parametrize("to", TRANSLATING)
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "assistant", "function_call": {}}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": [1]}, "stop[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ],
)
def test_what_is_malformed_is_named(to: Callable[..., dict[str, Any]], body: dict[str, Any], param: str) -> None:
    assert refused(to, **body).param == param


def test_a_tools_answer_needs_its_call_at_cohere() -> None:
    assert refused(to_cohere, messages=[{"role": "tool", "content": "x"}]).param == "messages[0].tool_call_id"


def test_arguments_that_are_no_json_are_named() -> None:
    for to in TRANSLATING:
        call = {"id": "1", "function": {"name": "f", "arguments": "{"}}
        found = refused(to, messages=[{"role": "assistant", "tool_calls": [call]}])
        assert found.param == "messages[0].tool_calls[0].function.arguments"


def test_a_picture_from_elsewhere_is_refused_by_ollama_with_the_remedy() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
    found = refused(to_ollama, messages=[{"role": "user", "content": [part]}])
    assert found.param == "messages[0].content[0].image_url.url"
    assert "data:" in found.message


def test_a_forced_tool_is_the_only_one_at_cohere_and_unsupported_at_ollama() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    choice = {"type": "function", "function": {"name": "b"}}
    body = {"messages": [USER], "tools": tools, "tool_choice": choice}
    sent = to_cohere(body, model="m", drop_params=False)
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["b"]
    assert sent["tool_choice"] == "REQUIRED"
    with pytest.raises(UnsupportedParameter, match="tool_choice"):
        to_ollama(body, model="m", drop_params=False)
    assert "tools" not in to_ollama({**body, "tool_choice": "none"}, model="m", drop_params=False)
    assert refused(to_cohere, tools=tools, tool_choice={"function": {"name": "c"}}).param == "tool_choice"


def answers() -> list[TranslatedAnswer]:
    out = Completions("m", 1)
    return [
        TranslatedAnswer(SseEvents(), CohereTranslator(out, include_usage=False)),
        TranslatedAnswer(JsonLines(), OllamaTranslator(out, include_usage=False)),
        TranslatedAnswer(SseEvents(done=b'{"done":true}'), RunTranslator(out, include_usage=False)),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"{}", b'{"message": 5}', b'{"message": {"content": 5}}'])
def test_an_answer_that_is_none_is_told(body: bytes) -> None:
    for answer in answers():
        with pytest.raises(BrokenAnswer):
            answer.whole(body)


@pytest.mark.parametrize("reason", [("ERROR", 502), ("TIMEOUT", 504)])
def test_coheres_failure_in_the_reason_of_its_end_is_a_failure(reason: tuple[str, int]) -> None:
    body = {"id": "1", "finish_reason": reason[0], "message": {"role": "assistant", "content": []}}
    with pytest.raises(ProviderStreamError) as caught:
        answers()[0].whole(orjson.dumps(body))
    assert caught.value.status == reason[1]


def test_a_stream_that_only_stops_is_not_whole() -> None:
    for answer in answers():
        with pytest.raises(UnreadableAnswer):
            answer.end()


def test_a_line_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.router.providers.ollama.lines.EVENT_BYTES_MAX", 10)
    with pytest.raises(UnreadableAnswer):
        JsonLines().feed(b"x" * 11)


def test_mistral_gets_only_what_it_knows() -> None:
    body = {
        "messages": [
            {"role": "user", "content": "hi", "name": "ann"},
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None},
        ],
        "user": "u",
        "seed": 1,
        "stream_options": {},
    }
    sent = to_mistral(body, model="m", drop_params=False)
    assistant = {"role": "assistant", "content": ""}
    messages = [{"role": "user", "content": "hi"}, assistant]
    assert sent == {"model": "m", "messages": messages, "random_seed": 1}
    with pytest.raises(UnsupportedParameter, match="logit_bias"):
        to_mistral({"messages": [], "logit_bias": {"1": 1}}, model="m", drop_params=False)


def test_an_id_of_another_provider_becomes_one_of_mistrals_always_the_same() -> None:
    assert wire_id("abcDEF123") == "abcDEF123"
    assert wire_id("toolu_0123456789") == wire_id("toolu_0123456789")
    assert wire_id("toolu_0123456789") != wire_id("toolu_0123456788")
    assert len(wire_id("call_1")) == 9
