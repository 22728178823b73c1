"""The fold that a budget is: every owner that folds the same journal and facts has the same books."""

import copy
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import DAY_MS, LOST_KEPT_MS, Books
from services.policy.budgets.entries import (
    Adjusted,
    Expired,
    Forgotten,
    Held,
    Hold,
    Lost,
    Opened,
    Released,
    ResetTold,
    Share,
)
from services.policy.budgets.resets import due, is_forgettable
from services.policy.budgets.settled import Settled
from services.policy.partitions.journal import journal

HOUR_MS = 3_600_000
NOON = 1_795_435_200_000  # 2026-11-23 12:00 UTC


def hold(request: str, amount: int = 100, *, window: int = 1, account: str = "key") -> Hold:
    return Hold(request, account, window, amount, NOON + 60_000, NOON, "tenant", "model")


def settled(request: str, cost: int, *, held: bool = True, admitted_ms: int = NOON, stored_ms: int = NOON) -> Settled:
    return Settled(request, "key", held, cost, admitted_ms, stored_ms)


def folded(*steps: Any) -> Books:
    books = Books()
    for step in steps:
        if isinstance(step, Settled):
            books.settle(step)
        else:
            books.apply(step)
    return books


def figures(books: Books) -> tuple[int, int]:
    account = books.account("key")
    return account.spent, account.held


@pytest.mark.parametrize(
    ("steps", "spent", "held"),
    [
        ([Held(hold("a"))], 0, 100),
        ([Held(hold("a")), Held(hold("b", 50))], 0, 150),
        ([Held(hold("a")), settled("a", 30)], 30, 0),
        ([Held(hold("a")), settled("a", 0)], 0, 0),
        ([Held(hold("a")), Released("a")], 0, 0),
        ([Held(hold("a")), Expired("a", NOON)], 100, 0),
        ([Held(hold("a")), Expired("a", NOON), settled("a", 30)], 30, 0),
        ([settled("a", 30, held=False)], 30, 0),
        ([settled("a", 0, held=False)], 0, 0),
        # what comes twice changes nothing
        ([Held(hold("a")), Held(hold("a"))], 0, 100),
        ([Held(hold("a")), settled("a", 30), settled("a", 30)], 30, 0),
        ([Held(hold("a")), Expired("a", NOON), Expired("a", NOON)], 100, 0),
        ([Held(hold("a")), Expired("a", NOON), settled("a", 30), settled("a", 30)], 30, 0),
        ([Held(hold("a")), Released("a"), Released("a")], 0, 0),
        # what belongs to nothing changes nothing
        ([settled("a", 30)], 0, 0),
        ([Expired("a", NOON)], 0, 0),
        ([Released("a")], 0, 0),
        # a new window begins with nothing; what was placed in the old one stays there, however it ends
        ([Held(hold("a")), settled("a", 30), Opened("key", 2, NOON, NOON + 1, "1d")], 0, 0),
        ([Held(hold("a")), Opened("key", 2, NOON, NOON + 1, "1d"), settled("a", 30)], 0, 0),
        ([Held(hold("a")), Opened("key", 2, NOON, NOON + 1, "1d"), Expired("a", NOON)], 0, 0),
        ([Held(hold("a")), Opened("key", 2, NOON, NOON + 1, "1d"), Released("a")], 0, 0),
        ([Held(hold("a")), Expired("a", NOON), Opened("key", 2, NOON, NOON + 1, "1d"), settled("a", 30)], 0, 0),
        ([Opened("key", 2, NOON, NOON + 1, "1d"), Held(hold("a", window=2)), settled("a", 30)], 30, 0),
        # a correction counts once, in its window alone, whatever is settled before or after
        ([Held(hold("a")), settled("a", 30), Adjusted("key", 1, 7, -20), Adjusted("key", 1, 7, -20)], 10, 0),
        ([Held(hold("a")), Adjusted("key", 1, 7, -20), settled("a", 30)], 10, 0),
        ([Adjusted("key", 1, 7, 50), Adjusted("key", 1, 6, 900), Adjusted("key", 1, 8, -50)], 0, 0),
        ([Opened("key", 2, NOON, NOON + 1, "1d"), Adjusted("key", 1, 7, 50)], 0, 0),
        ([Adjusted("key", 1, 7, 50), Opened("key", 2, NOON, NOON + 1, "1d")], 0, 0),
        # an end that only moves takes nothing away
        ([Held(hold("a")), settled("a", 30), Opened("key", 1, 0, NOON + 1, "1h")], 30, 0),
        # unheld costs belong to the window their request was admitted in
        ([Opened("key", 2, NOON, NOON + 1, "1d"), settled("a", 30, held=False, admitted_ms=NOON)], 30, 0),
        ([Opened("key", 2, NOON, NOON + 1, "1d"), settled("a", 30, held=False, admitted_ms=NOON - 1)], 0, 0),
    ],
)
def test_an_account_is_what_happened_to_it(steps: list[Any], spent: int, held: int) -> None:
    assert figures(folded(*steps)) == (spent, held)


