"""Counting the tokens of a body, wherever it is: a short one at once, a long one in a thread."""

import asyncio

from services.policy.budgets.count_input import TextTokens, text_tokens
from shared import tokens
from shared.bus import Bus
from shared.payloads.bodies import read_body

AT_ONCE_BYTES = 16 * 1024  # a millisecond


def counts_at_once(body: bytes) -> bool:
    """Whether `text_tokens` of a body takes no longer than a decision may. One that is elsewhere is empty here."""
    return 0 < len(body) <= AT_ONCE_BYTES and tokens.is_loaded()


async def count_body(bus: Bus, body: bytes, ref: str, size: int | None, call_type: str) -> TextTokens | None:
    """Return the tokens of `body`, or of the one held at `ref`; None where they cannot be told.

    Raises:
        BodyGone
    """
    whole = await read_body(bus, ref, size) if ref else body
    return await asyncio.to_thread(text_tokens, whole, call_type)
