"""The decision: never over the limit, never smaller than the money allows, and worth waiting for only where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.accounts import Account
from services.policy.budgets.admission import NOTHING, Ask, Placed, Refused, covers, place


def ask(input_pico: int = 100, rate: int = 10, tokens: int = 90, n: int = 1, *, capped: bool = True) -> Ask:
    """1,000 pico-dollars at most, unless said otherwise."""
    return Ask(input_pico, rate, tokens, n, capped)


@pytest.mark.parametrize(
    ("spent", "held", "limit", "wanted", "decision"),
    [
        # it fits
        (0, 0, 1_000, ask(), Placed(1_000, None)),
        (0, 0, 5_000, ask(), Placed(1_000, None)),
        (2_000, 2_000, 5_000, ask(), Placed(1_000, None)),
        # where neither client nor model keeps the answer short, the provider is told to
        (0, 0, 1_000, ask(capped=False), Placed(1_000, 90)),
        # only a shorter one fits, the money being spent
        (1, 0, 1_000, ask(), Placed(990, 89)),
        (9, 0, 1_000, ask(), Placed(990, 89)),
        (890, 0, 1_000, ask(), Placed(110, 1)),
        (0, 0, 1_000, ask(n=2), Placed(1_000, 45)),
        (0, 0, 999, ask(n=2), Placed(980, 44)),
        # not even one token of answer
        (891, 0, 1_000, ask(), Refused(only_holds=False)),
        (1_000, 0, 1_000, ask(), Refused(only_holds=False)),
        (1_001, 0, 1_000, ask(), Refused(only_holds=False)),
        (0, 0, 99, ask(rate=0), Refused(only_holds=False)),
        # it would fit if the requests in flight cost nothing
        (0, 1, 1_000, ask(), Refused(only_holds=True)),
        (0, 1_000, 1_000, ask(), Refused(only_holds=True)),
        (500, 100, 1_000, ask(), Refused(only_holds=True)),
        (0, 950, 1_000, ask(rate=0), Refused(only_holds=True)),
        # it would not, whatever they cost
        (950, 50, 1_000, ask(), Refused(only_holds=False)),
        # what costs nothing is not refused for money, but a limit of nothing allows nothing
        (5_000, 0, 1_000, NOTHING, Placed(0, None)),
        (0, 0, 1_000, ask(0, 0, capped=False), Placed(0, None)),
        (0, 0, 0, NOTHING, Refused(only_holds=False)),
        (0, 0, 0, ask(), Refused(only_holds=False)),
        # no limit
        (5_000, 5_000, None, ask(), Placed(1_000, None)),
        (5_000, 5_000, None, NOTHING, Placed(0, None)),
    ],
)
def test_a_request_is_placed_shortened_or_refused(
    spent: int, held: int, limit: int | None, wanted: Ask, decision: Placed | Refused
) -> None:
    assert place(Account(spent=spent, held=held), limit, wanted) == decision


@pytest.mark.parametrize(
    ("spent", "held", "limit", "covered"),
    [(0, 0, 1_000, True), (0, 0, 999, False), (500, 500, 2_000, True), (500, 501, 2_000, False), (9, 9, None, True)],
)
def test_a_request_is_covered_where_it_is_placed_at_once_and_whole(
    spent: int, held: int, limit: int | None, covered: bool
) -> None:
    assert covers(Account(spent=spent, held=held), limit, ask()) is covered
    assert covers(Account(spent=5_000), limit, NOTHING)


money = st.integers(0, 10**15)
asks = st.builds(Ask, money, st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 8), st.booleans())
accounts = st.builds(lambda spent, held: Account(spent=spent, held=held), money, money)


@given(accounts, money, asks)
def test_spent_and_held_never_pass_the_limit(account: Account, limit: int, wanted: Ask) -> None:
    decision = place(account, limit, wanted)
    if isinstance(decision, Placed) and decision.amount > 0:
        assert account.spent + account.held + decision.amount <= limit


@given(accounts, money, asks)
def test_a_hold_covers_the_answer_that_is_admitted(account: Account, limit: int, wanted: Ask) -> None:
    decision = place(account, limit, wanted)
    if isinstance(decision, Placed):
        tokens = wanted.output_tokens if decision.max_tokens is None else decision.max_tokens
        assert 1 <= tokens <= wanted.output_tokens
        assert decision.amount == wanted.input_pico + wanted.output_pico_per_token * tokens * wanted.n


@given(accounts, money, asks)
def test_an_answer_is_as_long_as_the_unspent_money_allows(account: Account, limit: int, wanted: Ask) -> None:
    decision = place(account, limit, wanted)
    if isinstance(decision, Placed) and decision.max_tokens not in (None, wanted.output_tokens):
        assert decision.max_tokens is not None
        longer = wanted.input_pico + wanted.output_pico_per_token * (decision.max_tokens + 1) * wanted.n
        assert longer > limit - account.spent


@given(accounts, money, asks)
def test_waiting_is_offered_only_where_it_can_help(account: Account, limit: int, wanted: Ask) -> None:
    decision = place(account, limit, wanted)
    alone = place(Account(spent=account.spent), limit, wanted)
    if decision == Refused(only_holds=True):
        assert account.held > 0
        assert isinstance(alone, Placed)
    if decision == Refused(only_holds=False):
        assert not isinstance(alone, Placed)


@given(st.lists(st.tuples(asks, st.integers(0, 100)), max_size=30), st.integers(1, 10**12))
def test_a_budget_served_in_turn_is_never_passed_by_what_requests_cost_in_the_end(
    requests: list[tuple[Ask, int]], limit: int
) -> None:
    account = Account()
    for wanted, percent in requests:
        decision = place(account, limit, wanted)
        if isinstance(decision, Placed):
            account.spent += decision.amount * percent // 100
        assert account.spent <= limit
