"""Each window that ends is told of once, whoever owns the budget by then; and end users who are gone are forgotten."""

import asyncio
from typing import Any

import pytest

from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Placed
from services.policy.budgets.entries import Forgotten, ResetTold
from services.policy.budgets.entries import Opened as Began
from services.policy.budgets.resets import KEPT_AFTER_MS
from services.policy.budgets.tree import TreeRules
from services.policy.partitions.journal.journal_reader import read_journal
from services.policy.partitions.partition import Partition
from services.policy.thresholds.terms import Directory
from services.policy.windows.keeper import WindowKeeper
from shared import subjects
from shared.bus import Bus, NotStored, Outbox, read
from shared.bus.acknowledgement import Then
from shared.facts import BudgetReset
from shared.facts.registry import decode_fact
from shared.identity.holders import Holder, Window, entry_name, home_of
from tests import budgets
from tests.budgets import Opened, cost, decided, deciding, entries_of, finish, key_of_budget, opened, until, wanted
from tests.loans import PARTITIONS, charges_under, key_at, partitions

BEGAN = 1_795_415_200.0
MINUTE = {"budget_duration": "1m", "budget_anchor": BEGAN}
KEY = key_of_budget(10_000, team_id="core", **MINUTE)
RULES = TreeRules(partitions=1)


def holder(kind: Any, holder_id: str, *windows: Window, **fields: Any) -> Holder:
    values = {"version": 1, "tenant": home_of(kind, holder_id), "created_at": 0.0, "updated_at": 0.0}
    return Holder(kind=kind, id=holder_id, budgets=windows, **{**values, **fields})


TEAM = holder("team", "core", Window(5_000, "2m", BEGAN), alias="Core", tenant="key")
EVE = holder("end_user", "eve", Window(5_000, "1m", BEGAN), tenant="key")
HOLDERS = {entry_name(one.kind, one.id): one for one in (TEAM, EVE)}


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


def keeper_of(bus: Bus, owner: Opened, clock: Clock) -> WindowKeeper:
    return WindowKeeper(bus, Outbox(bus), Directory(owner.keys, HOLDERS, RULES), clock=clock)


async def spend(bus: Bus, owner: Opened, clock: Clock, pico: int, *, ends: bool = True) -> None:
    charges = charges_under(None, rules=RULES, holders=HOLDERS, end_user="eve")
    request = wanted(KEY, cost(pico), now=clock(), charges=charges)
    assert isinstance(await decided(owner.partition, request), Placed)
    if ends:
        await finish(bus, request.request, pico)
        await until(lambda: request.request not in owner.books.holds)


async def resets(bus: Bus) -> list[BudgetReset]:
    found = await read(bus, subjects.FACTS, subject="evt.budget.reset.>", at_most=None)
    facts = [decode_fact(message.data) for message in found]
    return [fact for fact in facts if isinstance(fact, BudgetReset)]


