"""A client that leaves in mid-stream, in every dialect and on every way: its key says what it pays.

An answer that is not streamed is read to its end, whatever the key says; the calls that pass to a provider as they are
among them. All of them leave at about the same time, and each test looks at what became of one.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
import pytest

from shared import subjects
from shared.bus import Bus, Message, read
from shared.calls import decode_cancel
from shared.facts import CompletionFinished
from shared.facts.registry import REQUEST_FACTS, by_kind, decode_fact
from shared.identity.keys import token_of
from tests.journey.paused_providers import (
    MORE,
    MOST,
    READ,
    SEEN,
    START,
    WORD,
    WORDS,
    WROTE,
    Gates,
    PausedProviders,
)
from tests.running_gateway import RunningGateway

IN_PICO, OUT_PICO = 1_000_000, 2_000_000
HELD_USD = 1.0
"""A key's budget: every stream is held for."""


class Way(NamedTuple):
    """How a model is asked. `counted`: the tokens of the prompt where its provider has not said them when it is left:
    three for the text, and what stands around it in a chat.
    """

    path: str
    model: str
    body: dict[str, Any]
    counted: int = READ


class Policy(NamedTuple):
    """What the key says. `go_on`: behind how many words its provider may go on when the client has left."""

    interrupted_stream: Any
    interrupted: str
    go_on: tuple[int, ...]
    least: int  # tokens of the answer that are paid for
    most: int


def _chat(model: str, **told: int) -> Way:
    return Way("/v1/chat/completions", model, {"messages": "{messages}", "max_tokens": 500, "stream": True}, **told)


def _messages(model: str, **told: int) -> Way:
    return _chat(model, **told)._replace(path="/v1/messages")


def _completions(model: str, **told: int) -> Way:
    return Way("/v1/completions", model, {"prompt": "{text}", "max_tokens": 500, "stream": True}, **told)


def _responses(model: str, **told: int) -> Way:
    return Way("/v1/responses", model, {"input": "{text}", "max_output_tokens": 500, "stream": True}, **told)


def _generate(model: str, **told: int) -> Way:
    body = {"contents": [{"role": "user", "parts": [{"text": "{text}"}]}], "generationConfig": {"maxOutputTokens": 500}}
    return Way(f"/v1beta/models/{model}:streamGenerateContent?alt=sse", model, body, **told)


def _passed(path: str, **body: Any) -> Way:
    """As it is to a provider that speaks OpenAI's API; it streams where the body says so."""
    return Way(path, "llama-paused", {"messages": "{messages}", "max_tokens": 500, **body}, counted=10)


WAYS = {
    "passed on": _passed("/groq/chat/completions", stream=True, stream_options={"include_usage": True}),
    "chat": _chat("paused-gpt", counted=10),
    "chat, by Claude": _chat("paused-claude"),
    "chat, by Gemini": _chat("paused-gemini"),
    "completions": _completions("paused-gpt", counted=6),
    "completions, by Claude": _completions("paused-claude"),
    "messages": _messages("paused-claude"),
    "messages, by OpenAI": _messages("paused-gpt", counted=10),
    "responses": _responses("paused-responses", counted=6),
    "responses, by OpenAI's chat": _responses("paused-gpt", counted=6),
    "responses, by Claude": _responses("paused-claude"),
    "generateContent": _generate("paused-gemini"),
    "generateContent, by OpenAI": _generate("paused-gpt", counted=7),
}
POLICIES = {
    "cancel": Policy("cancel", "cancelled", (MORE, MOST), SEEN, SEEN),
    "drain": Policy("drain", "drained", (MORE, MOST), WROTE, WROTE),
    "capped by time": Policy({"mode": "drain_capped", "seconds": 2}, "capped", (), MORE, MORE),
    "capped by tokens": Policy(
        {"mode": "drain_capped", "seconds": 60, "tokens": 10}, "capped", (MORE,), SEEN + 10, MOST - 1
    ),
}
WHOLE_WAYS = {
    "chat": Way("/v1/chat/completions", "paused-gpt", {"messages": "{messages}", "max_tokens": 500}),
    "messages": Way("/v1/messages", "paused-claude", {"messages": "{messages}", "max_tokens": 500}),
    "responses": Way("/v1/responses", "paused-gpt", {"input": "{text}", "max_output_tokens": 500}),
    "passed on": _passed("/groq/chat/completions"),
    "passed on, and says so": _passed("/groq/chat/completions", stream=False),
}
_marks = itertools.count(100)


