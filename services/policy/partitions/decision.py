"""What is asked of a partition for one request, and what it answers."""

from collections.abc import Callable
from typing import NamedTuple

from services.policy.budgets.admission import Ask, Placed, Standing
from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.entries import Whom
from services.policy.limits.counters import TokenType
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over


class Part(NamedTuple):
    """What a request takes of limits: one of the requests, the tokens it needs, and one of the slots.

    Of those that wait for room until `give_up_ms` the lowest `level` goes first, then tenants take turns, and of one
    tenant's the lowest `rank` goes first.
    """

    limits: tuple[Limit, ...]
    need: Need
    counts: TokenType
    give_up_ms: int  # before now: it may not wait
    level: int
    rank: int
    again: Callable[[], tuple[Limit, ...]]  # the limits as they are by then
    key: str = ""  # whose request it is


class Wanted(NamedTuple):
    """A request that needs a hold in its accounts, or a part of limits. Times in milliseconds since 1970."""

    request: str
    tenant: str
    whom: Whom
    charges: Charges
    ask: Ask
    model: str
    now_ms: int
    expires_ms: int
    give_up_ms: int  # how long it may wait for money that others only hold
    again: Callable[[], Charges | None]  # the charges as they are by then; None: it may not call any more
    part: Part | None = None
    held: bool = True  # whether it needs a hold; else only its part of limits is decided
    level: int = 1  # its priority, 0 for the highest


class Denied(NamedTuple):
    """Refused by the budget of `charge`, whose account stands like this."""

    charge: Charge
    standing: Standing


class NoRoom(NamedTuple):
    """Refused by a limit; `lines` are headers that say how all of the request's limits stand."""

    over: Over
    lines: str


class Left(NamedTuple):
    """Its client left while it waited: for a limit, or else for money."""

    for_limit: bool


Answer = Placed | Denied | NoRoom | Left | None
"""Placed: journalled, go ahead. Denied, NoRoom: refused. None: it could not be decided; nothing is held or taken, as
with Left.
"""

Done = Callable[[Answer], None]
