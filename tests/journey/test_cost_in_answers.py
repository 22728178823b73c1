"""`usage: {"include": true}` through a whole gateway, by the official SDKs: what the client is told is what it pays."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
import pytest

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