@dataclass
class Left:
    """One stream that was left, and all that the gateway says of it. Amounts are pico-dollars."""

    way: Way
    policy: Policy
    mark: int = field(default_factory=lambda: next(_marks))
    key: str = ""
    request: str = ""
    facts: list[CompletionFinished] = field(default_factory=list)
    lost: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def left(gateway: RunningGateway, paused: PausedProviders) -> dict[tuple[str, str], Left]:
    streams = {(way, policy): Left(WAYS[way], POLICIES[policy]) for way in WAYS for policy in POLICIES}
    asyncio.run(_leave_all(gateway, paused.gates, list(streams.values())))
    return streams


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("way", WAYS)
def test_who_leaves_in_mid_stream_pays_what_the_key_says_once(
    left: dict[tuple[str, str], Left], way: str, policy: str
) -> None:
    stream = left[way, policy]
    (fact,) = stream.facts
    assert stream.lost == 0
    assert (fact.client_left, fact.interrupted, fact.outcome) == (True, stream.policy.interrupted, "success")
    prompt = READ if policy == "drain" else stream.way.counted
    assert fact.prompt_tokens == prompt
    assert stream.policy.least <= fact.completion_tokens <= stream.policy.most
    cost = prompt * IN_PICO + fact.completion_tokens * OUT_PICO
    assert 0 < fact.cost_pico == cost < fact.hold_pico
    assert stream.figures == {"spend_pico": cost, "held_pico": 0}
    (row,) = stream.rows
    assert round(row["spend"] * 10**12) == cost
    assert row["metadata"]["meterhouse"]["interrupted"] == stream.policy.interrupted


def test_providers_are_read_to_the_end_only_for_who_pays_for_it(
    left: dict[tuple[str, str], Left], paused: PausedProviders, eventually: Callable[[Callable[[], bool], float], bool]
) -> None:
    for stream in left.values():
        paused.gates.open(stream.mark, SEEN, MORE, MOST)
    drained = [stream for stream in left.values() if stream.policy.interrupted == "drained"]
    assert {paused.gates.sent(stream.mark) for stream in drained} == {WORDS}
    assert eventually(lambda: paused.broken_off >= len(left) - len(drained), 15.0)


@pytest.fixture(scope="module")
def left_whole(gateway: RunningGateway, paused: PausedProviders) -> dict[str, Left]:
    policy = Policy("cancel", "", (START,), WROTE, WROTE)
    answers = {way: Left(WHOLE_WAYS[way], policy) for way in WHOLE_WAYS}
    asyncio.run(_leave_all(gateway, paused.gates, list(answers.values())))
    return answers


@pytest.mark.parametrize("way", WHOLE_WAYS)
def test_an_answer_that_is_not_streamed_is_read_to_its_end_whatever_the_key_says(
    left_whole: dict[str, Left], way: str
) -> None:
    answer = left_whole[way]
    (fact,) = answer.facts
    assert answer.lost == 0
    assert (fact.client_left, fact.interrupted, fact.outcome, fact.stream) == (True, "", "success", False)
    assert (fact.usage_source, fact.prompt_tokens, fact.completion_tokens) == ("provider", READ, WROTE)
    cost = READ * IN_PICO + WROTE * OUT_PICO
    assert fact.cost_pico == cost
    assert answer.figures == {"spend_pico": cost, "held_pico": 0}


async def _leave_all(gateway: RunningGateway, gates: Gates, streams: list[Left]) -> None:
    async with _watched(gateway) as (bus, told, ended, asked):
        headers = {"Authorization": f"Bearer {gateway.master_key}"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=30, limits=limits) as client:
            await asyncio.gather(*[_leave(client, stream, gates, told, asked) for stream in streams])
            ends = {asyncio.create_task(ended[stream.request].wait()): stream for stream in streams}
            _, open_ones = await asyncio.wait(ends, timeout=15)
            assert not open_ones, [(ends[task].way.path, ends[task].policy) for task in open_ones]
            await _read_facts(bus, streams)
            await asyncio.gather(*[_ask_what_is_known(client, bus, stream) for stream in streams])