MANY = Hold("a", "key", 1, 100, 0, NOON, "", "", (Share("team:t", 1), Share("provider:p", 1), Share("provider:q", 1)))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], {"key": (0, 100), "team:t": (0, 100), "provider:p": (0, 100), "provider:q": (0, 100)}),
        # only the provider that served is paid
        (
            [Settled("a", "key", True, 30, NOON, NOON, (), "p")],
            {"key": (30, 0), "team:t": (30, 0), "provider:p": (30, 0), "provider:q": (0, 0)},
        ),
        # nobody knows who was: all of them count it
        ([Expired("a", NOON)], dict.fromkeys(("key", "team:t", "provider:p", "provider:q"), (100, 0))),
        (
            [Expired("a", NOON), Settled("a", "key", True, 30, NOON, NOON, (), "q")],
            {"key": (30, 0), "team:t": (30, 0), "provider:p": (0, 0), "provider:q": (30, 0)},
        ),
        ([Released("a")], dict.fromkeys(("key", "team:t", "provider:p", "provider:q"), (0, 0))),
        # each account has windows of its own
        (
            [Opened("team:t", 2, NOON, NOON + 1, "1d"), Settled("a", "key", True, 30, NOON, NOON, (), "p")],
            {"key": (30, 0), "team:t": (0, 0), "provider:p": (30, 0)},
        ),
    ],
)
def test_a_hold_is_in_all_its_accounts_until_it_is_settled_in_all(
    steps: list[Any], expected: dict[str, tuple[int, int]]
) -> None:
    books = folded(Held(MANY), *steps)
    assert {name: (books.account(name).spent, books.account(name).held) for name in expected} == expected


def test_what_is_spent_without_a_hold_counts_in_each_account_whose_window_it_was_admitted_in() -> None:
    books = folded(Opened("team:t", 2, NOON, NOON + 1, "1d"))
    books.settle(Settled("a", "key", False, 30, NOON - 1, NOON, ("team:t", "organization:o")))
    assert {name: account.spent for name, account in books.accounts.items()} == {
        "team:t": 0,
        "key": 30,
        "organization:o": 30,
    }


def test_a_settlement_says_whether_it_changed_anything() -> None:
    books = folded(Held(hold("a")))
    assert books.settle(settled("a", 30))
    assert not books.settle(settled("a", 30))
    assert not books.settle(settled("b", 0, held=False))


def test_a_loss_is_corrected_by_what_is_stored_within_a_week_whenever_that_is_read() -> None:
    lost = [Held(hold("a")), Expired("a", NOON)]
    assert figures(folded(*lost, settled("a", 30, stored_ms=NOON + LOST_KEPT_MS))) == (30, 0)
    assert figures(folded(*lost, settled("a", 30, stored_ms=NOON + LOST_KEPT_MS + 1))) == (100, 0)


def test_losses_are_forgotten_only_when_no_fact_could_correct_them_any_more() -> None:
    books = folded(Held(hold("a")), Expired("a", NOON))
    books.forget_old_losses(NOON + LOST_KEPT_MS + DAY_MS)
    assert books.lost
    books.forget_old_losses(NOON + LOST_KEPT_MS + DAY_MS + 1)
    assert not books.lost
    assert figures(books) == (100, 0)


def test_a_loss_knows_that_its_fact_is_stored() -> None:
    books = folded(Held(hold("a")), Expired("a", NOON))
    assert not books.lost["a"].told
    books.told("a")
    books.told("of nobody")
    assert books.lost == {"a": Lost(hold("a"), NOON, told=True)}


def test_overdue_are_the_holds_whose_time_has_come() -> None:
    books = folded(Held(hold("a")))
    assert books.overdue(NOON + 59_999) == []
    assert books.overdue(NOON + 60_000) == [hold("a")]


COUNTED = ("key", "team:t")
"""Those that count what is spent without a hold, too."""

OTHERS = {
    "end_user:e": "30m",
    "team:t": "1d",
    "team@1h:t": "1h",
    "user:u": "5h rolling",
    "provider:p": "30m",
    "provider:q": "",
}
"""The accounts besides the key's that each request is counted in, and how their windows follow each other."""


