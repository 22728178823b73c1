"""Does a request fit its budget, and how large may its answer become? Pure: figures in, decision out."""

from typing import NamedTuple

from services.policy.budgets.accounts import Account
from shared.calls import Bound


class Ask(NamedTuple):
    """What a request could cost at most, in pico-dollars. `output_tokens` are those of one of its `n` answers."""

    input_pico: int
    output_pico_per_token: int
    output_tokens: int
    n: int
    capped: bool  # the model itself keeps the answer below `output_tokens`
    input_tokens: int = 0  # what `input_pico` was computed with


NOTHING = Ask(0, 0, 0, 1, True)


class Placed(NamedTuple):
    """`max_tokens` must be sent to the provider; None leaves the request as it is."""

    amount: int
    max_tokens: int | None


class Refused(NamedTuple):
    """`only_holds` says that it would fit if the requests in flight cost nothing: worth waiting a moment."""

    only_holds: bool


class Standing(NamedTuple):
    """What a refusal tells: the account as it stands. `only_holds`: requests in flight may give back enough."""

    spent: int
    held: int
    limit: int
    ends_ms: int
    only_holds: bool


def place(account: Account, limit: int | None, ask: Ask) -> Placed | Refused:
    """Decide whether `ask` fits into `limit` (None: there is none), lowering the answer's size where only a shorter
    one does.

    An answer is shortened only when the money is spent, never because another request holds it for a moment. What
    costs nothing always fits, but for a limit of 0, which allows nothing at all.
    """
    full = ask.input_pico + ask.output_pico_per_token * ask.output_tokens * ask.n
    whole = Placed(full, None if ask.capped or full == 0 else ask.output_tokens)
    if limit is None:
        return whole
    if limit <= 0:
        return Refused(only_holds=False)
    unspent = limit - account.spent
    if full == 0 or full <= unspent - account.held:
        return whole
    affordable = _tokens_within(unspent, ask)
    if affordable < 1:
        return Refused(only_holds=False)
    if full <= unspent or account.held:
        return Refused(only_holds=True)
    return Placed(ask.input_pico + ask.output_pico_per_token * affordable * ask.n, affordable)


def covers(account: Account, limit: int | None, ask: Ask) -> bool:
    """Return whether `ask` is placed at once and whole."""
    full = ask.input_pico + ask.output_pico_per_token * ask.output_tokens * ask.n
    return limit is None or full == 0 or full <= limit - account.spent - account.held


def bound_of(ask: Ask, placed: Placed | None) -> Bound | None:
    """Return what a router has to keep to, None where nothing is held."""
    if placed is None or placed.amount == 0:
        return None
    return Bound(ask.input_tokens, ask.output_tokens if placed.max_tokens is None else placed.max_tokens, ask.n)


def _tokens_within(money: int, ask: Ask) -> int:
    """Return how many tokens each answer may have, at most what was asked."""
    left = money - ask.input_pico
    if left < 0:
        return 0
    if ask.output_pico_per_token == 0:
        return ask.output_tokens
    return min(ask.output_tokens, left // (ask.output_pico_per_token * ask.n))
