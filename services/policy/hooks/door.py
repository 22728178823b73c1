"""The way out to hooks: one POST, tried a few times. The only module of policy that speaks HTTP."""

import asyncio
from typing import Any

import aiohttp
import orjson
import structlog

log = structlog.get_logger()

TRIES = 4
PAUSE_FIRST_S = 0.5
TIMEOUT_S = 5.0


async def post(name: str, url: str, body: dict[str, Any], delivery: str) -> bool:
    """Send `body` until the hook takes it; return False when it did not in TRIES tries.

    Redirects are not followed. `delivery` names the event in the header Idempotency-Key: a hook that gets the same
    twice, because its answer was lost, can tell. A refusal other than 408, 429 and 5xx is final.
    """
    headers = {"content-type": "application/json", "idempotency-key": delivery}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for number in range(TRIES):
            if number:
                await asyncio.sleep(PAUSE_FIRST_S * 2 ** (number - 1))
            try:
                async with session.post(url, data=orjson.dumps(body), headers=headers, allow_redirects=False) as answer:
                    if answer.status < 300:
                        return True
                    problem = f"it answered {answer.status}"
                    if answer.status < 500 and answer.status not in (408, 429):
                        break
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = type(error).__name__  # its text may hold the address, which is a secret
            log.info("a hook was not reached", hook=name, crossing=delivery, problem=problem, tries=number + 1)
    log.error("a hook was not called", hook=name, crossing=delivery, problem=problem)
    return False
