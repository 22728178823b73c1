"""What is asked of a partition for one request, and what it answers."""

from collections.abc import Callable
from typing import NamedTuple

from services.policy.budgets.accounts import Whom
from services.policy.budgets.admission import Ask, Placed, Standing
from services.policy.budgets.charges import Charge, Charges


class Wanted(NamedTuple):
    """A request that needs a hold in its accounts. Times in milliseconds since 1970."""

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


class Denied(NamedTuple):
    """Refused by the budget of `charge`, whose account stands like this."""

    charge: Charge
    standing: Standing


Answer = Placed | Denied | None
"""Placed: journalled, go ahead. Denied: refused. None: it could not be decided; nothing is held."""

Done = Callable[[Answer], None]
