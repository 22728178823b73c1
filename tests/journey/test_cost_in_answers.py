"""`usage: {"include": true}` through a whole gateway, by the official SDKs: what the client is told is what it pays."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from tests.running_gateway import RunningGateway

Eventually = Callable[..., Any]
INCLUDE: Any = {"usage": {"include": True}}
HELLO: Any = [{"role": "user", "content": "hello there"}]


def is_told(usage: Any) -> bool:
    """Whether the cost is that of the usage it stands in, at the prices of the configuration, to the last digit."""
    used = usage.model_dump()
    read = used.get("prompt_tokens") or sum(used.get(name) or 0 for name in _READ)
    wrote = used.get("completion_tokens") or used.get("output_tokens") or 0
    return Decimal(str(used["cost"])) == (read + 2 * wrote) / Decimal(1_000_000) > 0


_READ = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@pytest.mark.parametrize("model", ["recorded", "claude"], ids=["openai behind", "anthropic behind"])
def test_every_dialect_tells_the_cost_of_an_answer(
    sdk: openai.OpenAI, claude_sdk: anthropic.Anthropic, model: str
) -> None:
    chat = sdk.chat.completions.create(model=model, messages=HELLO, extra_body=INCLUDE)
    message = claude_sdk.messages.create(model=model, max_tokens=100, messages=HELLO, extra_body=INCLUDE)
    assert is_told(chat.usage)
    assert is_told(message.usage)


@pytest.mark.parametrize("model", ["recorded", "claude"], ids=["openai behind", "anthropic behind"])
def test_every_dialect_tells_the_cost_at_a_streams_end(
    sdk: openai.OpenAI, claude_sdk: anthropic.Anthropic, model: str
) -> None:
    chunks = list(sdk.chat.completions.create(model=model, messages=HELLO, stream=True, extra_body=INCLUDE))
    assert [is_told(chunk.usage) for chunk in chunks if chunk.usage] == [True]
    with claude_sdk.messages.stream(model=model, max_tokens=100, messages=HELLO, extra_body=INCLUDE) as events:
        costs = [Decimal(str(event.usage.cost)) for event in events if event.type == "message_delta"]  # type: ignore[attr-defined]
        assert is_told(events.get_final_message().usage.model_copy(update={"cost": costs[0]}))
    with sdk.responses.stream(model=model, input="hello there", extra_body=INCLUDE) as stream:
        response = stream.get_final_response()
    assert is_told(response.usage)


def test_what_is_told_is_what_is_charged(sdk: openai.OpenAI, master: httpx.Client, eventually: Eventually) -> None:
    raw = sdk.embeddings.with_raw_response.create(model="recorded", input="hello", extra_body=INCLUDE)
    told = Decimal(str(raw.parse().usage.cost))  # type: ignore[attr-defined]
    request = {"request_id": raw.headers["x-litellm-call-id"]}
    (row,) = eventually(lambda: master.get("/spend/logs", params=request).json(), 5.0)
    assert told == Decimal(raw.headers["x-litellm-response-cost"]) == Decimal(str(row["spend"])) > 0


def test_a_wish_that_is_none_is_told(master: httpx.Client) -> None:
    asked = {"model": "demo", "messages": HELLO, "usage": {"include": "yes"}}
    answer = master.post("/v1/chat/completions", json=asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "usage.include")


@pytest.mark.parametrize("model", ["priced-gemini", "recorded", "claude"])
def test_googles_dialect_tells_the_cost_of_an_answer_and_at_a_streams_end(master: httpx.Client, model: str) -> None:
    asked = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}], **INCLUDE}
    whole = master.post(f"/v1beta/models/{model}:generateContent", json=asked)
    told = json.loads(whole.text, parse_float=Decimal)["usageMetadata"]
    assert told["cost"] == Decimal(whole.headers["x-litellm-response-cost"]) == _google_cost(told)
    stream = master.post(f"/v1beta/models/{model}:streamGenerateContent?alt=sse", json=asked)
    events = [
        json.loads(line[6:], parse_float=Decimal) for line in stream.text.splitlines() if line.startswith("data: ")
    ]
    costs = [event["usageMetadata"]["cost"] for event in events if "cost" in event.get("usageMetadata", {})]
    assert costs == [_google_cost(events[-1]["usageMetadata"])], "the last event alone"


def _google_cost(used: dict[str, Any]) -> Decimal:
    assert used["candidatesTokenCount"] > 0
    return (used["promptTokenCount"] + 2 * used["candidatesTokenCount"]) / Decimal(1_000_000)


def test_googles_sdk_reads_an_answer_that_tells_its_cost(gateway: RunningGateway) -> None:
    options = types.HttpOptions(base_url=gateway.url, extra_body=INCLUDE)
    with genai.Client(api_key=gateway.master_key, http_options=options) as client:
        answer = client.models.generate_content(model="priced-gemini", contents="hello there")
        assert answer.usage_metadata is not None
        assert answer.usage_metadata.candidates_token_count == 6
        events = list(client.models.generate_content_stream(model="priced-gemini", contents="hello there"))
        assert "".join(event.text or "" for event in events) == answer.text
