"""A command that starts over when somebody else changed the same aggregates at the same time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from eventsourcing.persistence import IntegrityError

from shared.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

TRIES_MAX = 40

_BACKOFF_S = 0.002
_BACKOFF_S_MAX = 0.1


async def until_alone(attempt: Callable[[], Awaitable[T]]) -> T:
    """Load, decide and save by `attempt`, again and again until nobody else was first.

    Raises:
        Unavailable: too many were.
    """
    for number in range(TRIES_MAX):
        try:
            return await attempt()
        except IntegrityError as error:
            log.debug("somebody else was first", error=str(error))
            await asyncio.sleep(random.uniform(0, min(_BACKOFF_S * 2**number, _BACKOFF_S_MAX)))
    raise Unavailable("Too many are changing this at once. Try again.", retry_after_s=1)


def moment(now: float) -> datetime:
    """Return `now`, in seconds since 1970, as events have it."""
    return datetime.fromtimestamp(now, UTC)
