"""Many requests at once, to providers that do all they can do wrong: each ends once, and nothing is left over."""

import asyncio
import random

import pytest

from services.router.choice import plan
from shared.facts import CompletionFinished
from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller, until
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer

REQUESTS = 200


def behaviour(chance: random.Random) -> Behaviour:
    """Half of them well, the others in any way there is."""
    kinds = [
        Behaviour(status=chance.choice([400, 401, 408, 429, 500, 503])),
        Behaviour(hang_up=chance.choice(["unread", "unanswered", "after head", "in body"])),
        Behaviour(break_after=chance.randrange(4)),
        Behaviour(end_after=chance.randrange(4)),
        Behaviour(error_after=chance.randrange(4)),
        Behaviour(stall_after=chance.randrange(4), delay_s=chance.random() / 10),
        Behaviour(body=chance.choice([b"", b"{}", b"<html>", b'{"error":"x"}', b"[1]"])),
        Behaviour(raw=chance.choice([b"nonsense", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 x\r\n\r\n"])),
        Behaviour(compressed=True),
        Behaviour(until_close=True, chunk_delay_s=0.01),
        Behaviour(no_usage=True),
        Behaviour(text="x" * chance.randrange(2_000_000)),
        Behaviour(open_after_end=True),
        Behaviour(delay_s=5),
    ]
    return chance.choice(kinds) if chance.random() < 0.5 else Behaviour(chunk_delay_s=chance.random() / 100)


@pytest.mark.parametrize("disconnect", ["drain", "cancel"])
async def test_every_request_ends_once_and_nothing_is_left_over(
    start: Start,
    caller: Caller,
    openai_server: OpenAIServer,
    other_server: OpenAIServer,
    anthropic_server: AnthropicServer,
    monkeypatch: pytest.MonkeyPatch,
    disconnect: str,
) -> None:
    monkeypatch.setattr(plan, "BACKOFF_FIRST_S", 0.02)
    monkeypatch.setattr("services.router.streaming.pump.END_WAIT_S", 0.2)
    chance = random.Random(20_261_123)
    models = [
        ("gpt", at(openai_server, timeout=0.5)),
        ("gpt", at(other_server, timeout=0.5)),
        ("claude", at(anthropic_server, "anthropic/claude-3-5-sonnet-20241022", timeout=0.5)),
    ]
    await start(
        models,
        router_settings={"num_retries": 1, "fallbacks": [{"claude": ["gpt"]}], "cooldown_time": 0.1},
        general_settings={"meterhouse": {"client_disconnect": disconnect}},
    )
    tasks = len(asyncio.all_tasks())
    for server in (openai_server, other_server, anthropic_server):
        server.next(*[behaviour(chance) for _ in range(REQUESTS)])
    answers, left = [], set()
    for _ in range(REQUESTS):
        body = {"model": chance.choice(["gpt", "gpt", "claude"]), "stream": chance.random() < 0.6}
        answers.append(caller.send({**body, "messages": [{"role": "user", "content": "hello"}]}))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() / 50)
        if chance.random() < 0.2 and (begun := [one for one in answers if one.router and not one.done.is_set()]):
            one = chance.choice(begun)
            caller.leave(one)
            left.add(one.request_id)
    for answer in answers:
        if answer.request_id not in left:
            await answer.whole(20)
    facts = await all_facts(caller)
    assert sorted(fact.request_id for fact in facts) == sorted(answer.request_id for answer in answers)
    by_request = {fact.request_id: fact for fact in facts}
    for answer in answers:
        fact = by_request[answer.request_id]
        if answer.request_id not in left:
            assert (fact.outcome == "failure") is (answer.failure is not None)
        if fact.outcome == "success":
            assert fact.usage_source in ("provider", "counted")
            assert fact.cost_pico > 0
    servers = (openai_server, other_server, anthropic_server)
    await until(lambda: len(asyncio.all_tasks()) <= tasks + sum(server.open for server in servers))
    assert (await caller.ask("gpt", num_retries=5)).done.is_set()


async def all_facts(caller: Caller) -> list[CompletionFinished]:
    """Return the facts once there is one for each request, also for those nobody hears the end of."""
    facts: list[CompletionFinished] = []
    for _ in range(100):
        facts = await caller.facts()
        if len(facts) >= REQUESTS:
            break
        await asyncio.sleep(0.2)
    return facts
