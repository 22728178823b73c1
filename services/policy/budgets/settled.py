"""The end of a request, as a fact tells it, for the accounts and limits it was counted in."""

from typing import NamedTuple


class Settled(NamedTuple):
    """From the fact of a finished request: what it cost in truth. `stored_ms` is when the stream got the fact.

    `account` is the key's; `also` are those that count what was spent without a hold, too. `provider` is who was paid.
    """

    request: str
    account: str
    held: bool
    cost: int
    admitted_ms: int
    stored_ms: int
    also: tuple[str, ...] = ()
    provider: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
