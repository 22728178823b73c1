"""What the official `openai` SDK gets when nothing but its base URL is changed."""

import json
import time
from typing import Any

import httpx
import openai
import pytest

from tests.journey.recording_provider import WORDS, RecordingProvider
from tests.running_gateway import RunningGateway

HELLO: Any = [{"role": "user", "content": "hello there"}]
WEATHER: Any = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


def test_a_question_gets_its_answer_with_its_usage(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="demo", messages=HELLO)
    assert answer.choices[0].message.content == "hello there"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "demo"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (2, 2, 4)


async def test_the_asynchronous_client_gets_the_same(gateway: RunningGateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.master_key) as client:
        answer = await client.chat.completions.create(model="demo", messages=HELLO)
        assert answer.choices[0].message.content == "hello there"
        parts = []
        async for chunk in await client.chat.completions.create(model="demo", messages=HELLO, stream=True):
            parts += [choice.delta.content or "" for choice in chunk.choices]
    assert "".join(parts) == "hello there"


def test_an_answer_comes_in_pieces_and_without_usage_unless_it_is_asked_for(sdk: openai.OpenAI) -> None:
    chunks = list(sdk.chat.completions.create(model="demo", messages=HELLO, stream=True))
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "hello there"
    assert len(chunks) >= 3
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {"demo"}


