"""Loans as a fold: however messages are lost, doubled and late, home never believes a borrower has less than it has."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Held, Hold, Opened, Released, Share
from services.policy.budgets.loans import (
    Assumed,
    Borrowed,
    Lent,
    Repaid,
    Returned,
    amount_to_lend,
    idle,
    usable,
)
from services.policy.budgets.settled import Settled

LIMIT = 1_000


def folded(*entries: Any) -> Books:
    books = Books()
    for entry in entries:
        books.apply(entry)
    return books


def figures(books: Books) -> tuple[int, int]:
    account = books.account("a")
    return account.spent, account.held


LENT = Lent("a", 1, 7, 100)
REPORT = Repaid("a", 1, 7, 1, 20, 50)


@pytest.mark.parametrize(
    ("entries", "spent", "held"),
    [
        ([LENT], 0, 100),
        ([LENT, LENT, Lent("a", 1, 7, 60)], 0, 100),
        ([LENT, Lent("a", 1, 8, 50)], 0, 150),
        ([LENT, REPORT], 50, 30),
        ([LENT, REPORT, REPORT], 50, 30),
        ([LENT, Repaid("a", 1, 7, 2, 60, 40), REPORT], 40, 0),
        # it cost more than it could
        ([LENT, Repaid("a", 1, 7, 1, 0, 130)], 130, 0),
        # nobody hears of it; then somebody does
        ([LENT, Assumed("a", 1, 7)], 100, 0),
        ([LENT, REPORT, Assumed("a", 1, 7)], 80, 0),
        ([LENT, REPORT, Assumed("a", 1, 7), REPORT], 50, 30),
        # an old window is gone with all that was lent in it
        ([LENT, Opened("a", 2, 5, 9, "1d")], 0, 0),
        ([LENT, Opened("a", 2, 5, 9, "1d"), REPORT, Assumed("a", 1, 7)], 0, 0),
        ([LENT, Opened("a", 2, 5, 9, "1d"), Lent("a", 2, 7, 10)], 0, 10),
        ([LENT, Opened("a", 1, 0, 9, "1d"), REPORT], 50, 30),
    ],
)
def test_what_is_lent_counts_until_it_is_returned(entries: list[Any], spent: int, held: int) -> None:
    assert figures(folded(*entries)) == (spent, held)


def test_a_borrower_has_what_it_was_lent_and_has_not_returned() -> None:
    borrowed = Borrowed("a", 3, 5, 100, 0, 900, "1d")
    books = folded(borrowed, Held(Hold("r", "k", 1, 30, 0, 0, "", "", (Share("a", 3),))))
    account, credit = books.account("a"), books.credits["a"]
    assert usable(account, credit, "1d", 899) == idle(account, credit) == 70
    assert usable(account, credit, "1d", 900) == usable(account, credit, "7d", 0) == 0
    assert usable(Account(), None, "1d", 0) == 0
    books.apply(Returned("a", 3, 1, 70, 0))
    assert usable(account, credit, "1d", 0) == 0
    books.settle(Settled("r", "k", True, 10, 0, 0))
    assert usable(account, credit, "1d", 0) == 20
    books.apply(Borrowed("a", 4, 5, 50, 900, 1_800, "1d"))
    assert (account.spent, account.held, books.credits["a"].limit) == (0, 0, 50)
    books.apply(borrowed)
    assert books.credits["a"].window == 4


@pytest.mark.parametrize(
    ("free", "need", "want", "lent"),
    [(10_000, 10, 320, 320), (3_000, 10, 320, 196), (170, 10, 320, 20), (169, 10, 320, 10), (10, 10, 320, 10)],
)
def test_close_to_the_limit_no_more_is_lent_than_is_needed(free: int, need: int, want: int, lent: int) -> None:
    assert amount_to_lend(free, need, want) == lent


class Two:
    """A home and its borrowers, and the messages between them: lost, doubled, and in any order."""

    def __init__(self) -> None:
        self.home = Books()
        self.borrowers = {number: Books() for number in (1, 2, 3)}
        self.messages: list[tuple[int, Any]] = []
        self.requests = 0

    def lend(self, to: int, amount: int) -> None:
        account = self.home.account("a")
        amount = min(amount, LIMIT - account.spent - account.held)
        if amount <= 0:
            return
        loan = self.home.loans.get("a", {}).get(to)
        entry = Lent("a", account.window, to, amount + (loan.lent if loan is not None else 0))
        self.home.apply(entry)
        self.messages.append((to, Borrowed("a", account.window, 0, entry.lent, account.starts_ms, account.ends_ms, "")))

    def hear(self, index: int) -> None:
        if self.messages:
            to, entry = self.messages[index % len(self.messages)]
            (self.home if isinstance(entry, Repaid) else self.borrowers[to]).apply(entry)

    def hold(self, at: int, amount: int) -> None:
        books = self.borrowers[at]
        account, credit = books.account("a"), books.credits.get("a")
        if amount <= usable(account, credit, "", 0):
            self.requests += 1
            share = Share("a", account.window)
            books.apply(Held(Hold(f"r{self.requests}", "k", 1, amount, 0, 0, "", "", (share,))))

    def end(self, at: int, percent: int) -> None:
        books = self.borrowers[at]
        for request, hold in list(books.holds.items())[:1]:
            if percent == 0:
                books.apply(Released(request))
            else:
                books.settle(Settled(request, "k", True, hold.amount * percent // 100, 0, 0))

    def give_back(self, at: int) -> None:
        books = self.borrowers[at]
        credit = books.credits.get("a")
        if credit is None:
            return
        account = books.account("a")
        returned = credit.returned + idle(account, credit)
        books.apply(Returned("a", credit.window, credit.version + 1, returned, account.spent))
        self.messages.append((0, Repaid("a", credit.window, at, credit.version, returned, account.spent)))

    def assume(self, at: int) -> None:
        if at in self.home.loans.get("a", {}):
            self.home.apply(Assumed("a", self.home.account("a").window, at))

    def reset(self) -> None:
        self.home.apply(Opened("a", self.home.account("a").window + 1, 0, 0, ""))

    def check(self) -> None:
        account = self.home.account("a")
        assert account.spent + account.held <= LIMIT
        there = 0
        for number, books in self.borrowers.items():
            mine, credit = books.account("a"), books.credits.get("a")
            if credit is None or credit.window != account.window:
                continue
            assert mine.spent + mine.held <= credit.limit
            loan = self.home.loans["a"][number]
            assert credit.limit <= loan.lent - loan.returned
            there += mine.spent + mine.held
        assert there <= account.spent + account.held


numbers = st.sampled_from([1, 2, 3])
steps = st.one_of(
    st.tuples(st.just("lend"), numbers, st.integers(1, 400)),
    st.tuples(st.just("hear"), st.integers(0, 200)),
    st.tuples(st.just("hold"), numbers, st.integers(1, 200)),
    st.tuples(st.just("end"), numbers, st.integers(0, 100)),
    st.tuples(st.just("give_back"), numbers),
    st.tuples(st.just("assume"), numbers),
    st.tuples(st.just("reset")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=80))
def test_no_order_of_messages_lets_all_together_pass_the_limit(script: list[tuple[Any, ...]]) -> None:
    two = Two()
    for action, *arguments in script:
        getattr(two, action)(*arguments)
        two.check()
