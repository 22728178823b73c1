"""Does a request fit all its budgets, and how large may its answer become? Pure: figures in, decision out."""

from collections.abc import Sequence
from typing import NamedTuple

from services.policy.budgets.account import Account
from shared.calls import Bound


class Ask(NamedTuple):
    """What a request could cost at most, in pico-dollars. `output_tokens` are those of one of its `n` answers."""

    input_pico: int
    output_pico_per_token: int
    output_tokens: int
    n: int
    capped: bool  # the model itself keeps the answer below `output_tokens`
    input_tokens: int = 0  # what `input_pico` was computed with
    fixed: bool = False  # no shorter answer can be asked for

    @property
    def whole_pico(self) -> int:
        """With answers as long as they may become."""
        return self.input_pico + self.output_pico_per_token * self.output_tokens * self.n


NOTHING = Ask(0, 0, 0, 1, True)


class Stand(NamedTuple):
    """An account as it stands, and what may be spent in its window, pico-dollars; None: whatever it may be."""

    account: Account
    limit: int | None


class Placed(NamedTuple):
    """`max_tokens` must be sent to the provider; None leaves the request as it is.

    `excluded` are the places among the alternatives that have no room for `amount`.
    """

    amount: int
    max_tokens: int | None
    excluded: tuple[int, ...] = ()


class Refused(NamedTuple):
    """`by`: the place of the account that said no; `alternative`: it is one of the alternatives.

    `only_holds` says that it would fit if the requests in flight cost nothing: worth waiting a moment.
    """

    by: int
    only_holds: bool
    alternative: bool = False


class Standing(NamedTuple):
    """What a refusal tells: the account as it stands. `only_holds`: requests in flight may give back enough."""

    spent: int
    held: int
    limit: int
    ends_ms: int
    only_holds: bool


def place(stands: Sequence[Stand], ask: Ask, alternatives: Sequence[Stand] = ()) -> Placed | Refused:
    """Decide whether `ask` fits into all of `stands`, and into one of the alternatives where there are any, lowering
    the answer's size where only a shorter one does.

    An answer is shortened only because money is spent, never because another request holds it for a moment. What
    costs nothing always fits, but for a limit of 0, which allows nothing at all.
    """
    decision = _in_all(stands, ask)
    if not alternatives or isinstance(decision, Refused):
        return decision
    return _in_one(stands, ask, alternatives, decision)


def _in_all(stands: Sequence[Stand], ask: Ask) -> Placed | Refused:
    full = ask.whole_pico
    tokens = ask.output_tokens
    tight = False  # some account has not enough left beside what is held
    for place_of, (account, limit) in enumerate(stands):
        if limit is None:
            continue
        if limit <= 0:
            return Refused(place_of, only_holds=False)
        unspent = limit - account.spent
        if full == 0 or full <= unspent - account.held:
            continue
        affordable = tokens_within(unspent, ask)
        if affordable < 1:
            return Refused(place_of, only_holds=False)
        tokens, tight = min(tokens, affordable), True
    if not tight:
        return Placed(full, None if ask.capped or full == 0 else ask.output_tokens)
    amount = ask.input_pico + ask.output_pico_per_token * tokens * ask.n
    for place_of, (account, limit) in enumerate(stands):
        if limit is not None and amount > limit - account.spent - account.held:
            return Refused(place_of, only_holds=True)
    return Placed(amount, tokens if tokens < ask.output_tokens or not ask.capped else None)


def _in_one(stands: Sequence[Stand], ask: Ask, alternatives: Sequence[Stand], decision: Placed) -> Placed | Refused:
    """Exclude the alternatives without room; where none has enough, shorten the answer for the one with the most."""
    excluded = tuple(index for index, stand in enumerate(alternatives) if not _has_room(stand, decision.amount))
    if len(excluded) < len(alternatives):
        return decision._replace(excluded=excluded)
    most = max(range(len(alternatives)), key=lambda index: _unspent(alternatives[index]))
    shorter = _in_all([*stands, alternatives[most]], ask)
    if isinstance(shorter, Placed):
        return shorter._replace(excluded=tuple(index for index in excluded if index != most))
    if shorter.by == len(stands):
        return Refused(most, shorter.only_holds, alternative=True)
    return shorter


def _has_room(stand: Stand, amount: int) -> bool:
    if stand.limit is None:
        return True
    return stand.limit > 0 and amount <= stand.limit - stand.account.spent - stand.account.held


def _unspent(stand: Stand) -> int:
    return 0 if stand.limit is None else stand.limit - stand.account.spent


def covers(account: Account, limit: int | None, whole_pico: int) -> bool:
    """Return whether a request that costs so much at most is placed at once and whole."""
    return limit is None or whole_pico == 0 or whole_pico <= limit - account.spent - account.held


def bound_of(ask: Ask, placed: Placed | None) -> Bound | None:
    """Return what a router has to keep to, None where nothing is held."""
    if placed is None or placed.amount == 0:
        return None
    return Bound(ask.input_tokens, ask.output_tokens if placed.max_tokens is None else placed.max_tokens, ask.n)


def tokens_within(money: int, ask: Ask) -> int:
    """Return how many tokens each answer may have, at most what was asked."""
    left = money - ask.input_pico
    if left < 0:
        return 0
    if ask.output_pico_per_token == 0:
        return ask.output_tokens
    return min(ask.output_tokens, left // (ask.output_pico_per_token * ask.n))