@pytest.mark.parametrize("model", ["demo", "recorded"])
def test_a_stream_ends_with_its_usage_where_that_is_asked_for(sdk: openai.OpenAI, model: str) -> None:
    stream = sdk.chat.completions.create(
        model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == (4 if model == "demo" else 18)


def test_the_first_piece_of_a_stream_does_not_wait_for_the_last(master: httpx.Client) -> None:
    script = {"text": "one two three four five six", "chunk_delay_ms": 150}
    body = {"model": "demo", "messages": HELLO, "stream": True, "simulated": script}
    arrived = []
    with master.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                arrived.append((time.monotonic(), line))
    assert arrived[-1][1] == "data: [DONE]"
    assert arrived[-1][0] - arrived[0][0] > 0.3


def test_tools_are_passed_on_and_called(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    messages: Any = [{"role": "user", "content": "weather-question"}]
    answer = sdk.chat.completions.create(model="recorded", messages=messages, tools=WEATHER, tool_choice="auto")
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Paris"})
    assert answer.choices[0].finish_reason == "tool_calls"
    messages += [
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"},
    ]
    assert sdk.chat.completions.create(model="recorded", messages=messages).choices[0].message.content
    first, second = provider.asked_with("weather-question")
    assert (first["tools"], first["tool_choice"]) == (WEATHER, "auto")
    assert second["messages"][2]["content"] == "18 degrees"


def test_a_tools_arguments_come_in_pieces_too(sdk: openai.OpenAI) -> None:
    stream = sdk.chat.completions.create(model="recorded", messages=HELLO, tools=WEATHER, stream=True)
    calls = [call for chunk in stream for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert calls[0].function is not None
    assert calls[0].function.name == "weather"
    assert "".join(call.function.arguments or "" for call in calls if call.function) == '{"city":"Paris"}'


def test_several_answers_are_passed_through(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="recorded", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.message.content == "".join(WORDS) for choice in answer.choices)


def test_images_reach_the_provider_as_they_are(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    content = [
        {"type": "text", "text": "image-question"},
        {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
    ]
    messages: Any = [{"role": "user", "content": content}]
    sdk.chat.completions.create(model="recorded", messages=messages)
    (asked,) = provider.asked_with("image-question")
    assert asked["messages"][0]["content"] == content


def test_fields_nobody_here_knows_pass_in_both_directions(sdk: openai.OpenAI, provider: RecordingProvider) -> None:
    messages: Any = [{"role": "user", "content": "unknown-fields", "name": "ann", "own": {"deep": [1]}}]
    answer = sdk.chat.completions.create(
        model="recorded", messages=messages, temperature=0.25, seed=7, extra_body={"invented": {"a": [None, "é"]}}
    )
    (asked,) = provider.asked_with("unknown-fields")
    assert (asked["temperature"], asked["seed"], asked["invented"]) == (0.25, 7, {"a": [None, "é"]})
    assert asked["messages"] == messages
    assert (answer.model_extra or {})["unheard_of"] == {"a": [1]}


def test_what_is_for_the_gateway_alone_does_not_reach_the_provider(
    sdk: openai.OpenAI, provider: RecordingProvider
) -> None:
    messages: Any = [{"role": "user", "content": "gateway-fields"}]
    ours = {"metadata": {"spend_logs_metadata": {"a": 1}}, "tags": ["t"], "guardrails": ["none"], "num_retries": 0}
    sdk.chat.completions.create(model="recorded", messages=messages, extra_body=ours)
    (asked,) = provider.asked_with("gateway-fields")
    assert not ours.keys() & asked.keys()
    assert asked["model"] == "recorder-1"


def test_the_headers_say_what_it_cost_and_who_answered(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="demo", messages=HELLO)
    headers = raw.headers
    assert headers["x-litellm-response-cost"] == "0.000006"
    assert headers["x-litellm-call-id"].startswith("req_")
    assert headers["x-request-id"] == headers["x-litellm-call-id"]
    assert len(headers["x-litellm-model-id"]) > 8
    assert 0 <= float(headers["x-litellm-overhead-duration-ms"]) < 1_000
    assert raw.parse().choices[0].message.content == "hello there"


def test_the_headers_of_a_stream_come_before_its_cost_is_known(sdk: openai.OpenAI) -> None:
    with sdk.chat.completions.with_streaming_response.create(model="demo", messages=HELLO, stream=True) as answer:
        assert answer.headers["x-litellm-call-id"].startswith("req_")
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers.get("x-litellm-response-cost", "0") == "0"


def test_a_request_id_of_the_clients_own_comes_back(master: httpx.Client) -> None:
    headers = {"x-request-id": "mine-42"}
    for body, status in (({"model": "demo", "messages": HELLO}, 200), ({"model": "demo"}, 400)):
        answer = master.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "mine-42"
        assert answer.headers["x-litellm-call-id"].startswith("req_")


def test_an_alias_answers_under_the_name_that_was_asked_for(sdk: openai.OpenAI) -> None:
    assert sdk.chat.completions.create(model="nickname", messages=HELLO).model == "nickname"


def test_the_azure_client_finds_its_deployment_in_the_path(gateway: RunningGateway) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url, api_key=gateway.master_key, api_version="2024-10-21", azure_deployment="demo"
    ) as azure:
        assert azure.chat.completions.create(model="demo", messages=HELLO).choices[0].message.content == "hello there"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/chat/completions", "/chat/completions", "/v1/chat/completions/", "/openai/v1/chat/completions"),
        *("/openai/deployments/demo/chat/completions?api-version=2024-10-21", "/engines/demo/chat/completions"),
        "/openai/deployments/team%2Fnested/chat/completions",
    ],
)
def test_every_path_litellm_serves_is_served(master: httpx.Client, path: str) -> None:
    answer = master.post(path, json={"model": "demo", "messages": HELLO})
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "hello there"


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-litellm-api-key"])
def test_the_key_may_stand_in_the_headers_other_sdks_use(gateway: RunningGateway, header: str) -> None:
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        headers={header: gateway.master_key},
        json={"model": "demo", "messages": HELLO},
        timeout=10,
    )
    assert answer.status_code == 200


def test_the_models_are_listed_for_the_sdk(sdk: openai.OpenAI) -> None:
    listed = {model.id for model in sdk.models.list()}
    assert listed > {"demo", "recorded", "team/nested", "claude", "no-credential", "nickname"}
    assert not any("*" in name for name in listed), "a wildcard is no name to ask for"
    assert sdk.models.retrieve("team/nested").id == "team/nested"


def test_a_page_in_a_browser_may_ask(gateway: RunningGateway) -> None:
    origin = {"Origin": "https://app.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = httpx.options(f"{gateway.url}/v1/chat/completions", headers={**origin, **asked})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-headers"] == "authorization,content-type"
    body = {"model": "demo", "messages": HELLO}
    for key, status in ((gateway.master_key, 200), ("sk-wrong", 401)):
        headers = {**origin, "Authorization": f"Bearer {key}"}
        answer = httpx.post(f"{gateway.url}/v1/chat/completions", headers=headers, json=body)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
