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
from tests.torture.world import World

INPUT_PICO, OUTPUT_PICO = 1_000_000, 2_000_000  # a token of the model `sim`
MODEL: dict[str, Any] = {
    "model_name": "sim",
    "litellm_params": {"model": "simulated/echo", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
    "model_info": {"base_model": "gpt-4o", "max_output_tokens": 60},
}
WORDS = ("report", "revenue", "costs", "quarter", "board", "market", "growth", "plan", "budget", "team")
TIMEOUT_S = 3.0
LATE_SHARE = 0.01  # of requests that take longer than they may
GIVE_UP_S = TIMEOUT_S + 5
PAUSE_S = 0.1  # after an answer that was none


class Refused(NamedTuple):
    """A client was told that a budget is exceeded; `least` and `most` it would have cost, pico-dollars."""

    accounts: tuple[str, ...]
    at_ms: int
    least: int
    most: int


@dataclass
class Seen:
    """`answers`: what each whole answer said it used, pico-dollars, by request."""

    answers: dict[str, int] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
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


def wish(chance: random.Random) -> Wish:
    text = " ".join(chance.choices(WORDS, k=chance.randint(1, 60)))
    prompt = 3 + 4 + tokens.count(text)  # as OpenAI counts a conversation of one message
    completion = chance.randint(1, 50)
    late = chance.random() < LATE_SHARE
    script = {
        "text": " ".join(["word"] * completion),
        "prompt_tokens": prompt,
        "delay_ms": int(TIMEOUT_S * 1000) + 1_000 if late else chance.randint(0, 40),
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
    until: float,
) -> None:
    """Ask until the loop's time `until`."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        caller, asked, began = world.caller(chance), wish(chance), loop.time()
        body = {**asked.body, "metadata": {"tags": caller.tags}}
        if caller.end_user:
            body["user"] = caller.end_user
        url = f"http://127.0.0.1:{chance.choice(ports)}/v1/chat/completions"
        headers = {
            "Authorization": f"Bearer {caller.secret}",
            "x-litellm-timeout": str(TIMEOUT_S),
            "x-litellm-num-retries": "0",
        }
        try:
            async with asyncio.timeout(GIVE_UP_S), session.post(url, json=body, headers=headers) as answer:
                text = await answer.text()
                _note(seen, caller.accounts, asked, answer, text)
            if answer.status >= 500:
                await asyncio.sleep(PAUSE_S)
        except TimeoutError:
            seen.statuses["no answer"] += 1
        except aiohttp.ClientError:
            seen.statuses["edge gone"] += 1
            await asyncio.sleep(PAUSE_S)
        seen.slowest_s = max(seen.slowest_s, loop.time() - began)


def _note(seen: Seen, accounts: tuple[str, ...], asked: Wish, answer: aiohttp.ClientResponse, text: str) -> None:
    if answer.status != 200:
        seen.statuses[str(answer.status)] += 1
        if answer.status == 422:
            least = asked.prompt_tokens * INPUT_PICO + OUTPUT_PICO
            most = asked.prompt_tokens * INPUT_PICO + asked.completion_tokens * OUTPUT_PICO
            seen.refused.append(Refused(accounts, time.time_ns() // 1_000_000, least, most))
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
