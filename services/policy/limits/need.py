"""How many tokens a request may use before anybody knows how many it does: at most, and the least it would do with.

An answer without a maximum may become as long as the model can write. To reserve all of that would let one request keep
others out of the whole window, so it is given a share of what is free, and that much is what the provider is told.
"""

from typing import NamedTuple

from services.policy.budgets.admission import Ask, Placed
from services.policy.limits.counters import TokenType
from shared.calls import WRITING, Admit

SHARE = 8
"""An answer without a maximum gets one part in so many of what is free,"""

FAIR_TOKENS = 4_096
"""or as many tokens as most answers are content with, where half of what is free covers that."""


class Need(NamedTuple):
    """Tokens of the input, and of each of `n` answers, at most. `output` is of those that count.

    `requests` is 0 for a response of a realtime session, which has the request and the slot.
    `least` is the shortest answer that is worth giving. `named`: the client has set the maximum. `fixed`: no shorter
    one can be asked for. `capped`: the model writes no more by itself.
    """

    input: int = 0
    output: int = 0
    n: int = 1
    least: int = 0
    named: bool = False
    fixed: bool = False
    capped: bool = True
    requests: int = 1

    @property
    def most(self) -> int:
        return self.input + self.output * self.n

    def shortened(self, tokens: int) -> "Need":
        """Return the same with answers of `tokens` at most."""
        if self.fixed or tokens >= self.output:
            return self
        return self._replace(output=tokens, least=min(self.least, tokens), capped=False)

    def with_answers_of(self, tokens: int) -> int:
        """Return what it uses at most with answers no longer than that."""
        return self.input + min(self.output, tokens) * self.n


NO_TOKENS = Need()


def need_of(request: Admit, ask: Ask, counts: TokenType, least: int) -> Need:
    """Return what `request` needs; `ask` bounds it, `least` is the shortest answer where it sets no maximum itself."""
    inputs = ask.input_tokens if counts != "output" else 0
    if counts == "input" or request.call_type not in WRITING:
        return Need(inputs)
    shortest = min(least, ask.output_tokens)
    return Need(inputs, ask.output_tokens, ask.n, shortest, request.max_tokens is not None, ask.fixed, ask.capped)


def least_answer(need: Need, maximum: int) -> int:
    """Return the shortest answer for which a request is let go under a limit of `maximum` tokens.

    What a client names is what it needs, as long as the limit can ever cover it.
    """
    if need.fixed or not need.output or (need.named and need.most <= maximum):
        return need.output
    return max(1, min(need.least, maximum // 4 // need.n))


def answer_within(need: Need, maximum: int, free: int) -> int:
    """Return how long its answers may become where `free` of `maximum` tokens are left: enough for the least."""
    least = least_answer(need, maximum)
    if least == need.output:
        return least
    each = max(0, free - need.input) // need.n
    return min(need.output, max(each // SHARE, min(each // 2, FAIR_TOKENS), least))


def shortened(placed: Placed, need: Need, longest: int) -> Placed:
    """Return what is placed, with the maximum that has to be sent for its answers to keep to `longest`."""
    if placed.max_tokens is not None or not need.output or (longest == need.output and need.capped):
        return placed
    return placed._replace(max_tokens=longest)
