"""Clients of all edges at once: requests of random sizes on random keys, and what each answer said."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from shared import tokens
from tests.torture.history import Throttled
from tests.torture.world import PROVIDERS, Caller, World

INPUT_PICO, OUTPUT_PICO = 1_000_000, 2_000_000  # a token of the model `sim`
OUTPUT_MAX = 60
MODELS: list[dict[str, Any]] = [
    {
        "model_name": "sim",
        "litellm_params": {
            "model": f"{provider}/echo",
            "api_base": "simulated://local/v1",
            "api_key": "none",
            "input_cost_per_token": INPUT_PICO / 10**12,
            "output_cost_per_token": OUTPUT_PICO / 10**12,
        },
        "model_info": {"base_model": "gpt-4o", "max_output_tokens": OUTPUT_MAX},
    }
    for provider in PROVIDERS
]
"""One model name at two providers, each with a budget of its own."""

WORDS = ("report", "revenue", "costs", "quarter", "board", "market", "growth", "plan", "budget", "team")
LATE_SHARE = 0.01  # of requests that take longer than they may
LATE_BY_S = 1.0
GIVE_UP_AFTER_S = 5.0  # beyond the request's timeout
PAUSE_S, REFUSED_PAUSE_S = 0.1, 0.01  # after an answer that was none, or no


class Refused(NamedTuple):
    """A client was told that a budget is exceeded; `least` and `most` it would have cost, pico-dollars."""

    accounts: tuple[str, ...]  # without those of providers, of which one would do
    at_ms: int
    least: int
    most: int


@dataclass
class Seen:
    """`answers`: what each whole answer said it used, pico-dollars, by request."""

    answers: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    throttled: list[Throttled] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())


class Wish(NamedTuple):
    """A request and what it comes to in truth."""

    body: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int


class Asked(NamedTuple):
    """When a request was sent, and what it takes of a limit of tokens."""

    at_ms: int
    tokens: int


def reserved_tokens(body: dict[str, Any]) -> int:
    """Return half the body's bytes, four, and the longest answer: what docs/limits.md says."""
    return -(-len(json.dumps(body)) // 2) + 4 + int(body.get("max_tokens", OUTPUT_MAX))


def wish(chance: random.Random, timeout_s: float) -> Wish:
    text = " ".join(chance.choices(WORDS, k=chance.randint(1, 60)))
    prompt = 3 + 4 + tokens.count(text)  # as OpenAI counts a conversation of one message
    completion = chance.randint(1, 50)
    late = chance.random() < LATE_SHARE
    script = {
        "text": " ".join(["word"] * completion),
        "prompt_tokens": prompt,
        "delay_ms": int((timeout_s + LATE_BY_S) * 1000) if late else chance.randint(0, 40),
    }
    body: dict[str, Any] = {
        "model": "sim",
        "messages": [{"role": "user", "content": text}],
        "simulated": script,
    }
    if chance.random() < 0.5:
        body["max_tokens"] = chance.randint(completion, 60)
    if chance.random() < 0.4:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return Wish(body, prompt, completion)


async def keep_asking(
    session: aiohttp.ClientSession,
    ports: list[int],
    world: World,
    seen: Seen,
    chance: random.Random,
    enough: asyncio.Event,
    timeout_s: float,
) -> None:
    """Ask until there is `enough`; no request may take longer than `timeout_s`."""
    loop = asyncio.get_running_loop()
    while not enough.is_set():
        caller, wished, began, asked_ms = world.caller(chance), wish(chance, timeout_s), loop.time(), _now_ms()
        body = {**wished.body, "metadata": {"tags": caller.tags}}
        if caller.end_user:
            body["user"] = caller.end_user
        url = f"http://127.0.0.1:{chance.choice(ports)}/v1/chat/completions"
        headers = {
            "Authorization": f"Bearer {caller.secret}",
            "x-litellm-timeout": str(timeout_s),
            "x-litellm-num-retries": "0",
        }
        try:
            async with (
                asyncio.timeout(timeout_s + GIVE_UP_AFTER_S),
                session.post(url, json=body, headers=headers) as answer,
            ):
                text = await answer.text()
                _note(seen, caller, wished, Asked(asked_ms, reserved_tokens(body)), answer, text)
            if answer.status != 200:
                await asyncio.sleep(PAUSE_S if answer.status >= 500 else REFUSED_PAUSE_S)
        except TimeoutError:
            seen.statuses["no answer"] += 1
        except aiohttp.ClientError:
            seen.statuses["edge gone"] += 1
            await asyncio.sleep(PAUSE_S)
        seen.slowest_s = max(seen.slowest_s, loop.time() - began)


def _note(seen: Seen, caller: Caller, wished: Wish, asked: Asked, answer: aiohttp.ClientResponse, text: str) -> None:
    if answer.status != 200:
        kind = json.loads(text)["error"]["type"] if answer.status in (422, 429) else ""
        seen.statuses["429 by a limit" if kind == "throttling_error" else str(answer.status)] += 1
        if kind == "throttling_error":
            seen.throttled.append(Throttled(caller.limited, asked.at_ms, _now_ms(), asked.tokens))
        elif kind == "budget_exceeded":
            least = wished.prompt_tokens * INPUT_PICO + OUTPUT_PICO
            most = wished.prompt_tokens * INPUT_PICO + wished.completion_tokens * OUTPUT_PICO
            seen.refused.append(Refused(caller.accounts, _now_ms(), least, most))
        return
    usage = _usage(text)
    if usage is None:
        seen.statuses["broken off"] += 1
        return
    seen.statuses["200"] += 1
    cost = usage["prompt_tokens"] * INPUT_PICO + usage["completion_tokens"] * OUTPUT_PICO
    seen.answers[answer.headers["x-litellm-call-id"]] = cost


def _usage(text: str) -> dict[str, int] | None:
    """Return the usage of a whole answer, None of one that broke off."""
    if not text.startswith("data:"):
        found: dict[str, int] = json.loads(text)["usage"]
        return found
    if not text.rstrip().endswith("data: [DONE]"):
        return None
    events = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data: {")]
    return next(event["usage"] for event in reversed(events) if event.get("usage"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
