"""The decision: never over the limit, never smaller than the money allows, and worth waiting for only where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.admission import NOTHING, Ask, Placed, Refused, Stand, covers, place


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
        (891, 0, 1_000, ask(), Refused(0, only_holds=False)),
        (1_000, 0, 1_000, ask(), Refused(0, only_holds=False)),
        (1_001, 0, 1_000, ask(), Refused(0, only_holds=False)),
        (0, 0, 99, ask(rate=0), Refused(0, only_holds=False)),
        # it would fit if the requests in flight cost nothing
        (0, 1, 1_000, ask(), Refused(0, only_holds=True)),
        (0, 1_000, 1_000, ask(), Refused(0, only_holds=True)),
        (500, 100, 1_000, ask(), Refused(0, only_holds=True)),
        (0, 950, 1_000, ask(rate=0), Refused(0, only_holds=True)),
        # it would not, whatever they cost
        (950, 50, 1_000, ask(), Refused(0, only_holds=False)),
        # what costs nothing is not refused for money, but a limit of nothing allows nothing
        (5_000, 0, 1_000, NOTHING, Placed(0, None)),
        (0, 0, 1_000, ask(0, 0, capped=False), Placed(0, None)),
        (0, 0, 0, NOTHING, Refused(0, only_holds=False)),
        (0, 0, 0, ask(), Refused(0, only_holds=False)),
        # no limit
        (5_000, 5_000, None, ask(), Placed(1_000, None)),
        (5_000, 5_000, None, NOTHING, Placed(0, None)),
    ],
)
def test_a_request_is_placed_shortened_or_refused(
    spent: int, held: int, limit: int | None, wanted: Ask, decision: Placed | Refused
) -> None:
    assert place([Stand(Account(spent=spent, held=held), limit)], wanted) == decision


def stand(spent: int, held: int, limit: int | None) -> Stand:
    return Stand(Account(spent=spent, held=held), limit)


FREE, FULL, BUSY = stand(0, 0, 1_000), stand(1_000, 0, 1_000), stand(0, 1_000, 1_000)


@pytest.mark.parametrize(
    ("stands", "decision"),
    [
        ([], Placed(1_000, None)),
        ([FREE, stand(9, 9, None), FREE], Placed(1_000, None)),
        # the tightest decides how long the answer may be
        ([FREE, stand(500, 0, 1_000), stand(300, 0, 1_000)], Placed(500, 40)),
        # and what is held in another is no reason to shorten it, but one to wait
        ([stand(500, 0, 1_000), stand(0, 400, 1_000)], Placed(500, 40)),
        ([stand(500, 0, 1_000), stand(0, 501, 1_000)], Refused(1, only_holds=True)),
        ([BUSY, FREE, BUSY], Refused(0, only_holds=True)),
        # whoever has spent it all is told before whoever only holds it
        ([BUSY, FREE, FULL], Refused(2, only_holds=False)),
        ([FREE, FULL, FULL], Refused(1, only_holds=False)),
        ([FREE, stand(0, 0, 0)], Refused(1, only_holds=False)),
    ],
)
def test_a_request_must_fit_into_all_its_budgets(stands: list[Stand], decision: Placed | Refused) -> None:
    assert place(stands, ask()) == decision


@pytest.mark.parametrize(
    ("alternatives", "decision"),
    [
        ([FREE, FREE], Placed(1_000, None)),
        ([FULL, FREE], Placed(1_000, None, (0,))),
        ([BUSY, stand(0, 0, None)], Placed(1_000, None, (0,))),
        # none has enough for the whole: the one with the most serves a shorter answer
        ([stand(500, 0, 1_000), stand(300, 0, 1_000)], Placed(700, 60, (0,))),
        ([FULL, stand(300, 0, 1_000), stand(0, 0, 0)], Placed(700, 60, (0, 2))),
        ([FULL, BUSY], Refused(1, only_holds=True, alternative=True)),
        ([FULL, FULL], Refused(0, only_holds=False, alternative=True)),
    ],
)
def test_one_of_the_alternatives_must_have_room(alternatives: list[Stand], decision: Placed | Refused) -> None:
    assert place([FREE], ask(), alternatives) == decision


def test_alternatives_are_asked_for_what_the_others_leave() -> None:
    half = stand(500, 0, 1_000)
    assert place([half], ask(), [FULL, half]) == Placed(500, 40, (0,))
    assert place([FULL], ask(), [FREE]) == Refused(0, only_holds=False)
    assert place([half], ask(), [FULL, stand(501, 0, 1_000)]) == Placed(490, 39, (0,))


@pytest.mark.parametrize(
    ("spent", "held", "limit", "covered"),
    [(0, 0, 1_000, True), (0, 0, 999, False), (500, 500, 2_000, True), (500, 501, 2_000, False), (9, 9, None, True)],
)
def test_a_request_is_covered_where_it_is_placed_at_once_and_whole(
    spent: int, held: int, limit: int | None, covered: bool
) -> None:
    assert covers(Account(spent=spent, held=held), limit, ask().whole_pico) is covered
    assert covers(Account(spent=5_000), limit, NOTHING.whole_pico)


money = st.integers(0, 10**15)
asks = st.builds(Ask, money, st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 8), st.booleans())
accounts = st.builds(lambda spent, held: Account(spent=spent, held=held), money, money)


@given(accounts, money, asks)
def test_spent_and_held_never_pass_the_limit(account: Account, limit: int, wanted: Ask) -> None:
    decision = place([Stand(account, limit)], wanted)
    if isinstance(decision, Placed) and decision.amount > 0:
        assert account.spent + account.held + decision.amount <= limit


@given(accounts, money, asks)
def test_a_hold_covers_the_answer_that_is_admitted(account: Account, limit: int, wanted: Ask) -> None:
    decision = place([Stand(account, limit)], wanted)
    if isinstance(decision, Placed):
        tokens = wanted.output_tokens if decision.max_tokens is None else decision.max_tokens
        assert 1 <= tokens <= wanted.output_tokens
        assert decision.amount == wanted.input_pico + wanted.output_pico_per_token * tokens * wanted.n


@given(accounts, money, asks)
def test_an_answer_is_as_long_as_the_unspent_money_allows(account: Account, limit: int, wanted: Ask) -> None:
    decision = place([Stand(account, limit)], wanted)
    if isinstance(decision, Placed) and decision.max_tokens not in (None, wanted.output_tokens):
        assert decision.max_tokens is not None
        longer = wanted.input_pico + wanted.output_pico_per_token * (decision.max_tokens + 1) * wanted.n
        assert longer > limit - account.spent


@given(accounts, money, asks)
def test_waiting_is_offered_only_where_it_can_help(account: Account, limit: int, wanted: Ask) -> None:
    decision = place([Stand(account, limit)], wanted)
    alone = place([Stand(Account(spent=account.spent), limit)], wanted)
    if decision == Refused(0, only_holds=True):
        assert account.held > 0
        assert isinstance(alone, Placed)
    if decision == Refused(0, only_holds=False):
        assert not isinstance(alone, Placed)


@given(st.lists(st.tuples(asks, st.integers(0, 100)), max_size=30), st.integers(1, 10**12))
def test_a_budget_served_in_turn_is_never_passed_by_what_requests_cost_in_the_end(
    requests: list[tuple[Ask, int]], limit: int
) -> None:
    account = Account()
    for wanted, percent in requests:
        decision = place([Stand(account, limit)], wanted)
        if isinstance(decision, Placed):
            account.spent += decision.amount * percent // 100
        assert account.spent <= limit


stands = st.builds(stand, money, st.integers(0, 10**12), money | st.none())


@given(st.lists(stands, max_size=5), asks, st.lists(stands, max_size=3))
def test_a_hold_fits_into_every_account_it_is_placed_in(every: list[Stand], wanted: Ask, some: list[Stand]) -> None:
    decision = place(every, wanted, some)
    if isinstance(decision, Refused):
        refusing = (some if decision.alternative else every)[decision.by]
        assert refusing.limit is not None
        return
    chosen = [one for number, one in enumerate(some) if number not in decision.excluded]
    assert chosen or not some
    for account, limit in (*every, *chosen):
        if limit is not None and decision.amount:
            assert account.spent + account.held + decision.amount <= limit


@given(st.lists(stands, min_size=2, max_size=5), asks)
def test_all_together_allow_what_the_tightest_allows_alone(every: list[Stand], wanted: Ask) -> None:
    """Where nothing is held, each account would alone admit at least as much."""
    free = [Stand(Account(spent=one.account.spent), one.limit) for one in every]
    together = place(free, wanted)
    alone = [place([one], wanted) for one in free]
    if isinstance(together, Placed):
        amounts = [one.amount for one in alone if isinstance(one, Placed)]
        assert together.amount == min(amounts)
        assert len(amounts) == len(alone)
    else:
        assert isinstance(alone[together.by], Refused)