async def test_each_window_that_ended_is_told_of_once_with_what_was_spent_in_it(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        keeper = keeper_of(bus, owner, clock)
        await spend(bus, owner, clock, 300)
        await spend(bus, owner, clock, 50, ends=False)
        await keeper.look(owner.partition)
        assert await resets(bus) == []
        clock.now += 60
        await spend(bus, owner, clock, 7)
        for _ in range(2):
            await keeper.look(owner.partition)
        facts = {fact.account: fact for fact in await resets(bus)}
        assert set(facts) == {"key", "end_user:eve"}
        of_key = facts["key"]
        assert (of_key.spend_pico, of_key.held_pico, of_key.limit_pico) == (300, 50, 10_000)
        boundary = int(BEGAN // 60 * 60 + 60) * 1000
        assert (of_key.window, of_key.window_end_ms, of_key.duration) == (1, boundary, "1m")
        assert (of_key.holder_kind, of_key.holder, of_key.team_id, of_key.tenant) == ("key", "key", "core", "key")
        assert owner.books.resets == {}
    async with opened(bus, KEY, clock=clock) as owner:
        await keeper_of(bus, owner, clock).look(owner.partition)
    assert len(await resets(bus)) == 2


async def test_a_window_that_ends_while_nobody_asks_is_told_of_at_its_end(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        keeper = keeper_of(bus, owner, clock)
        await spend(bus, owner, clock, 300)
        clock.now += 121
        await keeper.look(owner.partition)
        told = sorted(
            (fact.holder_kind, fact.window_end_ms - int(BEGAN // 60 * 60) * 1000) for fact in await resets(bus)
        )
        assert told == [("end_user", 60_000), ("key", 60_000), ("team", 120_000)]
        assert [owner.partition.standing(name).spent for name in ("key", "team:core")] == [0, 0]
        await spend(bus, owner, clock, 1_000)
        assert owner.partition.standing("key").window == 2


async def test_a_window_whose_duration_is_taken_away_ends_no_more_and_keeps_what_is_spent(bus: Bus) -> None:
    clock = Clock()
    holders = dict(HOLDERS)
    charges = charges_under(None, rules=RULES, holders=holders)
    async with opened(bus, KEY, clock=clock) as owner:
        keeper = WindowKeeper(bus, Outbox(bus), Directory(owner.keys, holders, RULES), clock=clock)
        await spend(bus, owner, clock, 300)
        holders[entry_name("team", "core")] = holder("team", "core", tenant="key")
        clock.now += 121
        await keeper.look(owner.partition)
        await finish(bus, "unheld", 50, held=False, team_id="core", admitted_ms=int(clock.now * 1000))
        await until(lambda: owner.partition.standing("team:core").spent == 350)
        assert owner.partition.standing("team:core").ends_ms == 0
        clock.now += 600
        await keeper.look(owner.partition)
        holders[entry_name("team", "core")] = holder("team", "core", Window(500, "2m", clock.now), tenant="key")
        over = wanted(KEY, cost(151), now=clock(), charges=charges)
        assert not isinstance(await decided(owner.partition, over), Placed)
        fits = wanted(KEY, cost(150), now=clock(), charges=charges)
        assert isinstance(await decided(owner.partition, fits), Placed)
        told = [fact.account for fact in await resets(bus)]
    assert set(told) == {"end_user:eve", "key"}, "the team's is not over"


async def test_a_clock_that_goes_back_opens_no_window_a_second_time(bus: Bus) -> None:
    """Holds in flight over the boundary count in the window they were placed in, whatever the clock says later."""
    clock = Clock()
    key = key_of_budget(100, **MINUTE)

    async def ask(owner: Opened, pico: int, request: str) -> bool:
        said = deciding(owner.partition, wanted(key, cost(pico), now=clock(), request=request, lasts_s=600))
        owner.partition.tick(int(clock() * 1000))  # who may not wait is refused
        return isinstance(await asyncio.wait_for(said, 5), Placed)

    async with opened(bus, key, clock=clock) as owner:
        assert await ask(owner, 100, "over-the-boundary")
        clock.now = (BEGAN // 60 + 1) * 60 - 0.001
        assert not await ask(owner, 1, "too-much")
        clock.now += 0.001
        assert await ask(owner, 60, "next")
        assert (owner.figures(), owner.partition.standing("key").window) == ((0, 60), 2)
        clock.now -= 30
        assert not await ask(owner, 41, "back")
        assert await ask(owner, 40, "fits")
        await finish(bus, "over-the-boundary", 90)
        await finish(bus, "next", 55)
        await until(lambda: owner.figures() == (55, 40))
        assert owner.partition.standing("key").window == 2
        clock.now += 89.999
        assert not await ask(owner, 6, "still")
        clock.now += 0.001
        assert await ask(owner, 100, "third")
    opened_windows = [entry.window for entry in await entries_of(bus) if isinstance(entry, Began)]
    assert opened_windows == [1, 2, 3]


async def test_nothing_is_told_that_the_journal_does_not_have(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns the partition next might close the window with other figures: what was told would be wrong."""
    clock, writes = Clock(), list[Then]()
    real = bus.store_then

    def never_stored(subject: str, payload: bytes, then: Then, **options: Any) -> None:
        if not subject.startswith("journal."):
            real(subject, payload, then, **options)
            return
        writes.append(then)

    async with opened(bus, KEY, clock=clock) as owner:
        await spend(bus, owner, clock, 300)
        await owner.partition.finished()
        clock.now += 60
        monkeypatch.setattr(bus, "store_then", never_stored)
        looking = asyncio.create_task(keeper_of(bus, owner, clock).look(owner.partition))
        await until(lambda: writes)
        await asyncio.sleep(0.1)
        assert owner.books.resets
        assert await resets(bus) == []
        writes[0](NotStored("the server is away"))
        await looking
        assert await resets(bus) == []


async def test_what_a_dead_owner_had_told_is_not_told_again_and_the_rest_is(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died between the fact and the entry that says so; the stream does not drop repetitions any more."""
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        await spend(bus, owner, clock, 300)
        clock.now += 60
        await spend(bus, owner, clock, 7)
        with monkeypatch.context() as broken:
            broken.setattr(Partition, "note", _dies)
            with pytest.raises(TimeoutError):
                await keeper_of(bus, owner, clock).look(owner.partition)
    assert len(await resets(bus)) == 2
    config = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["config"]
    await bus.api(f"STREAM.UPDATE.{subjects.FACTS}", {**config, "duplicate_window": 100_000_000})
    await asyncio.sleep(0.3)
    async with opened(bus, KEY, clock=clock) as owner:
        assert len(owner.books.resets) == 2
        await keeper_of(bus, owner, clock).look(owner.partition)
        assert owner.books.resets == {}
    assert len(await resets(bus)) == 2
    assert sum(isinstance(entry, ResetTold) for entry in await entries_of(bus)) == 2


def _dies(*_: Any, **__: Any) -> None:
    raise TimeoutError("the process is gone")


async def test_who_has_not_told_before_it_died_is_told_for_by_its_successor(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock, snapshot_every_groups=1) as owner:
        await spend(bus, owner, clock, 300)
        clock.now += 60
        await spend(bus, owner, clock, 7)
    async with opened(bus, KEY, clock=clock) as owner:
        await keeper_of(bus, owner, clock).look(owner.partition)
    assert sorted(fact.spend_pico for fact in await resets(bus)) == [300, 300]


async def test_an_end_user_who_is_gone_is_forgotten_and_comes_back_with_a_new_window(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        keeper = keeper_of(bus, owner, clock)
        await spend(bus, owner, clock, 300)
        first = owner.partition.standing("end_user:eve").window
        for _ in range(4):
            clock.now += 60 + KEPT_AFTER_MS / 1000
            await keeper.look(owner.partition)
        assert "end_user:eve" not in owner.books.accounts
        assert "key" in owner.books.accounts
        await spend(bus, owner, clock, 5_000 - 7)
        again = owner.partition.standing("end_user:eve")
        assert (again.spent, again.window > first) == (4_993, True)
        books = owner.books
    assert sum(isinstance(entry, Forgotten) for entry in await entries_of(bus)) == 1
    assert await replayed(bus) == books
    assert len([fact for fact in await resets(bus) if fact.holder_kind == "end_user"]) == 1


async def replayed(bus: Bus) -> Books:
    async with opened(bus, KEY) as owner:
        return owner.books


async def test_what_was_borrowed_of_a_gone_end_user_is_forgotten_at_both_ends(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    eve = holder("end_user", "eve", Window(5_000, "1m", BEGAN))
    holders = {entry_name("end_user", "eve"): eve}
    home = subjects.partition_of(eve.tenant, PARTITIONS)
    number = (home + 1) % PARTITIONS
    key = key_at(number)
    monkeypatch.setattr(budgets, "_keys", {key.token: key})
    rules = TreeRules(PARTITIONS)
    charges = charges_under(None, rules=rules, holders=holders, end_user="eve")
    async with partitions(bus, clock=clock) as owners:
        keeper = WindowKeeper(bus, Outbox(bus), Directory({key.token: key}, holders, rules), clock=clock)

        async def spend_there(pico: int) -> None:
            request = wanted(key, cost(pico), now=clock(), charges=charges, waits_s=10)
            assert isinstance(await decided(owners[number], request), Placed)
            await finish(bus, request.request, pico, key=key.token, partition=number)
            await until(lambda: owners.figures(home, "end_user:eve")[0] == pico, 10)

        await spend_there(300)
        for _ in range(4):
            clock.now += 60 + KEPT_AFTER_MS / 1000
            await asyncio.sleep(0.3)  # the borrower ticks: what it did not need goes back
            for one in (home, number):
                await keeper.look(owners[one])
        assert [name for one in (home, number) for name in owners[one].books.accounts if "eve" in name] == []
        assert owners[home].books.loans == {}
        assert owners[number].books.credits == {}
        await spend_there(4_000)
        assert (await read_journal(bus, number)).books.credits.keys() == {"end_user:eve"}
