"""How many of many calls at once a budget serves: exactly as many as it covers, with and without `max_tokens`.

A gateway that holds a worst case and refuses the rest serves too few, one that adds up afterwards too many.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.journey.recording_provider import USAGE
from tests.running_gateway import RunningGateway

MODEL = "recorded"
COST = Decimal("0.000001") * USAGE["prompt_tokens"] + Decimal("0.000002") * USAGE["completion_tokens"]


async def probe(
    gateway: RunningGateway, units: int, calls: int, at_once: int, **fields: Any
) -> tuple[Counter[int], Any, int]:
    """Return the statuses of `calls` on a budget of that many answers, what the key has spent then, and the status of
    one more.
    """
    headers = {"Authorization": f"Bearer {gateway.master_key}"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as client:
        made = await client.post("/key/generate", json={"max_budget": float(COST * units)})
        key, slots = made.json()["key"], asyncio.Semaphore(at_once)

        async def call() -> int:
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **fields}
            async with slots:
                answer = await client.post(
                    "/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}
                )
            if answer.status_code == 200:
                assert Decimal(answer.headers["x-litellm-response-cost"]) == COST
            return answer.status_code

        statuses = Counter(await asyncio.gather(*[call() for _ in range(calls)]))
        give_up = asyncio.get_running_loop().time() + 5
        spend = Decimal(0)
        while spend != COST * statuses[200] and asyncio.get_running_loop().time() < give_up:
            info = await client.get("/key/info", params={"key": key})
            spend = Decimal(str(info.json()["info"]["spend"]))
        later = await call()
    return statuses, spend / COST, later


@pytest.mark.parametrize("fields", [{}, {"max_tokens": 20}], ids=["no max_tokens", "max_tokens=20"])
@pytest.mark.parametrize(
    ("units", "calls", "at_once", "served"),
    [(10, 16, 1, 10), (10, 40, 20, 10), (250, 10, 10, 10)],
    ids=["one by one", "twenty at once", "with 25 times headroom"],
)
async def test_exactly_the_calls_that_a_budget_covers_are_served(
    gateway: RunningGateway, fields: dict[str, Any], units: int, calls: int, at_once: int, served: int
) -> None:
    statuses, spent, later = await probe(gateway, units, calls, at_once, **fields)
    assert statuses == Counter({200: served, 422: calls - served})
    assert spent == served
    assert later == (200 if served < units else 422)