@pytest.mark.parametrize("late", ["before", "after", "never"])
def test_an_end_that_comes_after_spend_was_set_gives_nothing_back_of_what_was_set(late: str) -> None:
    """Else what was set to 0 would be less than nothing, and more could be spent than the limit."""
    end = settled("a", 5)
    held = Hold("a", "key", 1, 30, NOON + 60_000, NOON, "tenant", "model", (Share("team:t", 1),))
    entries: list[Any] = [Held(held), Expired("a", NOON)]
    books = Books()
    for entry in entries:
        books.apply(entry)
    if late == "before":
        books.settle(end)
    entries.append(Adjusted("key", 1, 7, -books.account("key").spent, tuple(books.lost)))
    books.apply(entries[-1])
    if late == "after":
        books.settle(end)
    assert books.account("key").spent == 0
    assert books.account("team:t").spent == (30 if late == "never" else 5)
    replayed = Books()
    for entry in entries:
        replayed.apply(entry)
    if late != "never":
        replayed.settle(end)
    assert replayed.accounts == books.accounts


class Life:
    """An owner as it lives, and beside it what the journal and the stream of facts have of that.

    `expected` is figured out from the requests alone, another way than the books do.
    """

    def __init__(self) -> None:
        self.books = Books()
        self.journal: list[bytes] = []
        self.facts: list[Settled | str] = []  # the seq is the index and one; a str tells of a loss
        self.now_ms = NOON
        self.duration = "1h"
        self.anchor = NOON / 1000
        self.requests: dict[str, dict[str, Any]] = {}
        self.corrections: list[Adjusted] = []
        self.group: list[bytes] = []

    def write(self, entry: Any) -> None:
        self.books.apply(entry)
        self.group.append(journal.encode_entry(entry))

    def commit(self) -> None:
        if self.group:
            self.journal.append(journal.encode_group("test", self.now_ms, self.group))
            self.group = []

    def admit(self, amount: int, *, held: bool) -> None:
        """As policy does: the windows first; then a hold, or, without a budget, nothing."""
        for account, pattern in self.patterns().items():
            opened = due(account, self.books.account(account), pattern, self.anchor, self.now_ms)
            if opened is not None:
                self.write(opened)
        windows = {account: self.books.account(account).window for account in self.patterns()}
        name = f"r{len(self.requests)}"
        admitted_ms = max(self.now_ms, *[self.books.account(account).starts_ms for account in COUNTED])
        if held:
            also = tuple(Share(account, windows[account]) for account in windows if account != "key")
            self.write(Held(Hold(name, "key", windows["key"], amount, 0, admitted_ms, "", "", also)))
        self.requests[name] = {
            "amount": amount,
            "held": held,
            "windows": windows,
            "admitted_ms": admitted_ms,
            "state": "open",
            "provider": "pq"[len(self.requests) % 2],
        }

    def patterns(self) -> dict[str, str]:
        return {"key": self.duration, **OTHERS}

    def finish(self, name: str, cost: int) -> None:
        request = self.requests[name]
        if request["state"] in ("released", "finished"):
            return
        request |= {"state": "finished", "cost": min(cost, request["amount"])}
        also = () if request["held"] else COUNTED[1:]
        end = (name, "key", request["held"], request["cost"], request["admitted_ms"], self.now_ms)
        self.facts.append(Settled(*end, also, request["provider"]))

    def correct(self, to: int) -> None:
        """Set what the key has spent, as far as it is known by now."""
        account = self.books.account("key")
        settles = tuple(name for name, lost in self.books.lost.items() if lost.hold.window == account.window)
        made = Adjusted("key", account.window, len(self.corrections) + 1, to - account.spent, settles)
        self.corrections.append(made)
        for name in settles:
            self.requests[name]["settled_at_its_hold"] = True
        self.write(made)

    def sweep(self) -> None:
        """As policy does beside the requests: forget who is gone, open what is due, and note what is told."""
        for name, account in list(self.books.accounts.items()):
            if is_forgettable(name, account, None, self.now_ms):
                self.write(Forgotten(name))
            elif account.ends_ms and self.now_ms >= account.ends_ms:
                opened = due(name, account, self.patterns().get(name, ""), self.anchor, self.now_ms)
                if opened is not None and "rolling" not in opened.duration:
                    self.write(opened)
        for key in list(self.books.resets)[:1]:
            self.write(ResetTold(key))

    def repeat(self, name: str) -> None:
        again = [fact for fact in self.facts if isinstance(fact, Settled) and fact.request == name and fact.held]
        self.facts += again[:1]

    def expire(self, name: str) -> None:
        if name in self.books.holds:
            self.write(Expired(name, self.now_ms))
            self.requests[name]["expired"] = True
            self.facts.append(name)

    def release(self, name: str) -> None:
        if self.requests[name]["state"] == "open" and name in self.books.holds:
            self.write(Released(name))
            self.requests[name]["state"] = "released"

    def read(self, count: int) -> None:
        for seq in range(self.books.facts_seq + 1, min(self.books.facts_seq + count, len(self.facts)) + 1):
            fold(self.books, self.facts[seq - 1])
            self.books.facts_seq = seq

    def snapshot(self) -> None:
        self.group = []  # the books have them
        self.journal += journal.encode_snapshot("test", self.now_ms, self.books, bytes_max=300)

    def half_a_snapshot(self) -> None:
        """The owner died between two parts; what it had not stored is lost with it, so it is stored first."""
        self.commit()
        self.journal += journal.encode_snapshot("test", self.now_ms, self.books, bytes_max=1)[:-1]

    def replayed(self) -> Books:
        replay = journal.Replay()
        for message in self.journal:
            replay.add(journal.decode(message))
        for seq, fact in enumerate(self.facts, start=1):
            if seq > replay.books.facts_seq:
                fold(replay.books, fact)
                replay.books.facts_seq = seq
        return replay.books

    def expected(self, account: str) -> tuple[int, int]:
        """What the present window has spent and holds, every fact known."""
        spent = held = 0
        window = self.books.account(account).window
        spent += sum(one.by for one in self.corrections if (one.account, one.window) == (account, window))
        for request in self.requests.values():
            if request["windows"][account] != window or request["state"] == "released":
                continue
            if not request["held"] and account not in COUNTED:
                continue
            if account == "key" and request.get("settled_at_its_hold"):
                spent += request["amount"]
            elif request["state"] == "finished":
                unpaid = account.startswith("provider:") and not account.endswith(request["provider"])
                spent += 0 if unpaid else request["cost"]
            elif request.get("expired"):
                spent += request["amount"]
            elif request["held"]:
                held += request["amount"]
        return spent, held


