"""The budgets of a run, and the keys that spend from them."""

import random
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from shared import subjects
from shared.keys import token_of
from tests.torture.parts import MASTER_KEY, Gateway

USD_PICO = 10**12
MICRO_PICO = 10**6
COST_MICRO_USD = 90  # of a request, on average
WINDOW = "4s"
WINDOWED_SHARE = 0.1


@dataclass
class World:
    """`limits` and `homes` (the partition that decides) by account; `secrets` of the keys, by their token."""

    partitions: int
    limits: dict[str, int] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


async def make_world(
    gateway: Gateway, *, budgets: int, requests_each: float, partitions: int, chance: random.Random
) -> World:
    """Make `budgets`; so many requests are to be expected on each of them, and about half of them cover that."""
    world = World(partitions)
    async with aiohttp.ClientSession(
        base_url=f"http://127.0.0.1:{gateway.ports[0]}", headers={"Authorization": f"Bearer {MASTER_KEY}"}
    ) as session:
        for _ in range(budgets):
            limit = int(COST_MICRO_USD * max(2.0, requests_each * chance.uniform(0.1, 2.0)))
            terms: dict[str, Any] = {"max_budget": limit / 10**6}
            if chance.random() < WINDOWED_SHARE:
                limit = COST_MICRO_USD * chance.randint(3, 12)
                terms = {"max_budget": limit / 10**6, "budget_duration": WINDOW}
            secret = (await _post(session, "/key/generate", terms))["key"]
            token = token_of(secret)
            world.secrets[token] = secret
            world.limits[token] = limit * MICRO_PICO
            world.homes[token] = subjects.partition_of(token, partitions)
    return world


async def _post(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with session.post(path, json=body) as answer:
        made: dict[str, Any] = await answer.json()
        assert answer.status == 200, made
        return made