async def _leave(client: httpx.AsyncClient, stream: Left, gates: Gates, told: "Events", asked: dict[str, str]) -> None:
    """Hear what the provider says before it pauses, and close the connection; it goes on when the router knows that."""
    terms = {"max_budget": HELD_USD, "interrupted_stream": stream.policy.interrupted_stream}
    stream.key = (await client.post("/key/generate", json=terms)).json()["key"]
    text = f"mark {stream.mark}"
    body = json.dumps({"model": stream.way.model, **stream.way.body})
    body = body.replace('"{messages}"', json.dumps([{"role": "user", "content": text}])).replace("{text}", text)
    headers = {"Authorization": f"Bearer {stream.key}", "content-type": "application/json"}
    if not stream.policy.interrupted:
        waiting = asyncio.create_task(client.post(stream.way.path, content=body, headers=headers))
        async with asyncio.timeout(10):
            while not gates.is_asked(stream.mark):  # noqa: ASYNC110  the servers have a thread of their own
                await asyncio.sleep(0.01)
        waiting.cancel()
        stream.request = asked[token_of(stream.key)]
        await asyncio.wait_for(told[stream.request].wait(), 10)
        gates.open(stream.mark, *stream.policy.go_on)
        return
    async with client.stream("POST", stream.way.path, content=body, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        stream.request = answer.headers["x-litellm-call-id"]
        heard = b""
        async for part in answer.aiter_raw():
            heard += part
            if heard.count(WORD.encode()) == SEEN:
                break
    await asyncio.wait_for(told[stream.request].wait(), 10)
    gates.open(stream.mark, SEEN, *stream.policy.go_on)


async def _ask_what_is_known(client: httpx.AsyncClient, bus: Bus, stream: Left) -> None:
    (fact, *_) = stream.facts
    for _ in range(100):
        stream.rows = (await client.get("/spend/logs", params={"api_key": stream.key})).json()
        if stream.rows:
            break
        await asyncio.sleep(0.05)
    question = json.dumps({"accounts": [fact.key]}).encode()
    answer = json.loads(await bus.request(subjects.account(fact.partition), question, timeout_s=5))
    stream.figures = {name: answer[fact.key][name] for name in ("spend_pico", "held_pico")}


async def _read_facts(bus: Bus, streams: list[Left]) -> None:
    by_request = {stream.request: stream for stream in streams}
    known = by_kind(*REQUEST_FACTS)
    for message in await read(bus, subjects.FACTS, subject="evt.completion.*.>", at_most=None):
        fact = decode_fact(message.data, known)
        stream = by_request.get(getattr(fact, "request_id", ""))
        if stream is not None and isinstance(fact, CompletionFinished):
            stream.facts.append(fact)
        elif stream is not None:
            stream.lost += 1


Events = defaultdict[str, asyncio.Event]


@asynccontextmanager
async def _watched(gateway: RunningGateway) -> AsyncIterator[tuple[Bus, Events, Events, dict[str, str]]]:
    """Yield a connection to the gateway's bus, by request whether a router was told that its client left, and
    whether its end was published; and by key the request that came last.
    """
    told, ended, asked = Events(asyncio.Event), Events(asyncio.Event), dict[str, str]()

    def on_request(message: Message) -> None:
        fact = json.loads(message.data)
        asked[fact["key"]] = fact["request_id"]

    def on_end(message: Message) -> None:
        ended[json.loads(message.data)["request_id"]].set()

    bus = await Bus.connect(gateway.nats_url, name="watch")
    try:
        await bus.subscribe(subjects.cancel("*"), lambda message: told[decode_cancel(message.data).request_id].set())
        await bus.subscribe(subjects.facts_of_kind("completion.finished"), on_end)
        await bus.subscribe(subjects.facts_of_kind("request.received"), on_request)
        await bus.flush(5)
        yield bus, told, ended, asked
    finally:
        await bus.close()