def fold(books: Books, fact: Settled | str) -> None:
    if isinstance(fact, Settled):
        books.settle(fact)
    else:
        books.told(fact)


def known(books: Books) -> tuple[Any, ...]:
    """All that is in the books; an account nobody used is none."""
    accounts = {name: account for name, account in books.accounts.items() if account != Account()}
    return accounts, books.holds, books.lost, books.resets


numbers = st.integers(0, 30)
steps = st.one_of(
    st.tuples(st.just("admit"), st.integers(0, 1_000), st.booleans()),
    st.tuples(st.just("finish"), numbers, st.integers(0, 1_000)),
    st.tuples(st.just("repeat"), numbers),
    st.tuples(st.just("expire"), numbers),
    st.tuples(st.just("release"), numbers),
    st.tuples(st.just("read"), st.integers(1, 5)),
    st.tuples(st.just("correct"), st.integers(0, 1_000)),
    st.tuples(st.just("pass"), st.sampled_from([1, 60_000, 20 * 60_000, HOUR_MS, 25 * HOUR_MS, -1_000])),
    st.tuples(st.just("duration"), st.sampled_from(["", "1h", "30m", "1d", "7d"])),
    st.tuples(st.just("commit")),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("half_a_snapshot")),
    st.tuples(st.just("sweep")),
)


def lived(script: list[tuple[Any, ...]]) -> Life:
    life = Life()
    for action, *arguments in script:
        match action:
            case "admit":
                life.admit(arguments[0], held=arguments[1])
            case "pass":
                life.now_ms += arguments[0]
            case "duration":
                if arguments[0] != life.duration:
                    life.duration, life.anchor = arguments[0], life.now_ms / 1000
            case "read":
                life.read(arguments[0])
            case "correct":
                life.correct(arguments[0])
            case "commit" | "snapshot" | "half_a_snapshot" | "sweep":
                getattr(life, action)()
            case _:
                name = f"r{arguments[0]}"
                if name in life.requests:
                    getattr(life, action)(name, *arguments[1:])
    life.commit()
    return life


WIDENED = [
    *[("admit", 10, False), ("finish", 0, 10), ("read", 1), ("pass", 25 * HOUR_MS), ("duration", "7d")],
    *[("admit", 10, True), ("commit",)],
]
"""A day's budget is made a week's after the day has ended: the week began before it."""


@example(WIDENED)
@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=60))
def test_the_journal_and_then_the_facts_give_the_books_of_the_owner_that_lived_through_them(
    script: list[tuple[Any, ...]],
) -> None:
    life = lived(script)
    life.read(len(life.facts))
    assert known(life.replayed()) == known(life.books)


@example(WIDENED)
@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=60))
def test_no_money_appears_and_none_is_lost(script: list[tuple[Any, ...]]) -> None:
    life = lived(script)
    life.read(len(life.facts))
    for name in life.patterns():
        account = life.books.account(name)
        assert (account.spent, account.held) == life.expected(name), name


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=40), st.integers(0, 40))
def test_reading_the_same_facts_again_changes_nothing_that_was_held(script: list[tuple[Any, ...]], back: int) -> None:
    life = lived(script)
    life.read(len(life.facts))
    before = copy.deepcopy(known(life.books))
    for fact in life.facts[-back:]:
        if isinstance(fact, str) or fact.held:
            fold(life.books, fact)
    assert known(life.books) == before
