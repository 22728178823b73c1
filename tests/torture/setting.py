"""Keys whose spend is set while they are used, as an administrator does who forgives what was spent."""

import asyncio
import itertools
import random
import time

import aiohttp

from tests.torture.parts import MASTER_KEY
from tests.torture.set_spend import Attempt
from tests.torture.world import MICRO_PICO, World

TIMEOUT_S, AGAIN_S = 5.0, 0.02


async def keep_setting(
    session: aiohttp.ClientSession,
    ports: list[int],
    world: World,
    chance: random.Random,
    enough: asyncio.Event,
    every_s: float,
) -> None:
    """Set what one key after the other has spent, by any of the edges, to another small amount each time."""
    for micro_usd in itertools.count(1):
        await asyncio.sleep(chance.uniform(0, 2 * every_s))
        status = 400
        while status == 400 and not enough.is_set():  # it has not spent so much
            token = chance.choice(list(world.secrets))
            status = await _set(session, chance.choice(ports), token, micro_usd)
            answered_ms = time.time_ns() // 1_000_000
            if status != 400:
                world.attempts.append(Attempt(token, micro_usd * MICRO_PICO, status == 200, answered_ms))
            await asyncio.sleep(AGAIN_S)
        if enough.is_set():
            return


async def _set(session: aiohttp.ClientSession, port: int, token: str, micro_usd: int) -> int:
    """Return the status, 0 where nobody knows whether it was done."""
    url = f"http://127.0.0.1:{port}/key/{token}/reset_spend"
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            session.post(
                url, json={"reset_to": micro_usd / 10**6}, headers={"Authorization": f"Bearer {MASTER_KEY}"}
            ) as answer,
        ):
            await answer.read()
            return answer.status
    except (TimeoutError, aiohttp.ClientError):
        return 0
