"""Keys that get another secret while they are used: budgets and limits stay the key's."""

import asyncio
import random
import secrets

import aiohttp

from tests.torture.parts import MASTER_KEY
from tests.torture.world import World

TIMEOUT_S = 5.0
GRACE = "1h"
"""How long a former secret counts: an answer that is lost must not lock a client out."""


async def keep_rotating(
    session: aiohttp.ClientSession,
    ports: list[int],
    world: World,
    chance: random.Random,
    enough: asyncio.Event,
    every_s: float,
) -> None:
    """Give one key after the other a new secret, by any of the edges; clients use it once it is confirmed."""
    while not enough.is_set():
        await asyncio.sleep(chance.uniform(0, 2 * every_s))
        token = chance.choice(list(world.secrets))
        secret = f"sk-{secrets.token_urlsafe(16)}"
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                session.post(
                    f"http://127.0.0.1:{chance.choice(ports)}/key/regenerate",
                    json={"key": token, "new_key": secret, "grace_period": GRACE},
                    headers={"Authorization": f"Bearer {MASTER_KEY}"},
                ) as answer,
            ):
                await answer.read()
        except (TimeoutError, aiohttp.ClientError):
            continue
        if answer.status == 200:
            world.secrets[token] = secret
            world.rotations += 1
