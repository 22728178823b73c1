"""Answers that pass untouched and are no streams: read to their end, so that their headers tell what they cost."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from services.router.streaming import passed_whole
from shared.interrupted import Interrupted
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Answer, Caller, until
from tests.provider_servers import Behaviour, OpenAIServer

COST = "x-litellm-response-cost"
CHAT = {"call_type": "pass_through_endpoint", "passed": ("POST", "/v1/chat/completions"), "stream": False}


async def asked(caller: Caller, **fields: Any) -> Answer:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    return await caller.send(body, **{**CHAT, "group": "pass-through/openai/gpt-4o", **fields}).whole()


async def test_it_passes_byte_for_byte_with_its_cost(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(headers={"openai-processing-ms": "7"}))
    answer = await asked(caller)
    fact = await caller.fact(answer)
    assert answer.head is not None
    assert (answer.head.status, answer.headers["content-type"]) == (200, "application/json")
    assert int(answer.headers["content-length"]) == len(answer.data)
    assert answer.headers["openai-processing-ms"] == "7"
    assert Decimal(answer.headers[COST]) * 10**12 == fact.cost_pico > 0
    assert orjson.loads(answer.data)["usage"]["prompt_tokens"] == fact.prompt_tokens


async def test_what_is_too_large_to_be_kept_goes_on_as_it_comes(
    start: Start, caller: Caller, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passed_whole, "HEARD_BYTES_MAX", 100_000)
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(text="a word " * 100_000))
    answer = await asked(caller)
    assert COST not in answer.headers
    assert orjson.loads(answer.data)["choices"][0]["message"]["content"] == "a word " * 100_000
    assert (await caller.fact(answer)).usage_source == "provider"


async def test_a_refusal_passes_as_it_is_and_costs_nothing(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(status=429, headers={"retry-after": "7"}))
    answer = await asked(caller)
    assert answer.head is not None
    assert (answer.head.status, answer.headers["retry-after"], COST in answer.headers) == (429, "7", False)
    assert (await caller.fact(answer)).cost_pico == 0


async def test_one_that_breaks_off_is_a_failure_and_not_half_an_answer(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(hang_up="in body"))
    answer = await asked(caller)
    assert answer.head is None
    assert answer.failure is not None
    assert answer.failure["status"] == 502
    assert len(openai_server.received) == 1, "it may have cost money: nothing is tried again"


@pytest.mark.parametrize("unknown", [False, True], ids=["read for its usage", "of no known form"])
async def test_one_whose_client_leaves_is_read_to_its_end_whatever_the_key_says(
    start: Start, caller: Caller, openai_server: OpenAIServer, unknown: bool
) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(delay_s=0.4, headers={"content-type": "text/odd"} if unknown else {}))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    answer = caller.send(body, **CHAT, group="pass-through/openai/gpt-4o", interrupted=Interrupted("cancel"))
    await until(lambda: bool(answer.router))
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.interrupted, fact.outcome, fact.stream) == (True, "", "success", False)
    assert fact.usage_source == "provider"
    assert openai_server.broken_off == 0


async def test_one_that_turns_out_to_be_a_stream_is_left_as_one(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(text="a word " * 500, chunk_delay_s=0.02))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    answer = caller.send(body, **CHAT, group="pass-through/openai/gpt-4o", interrupted=Interrupted("cancel"))
    await until(lambda: b"word" in answer.data)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.interrupted, fact.usage_source) == (True, "cancelled", "counted")
    await until(lambda: openai_server.broken_off == 1)
