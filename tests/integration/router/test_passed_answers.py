"""Answers that pass untouched: read to their end where they are no streams, so that their headers tell what they cost;
and what becomes of errors that a stream reports.
"""

import time
from decimal import Decimal
from random import Random
from typing import Any

import orjson
import pytest

from services.router.choice.health import Health
from services.router.choice.plan import Groups
from services.router.job import Job
from services.router.providers.registry import load_providers
from services.router.realtime.sessions import Sessions
from services.router.streaming import passed_whole
from services.router.streaming.answer import AnswerWriter
from services.router.transport.transports import Transports
from services.router.tries import Tries
from shared.interrupted import Interrupted
from shared.prices import PriceBook
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Answer, Caller, until
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer
from tests.router_calls import complete, deployment

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


async def test_an_error_that_a_stream_reports_is_read_by_its_client_alone_and_is_the_failure_of_the_request(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(models=[("m", at(openai_server))])
    openai_server.next(Behaviour(error_after=3))
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    answer = await caller.send(body, **{**CHAT, "stream": True}, group="pass-through/openai/gpt-4o").whole()
    assert answer.failure is None
    assert answer.data.endswith(openai_server.error_event())
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.status, fact.error_type) == ("failure", 502, "internal_server_error")
    assert "openai answered 502: The server had an error." in fact.error_message
    assert [(attempt.status, attempt.error) for attempt in fact.attempts] == [(502, fact.error_message)]
    assert (fact.usage_source, fact.usage["output"]) == ("counted", 3)
    assert fact.cost_pico > 0


async def test_it_is_charged_as_the_same_stream_would_be_that_does_not_pass(
    start: Start, caller: Caller, anthropic_server: AnthropicServer
) -> None:
    model = "claude-3-5-sonnet-20241022"
    await start(models=[("claude", at(anthropic_server, f"anthropic/{model}"))])
    asked = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 50, "stream": True}
    passes = {**CHAT, "passed": ("POST", "/v1/messages"), "group": f"pass-through/anthropic/{model}"}
    own = {"call_type": "anthropic_messages", "dialect": "anthropic", "route": "/v1/messages", "group": "claude"}
    facts = []
    for fields in (passes, own):
        anthropic_server.next(Behaviour(text="one two three four", error_after=5))
        body = {"model": model if fields is passes else "claude", **asked}
        facts.append(await caller.fact(await caller.send(body, **{**fields, "stream": True}).whole()))
    charged, same = [(fact.outcome, fact.status, fact.usage, fact.usage_source, fact.cost_pico) for fact in facts]
    assert charged == same
    assert charged[0] == "failure"


@pytest.mark.parametrize("broken", [{"stall_after": 4}, {"break_after": 4}], ids=["stays open", "is torn down"])
async def test_a_connection_that_does_not_end_well_behind_it_changes_nothing(
    start: Start, caller: Caller, openai_server: OpenAIServer, broken: dict[str, int]
) -> None:
    await start(models=[("m", at(openai_server, timeout=0.5))])
    error = openai_server.error_event()
    events = openai_server.events
    openai_server.events = lambda *told: [*events(*told)[:3], error, b"never sent"]  # type: ignore[method-assign]
    openai_server.next(Behaviour(**broken))  # type: ignore[arg-type]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    answer = await caller.send(body, **{**CHAT, "stream": True}, group="pass-through/openai/gpt-4o").whole()
    assert answer.failure is None
    assert answer.data.endswith(error)
    fact = await caller.fact(answer)
    assert (fact.outcome, fact.usage_source) == ("failure", "counted")
    assert "The server had an error." in fact.error_message


async def test_the_health_of_who_failed_so_is_told(caller: Caller, openai_server: OpenAIServer) -> None:
    of, health = (
        deployment(api_base=openai_server.url, api_key=openai_server.key),
        Health(allowed_fails=0, cooldown_s=9),
    )
    body = orjson.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True})
    openai_server.next(Behaviour(), Behaviour(error_after=3))
    async with Transports({}) as transports:
        tries = Tries(
            caller.bus,
            transports,
            Sessions(caller.bus, transports, {}, silence_s=1),
            load_providers({}),
            Groups({"m": (of,)}, {}, {}, {}, False, 0),
            health,
            PriceBook(),
            timeout_s=10,
            stream_timeout_s=None,
            drop_params=False,
            chance=Random(1),
        )
        cooling = []
        for request_id in ("req_a", "req_b"):
            caller.expect(request_id)
            command = complete(request_id, caller.bus.process, body, **{**CHAT, "stream": True}, group="m")
            await tries.ending_of(Job(command, body, AnswerWriter(caller.bus, caller.bus.process, request_id)))
            cooling.append(health.cooling(of.id, time.monotonic()))
    assert cooling == [False, True]
