"""Anthropic's official SDK in front of a whole gateway, whatever provider is behind it."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.journey.recording_provider import WORDS, RecordingProvider
from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
TOOL: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
EVERYWHERE = pytest.mark.parametrize("model", ["recorded", "claude"], ids=["openai behind", "anthropic behind"])


@EVERYWHERE
def test_a_message_is_answered(claude_sdk: anthropic.Anthropic, model: str) -> None:
    message = claude_sdk.messages.create(model=model, max_tokens=100, messages=HELLO)
    (block,) = message.content
    assert block.type == "text"
    assert (block.text, message.model, message.role, message.stop_reason) == (
        *("".join(WORDS), model, "assistant", "end_turn"),
    )
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)


@EVERYWHERE
def test_a_message_is_streamed(claude_sdk: anthropic.Anthropic, model: str) -> None:
    with claude_sdk.messages.stream(model=model, max_tokens=100, messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    (block,) = message.content
    assert block.type == "text"
    assert (block.text, message.model, message.stop_reason) == ("".join(WORDS), model, "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (11, 7)


def test_tools_are_called_and_their_results_go_back(
    claude_sdk: anthropic.Anthropic, provider: RecordingProvider
) -> None:
    asked: Any = [{"role": "user", "content": "the weather of the journey with tools"}]
    with claude_sdk.messages.stream(
        model="recorded", max_tokens=100, messages=asked, tools=[TOOL], tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "tool_use"
    (call,) = message.content
    assert call.type == "tool_use"
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "20 degrees"}]}
    asked += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    claude_sdk.messages.create(model="recorded", max_tokens=100, messages=asked)
    *_, request = provider.asked_with("journey with tools")
    assert request["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "20 degrees"},
    ]
    assert request["max_completion_tokens" if "max_completion_tokens" in request else "max_tokens"] == 100


def test_anthropic_gets_what_its_client_sent(claude_sdk: anthropic.Anthropic, provider: RecordingProvider) -> None:
    system: Any = [{"type": "text", "text": "a native request", "cache_control": {"type": "ephemeral"}}]
    answer = claude_sdk.messages.with_raw_response.create(
        model="claude",
        max_tokens=100,
        messages=HELLO,
        system=system,
        metadata={"user_id": "ann"},
        extra_body={"unheard_of": {"a": 1.5}},
        extra_headers={"anthropic-beta": "token-efficient-tools-2025-02-19"},
    )
    (request,) = provider.asked_with("a native request")
    assert request == {
        **{"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": HELLO, "system": system},
        **{"metadata": {"user_id": "ann"}, "unheard_of": {"a": 1.5}},
    }
    headers = provider.headers[provider.requests.index(request)]
    assert headers["anthropic-beta"] == "token-efficient-tools-2025-02-19"
    assert headers["x-api-key"] == "sk-ant-x"
    body = json.loads(answer.text())
    assert (body["unheard_of"], body["model"]) == ([1], "claude")
    assert answer.headers["request-id"] == answer.headers["x-litellm-call-id"]


def test_what_was_cached_is_shown_and_counted(
    claude_sdk: anthropic.Anthropic, master: httpx.Client, eventually: Callable[..., Any]
) -> None:
    answer = claude_sdk.messages.with_raw_response.create(model="claude", max_tokens=9, messages=HELLO)
    usage = answer.parse().usage
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (5, 3)
    request_id = answer.headers["x-litellm-call-id"]
    (row,) = eventually(lambda: master.get("/spend/logs", params={"request_id": request_id}).json(), 5.0)
    assert (row["call_type"], row["prompt_tokens"], row["completion_tokens"]) == ("anthropic_messages", 19, 7)


@pytest.mark.parametrize(("model", "least"), [("claude", 14), ("recorded", 2)])
def test_tokens_are_counted(claude_sdk: anthropic.Anthropic, model: str, least: int) -> None:
    counted = claude_sdk.messages.count_tokens(model=model, messages=HELLO, system="be nice", tools=[TOOL])
    assert counted.input_tokens >= least


def test_errors_are_in_anthropics_words(claude_sdk: anthropic.Anthropic, gateway: RunningGateway) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude_sdk.messages.create(model="unheard-of", max_tokens=9, messages=HELLO)
    error: Any = caught.value.body
    assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
    assert "unheard-of" in error["error"]["message"]
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        claude_sdk.messages.create(model="recorded", max_tokens=0, messages=HELLO)
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        stranger.messages.create(model="recorded", max_tokens=9, messages=HELLO)
    body: Any = refused.value.body
    assert body["error"]["type"] == "authentication_error"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (404, anthropic.NotFoundError)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_failure_is_told_with_its_status(
    claude_sdk: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError], stream: bool
) -> None:
    script = {"simulated": {"status": status, "message": "the provider's own words"}}
    with pytest.raises(kind, match="the provider's own words"):
        claude_sdk.messages.create(model="demo", max_tokens=9, messages=HELLO, stream=stream, extra_body=script)


def test_a_stream_that_breaks_off_ends_with_an_error_event(master: httpx.Client) -> None:
    script = {"text": "one two three four", "fail_after_chunks": 2, "message": "the provider fell over"}
    body = {"model": "demo", "max_tokens": 99, "messages": HELLO, "stream": True, "simulated": script}
    answer = master.post("/v1/messages", json=body)
    *_, last = [block for block in answer.text.split("\n\n") if block]
    name, data = last.split("\n")
    assert (answer.status_code, name) == (200, "event: error")
    error = json.loads(data.removeprefix("data: "))
    assert (error["type"], "fell over" in error["error"]["message"]) == ("error", True)
    assert "message_stop" not in answer.text


def test_an_answer_has_the_length_that_was_admitted(
    claude_sdk: anthropic.Anthropic, new_key: Callable[..., str], gateway: RunningGateway
) -> None:
    text: Any = [{"role": "user", "content": "one two three four"}]
    message = claude_sdk.messages.create(model="demo", max_tokens=2, messages=text)
    assert [block.text for block in message.content if block.type == "text"] == ["one two"]


def test_the_models_are_listed_as_anthropic_lists_them(
    claude_sdk: anthropic.Anthropic, gateway: RunningGateway, sdk: openai.OpenAI
) -> None:
    listed = list(claude_sdk.models.list(limit=2))
    assert [one.id for one in listed] == [one.id for one in sdk.models.list()]
    assert {(one.type, one.lifecycle, one.created_at.year) for one in listed} == {("model", "active", 1970)}
    assert claude_sdk.models.retrieve("strict-gpt").max_input_tokens == 400_000
    with pytest.raises(anthropic.NotFoundError) as missing:
        claude_sdk.models.retrieve("nobody-knows-it")
    assert missing.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        stranger.models.list()
    assert refused.value.body["error"]["type"] == "authentication_error"  # type: ignore[index]
