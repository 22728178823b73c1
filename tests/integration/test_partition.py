"""A partition on a real nats-server: what is decided, what its journal has of it, and who is told."""

import asyncio
import contextlib
import random
import time

import pytest

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import NOTHING, Ask, Placed, Standing
from services.policy.budgets.entries import Held
from services.policy.budgets.settled import Settled
from services.policy.partitions import partition
from services.policy.partitions.decision import Answer
from services.policy.partitions.journal import journal_writer
from services.policy.partitions.journal.journal_reader import ReadJournal, read_journal
from services.policy.partitions.partition import Partition
from services.policy.partitions.queues import money_queue
from services.policy.partitions.undispatched import Undispatched
from shared.bus import Bus
from tests.budgets import (
    charges_of,
    cost,
    decided,
    deciding,
    entries_of,
    finish,
    key_of_budget,
    messages_of,
    opened,
    until,
    wanted,
)

KEY = key_of_budget(1_000)


async def test_sixty_four_deciders_are_admitted_exactly_what_a_tight_budget_covers(bus: Bus) -> None:
    chance = random.Random(4)
    key = key_of_budget(10_000)
    spent: list[int] = []
    async with opened(bus, key) as owner:

        async def decider() -> None:
            for _ in range(8):
                ask = cost(chance.randint(50, 150))
                request = wanted(key, ask, waits_s=30)
                answer = await decided(owner.partition, request)
                account = owner.books.account("key")
                assert account.spent + account.held <= 10_000
                if isinstance(answer, Placed):
                    spent.append(chance.randint(0, answer.amount))
                    await finish(bus, request.request, spent[-1])
                else:
                    assert isinstance(answer, Standing)
                    assert answer.spent + ask.input_pico > 10_000, "it was refused what fits"

        await asyncio.gather(*[decider() for _ in range(64)])
        await until(lambda: not owner.books.holds)
        assert owner.figures() == (sum(spent), 0)
    assert 10_000 - 150 < sum(spent) <= 10_000


async def test_what_does_not_fit_beside_the_holds_waits_and_is_refused_in_the_end(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        answers = [deciding(owner.partition, wanted(KEY, cost(100), waits_s=5)) for _ in range(64)]
        await until(lambda: sum(answer.done() for answer in answers) == 10)
        owner.tick(in_s=4)
        assert sum(answer.done() for answer in answers) == 10
        owner.tick(in_s=6)
        refused = {answer.result() for answer in answers[10:]}
        assert refused == {Standing(spent=0, held=1_000, limit=1_000, ends_ms=0, only_holds=True)}
        assert not owner.partition.has_waiting


async def test_an_answer_is_shortened_to_what_is_left_once_nothing_else_is_held(bus: Bus) -> None:
    long = Ask(100, 10, 1_000, 1, True)
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(400))
        await decided(owner.partition, first)
        waits = deciding(owner.partition, wanted(KEY, long, waits_s=30))
        await asyncio.sleep(0.05)
        assert not waits.done()
        await finish(bus, first.request, 150)
        assert await waits == Placed(100 + 10 * 75, 75)


async def test_decisions_made_together_are_stored_together(bus: Bus) -> None:
    key = key_of_budget(10**9)
    async with opened(bus, key) as owner:
        answers = await asyncio.gather(*[decided(owner.partition, wanted(key, cost(1))) for _ in range(500)])
        assert all(isinstance(answer, Placed) for answer in answers)
    assert len(await messages_of(bus)) <= 3
    assert len(await entries_of(bus)) == 500


async def test_no_group_is_larger_than_a_server_takes(bus: Bus) -> None:
    key = key_of_budget(10**9, tenant="t" * 500)
    async with opened(bus, key) as owner:
        answers = await asyncio.gather(*[decided(owner.partition, wanted(key, cost(1))) for _ in range(2_500)])
        assert all(isinstance(answer, Placed) for answer in answers)
    assert len(await messages_of(bus)) >= 3
    assert len(await entries_of(bus)) == 2_500


async def test_a_decision_is_answered_only_after_the_journal_has_it(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(1))
        stored_then: list[bool] = []

        def done(answer: Answer) -> None:
            stored_then.append(isinstance(answer, Placed))

        owner.partition.decide(request, done)
        assert not stored_then
        await until(lambda: stored_then == [True])
        assert [entry.hold.request for entry in await entries_of(bus) if isinstance(entry, Held)] == [request.request]


async def test_a_callback_that_fails_stops_nobody_else(bus: Bus) -> None:
    def fails(answer: Answer) -> None:
        raise RuntimeError("on purpose")

    async with opened(bus, KEY) as owner:
        owner.partition.decide(wanted(KEY, cost(1)), fails)
        owner.partition.decide(wanted(key_of_budget(0), cost(1)), fails)
        assert await decided(owner.partition, wanted(KEY, cost(1))) == Placed(1, None)
        assert await decided(owner.partition, wanted(KEY, cost(1))) == Placed(1, None)


async def test_a_request_is_not_held_twice(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(100))
        assert await decided(owner.partition, request) == Placed(100, None)
        assert await decided(owner.partition, request) is None
        assert owner.figures() == (0, 100)


async def test_more_decisions_than_can_be_stored_are_not_taken(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "BACKLOG_MAX", 10)
    async with opened(bus, KEY) as owner:
        answers = await asyncio.gather(*[decided(owner.partition, wanted(KEY, cost(1))) for _ in range(30)])
        assert answers == [Placed(1, None)] * 10 + [None] * 20
        assert await decided(owner.partition, wanted(KEY, cost(1))) == Placed(1, None)


async def test_a_key_in_the_way_of_nobody_is_not_kept_waiting_by_others(bus: Bus) -> None:
    other = key_of_budget(1_000, token="other")
    async with opened(bus, KEY, other) as owner:
        await decided(owner.partition, wanted(KEY, cost(1_000)))
        waits = deciding(owner.partition, wanted(KEY, cost(1), waits_s=30))
        assert await decided(owner.partition, wanted(other, cost(1_000))) == Placed(1_000, None)
        assert not waits.done()
    assert await waits is None


# Waiting


async def test_those_who_wait_are_served_in_order_as_soon_as_money_is_free(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first, second = wanted(KEY, cost(600)), wanted(KEY, cost(400))
        await decided(owner.partition, first)
        await decided(owner.partition, second)
        order: list[str] = []
        waiting = [wanted(KEY, cost(size), waits_s=30) for size in (500, 100, 400)]
        for request in waiting:
            owner.partition.decide(request, lambda answer, name=request.request: order.append(name))
        await finish(bus, second.request, 0)  # 400 are free: the one that came first needs more
        await asyncio.sleep(0.2)
        assert order == []
        await finish(bus, first.request, 0)
        await until(lambda: len(order) == 3)
        assert order == [request.request for request in waiting]


async def test_money_that_is_given_back_serves_who_waits(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(1_000))
        await decided(owner.partition, first)
        waits = deciding(owner.partition, wanted(KEY, cost(1_000), waits_s=30))
        owner.partition.release(first.request)
        assert await waits == Placed(1_000, None)


async def test_who_waits_is_refused_as_soon_as_the_money_is_spent(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(1_000))
        await decided(owner.partition, first)
        waits = deciding(owner.partition, wanted(KEY, cost(100), waits_s=30))
        await finish(bus, first.request, 950)
        assert await waits == Standing(spent=950, held=0, limit=1_000, ends_ms=0, only_holds=False)


async def test_who_may_wait_less_is_refused_before_those_in_front(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await decided(owner.partition, wanted(KEY, cost(1_000)))
        patient = deciding(owner.partition, wanted(KEY, cost(1), waits_s=30))
        hasty = deciding(owner.partition, wanted(KEY, cost(1), waits_s=1))
        owner.tick(in_s=2)
        assert hasty.done()
        assert not patient.done()


async def test_who_stood_behind_one_that_has_waited_long_enough_is_tried(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await decided(owner.partition, wanted(KEY, cost(600)))
        large, small = (deciding(owner.partition, wanted(KEY, cost(pico), waits_s=0.1)) for pico in (900, 400))
        await asyncio.sleep(0.15)
        owner.partition.tick(int(time.time() * 1000))
        assert isinstance(await large, Standing)
        assert await small == Placed(400, None)


async def test_a_budget_that_is_raised_serves_who_waits(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await decided(owner.partition, wanted(KEY, cost(1_000)))
        waits = [deciding(owner.partition, wanted(KEY, cost(1_000), waits_s=30)) for _ in range(2)]
        owner.keys["key"] = key_of_budget(2_000)
        owner.tick()
        assert await waits[0] == Placed(1_000, None)
        owner.keys["key"] = key_of_budget(None)
        owner.tick()
        assert await waits[1] == Placed(1_000, None)


async def test_a_budget_that_is_lowered_below_its_spend_refuses_who_waits(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(900))
        await decided(owner.partition, first)
        waits = deciding(owner.partition, wanted(KEY, cost(200), waits_s=30))
        owner.keys["key"] = key_of_budget(500)
        owner.tick()
        assert not waits.done(), "what is in flight may cost less"
        await finish(bus, first.request, 600)
        said = await asyncio.wait_for(waits, 5)
        assert said == Standing(spent=600, held=0, limit=500, ends_ms=0, only_holds=False)
        owner.keys["key"] = key_of_budget(0)
        assert isinstance(await decided(owner.partition, wanted(owner.keys["key"], cost(1), waits_s=30)), Standing)


async def test_a_key_that_is_deleted_meanwhile_is_not_served(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(1_000))
        await decided(owner.partition, first)
        waits = deciding(owner.partition, wanted(KEY, cost(1), waits_s=30))
        del owner.keys["key"]
        owner.partition.release(first.request)
        assert await waits is None


async def test_only_so_many_may_wait(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money_queue, "WAITING_MAX", 2)
    async with opened(bus, KEY) as owner:
        await decided(owner.partition, wanted(KEY, cost(1_000)))
        waits = [deciding(owner.partition, wanted(KEY, cost(1), waits_s=30)) for _ in range(3)]
        assert [waiting.done() for waiting in waits] == [False, False, True]
        assert waits[2].result() == Standing(spent=0, held=1_000, limit=1_000, ends_ms=0, only_holds=True)


async def test_what_costs_nothing_waits_behind_nobody(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await decided(owner.partition, wanted(KEY, cost(1_000)))
        waits = deciding(owner.partition, wanted(KEY, cost(1), waits_s=30))
        assert await decided(owner.partition, wanted(KEY, NOTHING)) == Placed(0, None)
        assert not waits.done()


# Changes of the key while holds are open


async def test_a_budget_that_is_lowered_admits_nothing_until_enough_is_free(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(800))
        await decided(owner.partition, first)
        owner.keys["key"] = lower = key_of_budget(500)
        waits = deciding(owner.partition, wanted(lower, cost(100), waits_s=30))
        assert not waits.done()
        await finish(bus, first.request, 450)
        assert await waits == Standing(spent=450, held=0, limit=500, ends_ms=0, only_holds=False)


async def test_holds_of_a_budget_that_is_removed_are_settled_all_the_same(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        first = wanted(KEY, cost(800))
        await decided(owner.partition, first)
        owner.keys["key"] = key_of_budget(None)
        await finish(bus, "unheld", 70, held=False)
        await finish(bus, first.request, 450)
        await until(lambda: owner.figures() == (520, 0))
        # and when there is a budget again, all of it counts
        answer = await decided(owner.partition, wanted(KEY, cost(500)))
        assert answer == Standing(spent=520, held=0, limit=1_000, ends_ms=0, only_holds=False)


async def test_what_an_unlimited_key_spent_counts_once_it_is_limited(bus: Bus) -> None:
    async with opened(bus) as owner:
        await finish(bus, "unheld", 950, held=False)
        await until(lambda: owner.figures() == (950, 0))
        assert isinstance(await decided(owner.partition, wanted(KEY, cost(51))), Standing)
        assert await decided(owner.partition, wanted(KEY, cost(50))) == Placed(50, None)


# Windows

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC
DAILY = key_of_budget(1_000, budget_duration="1d", budget_anchor=NOON)
MIDNIGHT = NOON + 12 * 3_600


async def test_at_its_end_a_window_begins_anew_and_open_holds_stay_in_the_old_one(bus: Bus) -> None:
    now = [MIDNIGHT - 0.001]
    async with opened(bus, DAILY, clock=lambda: now[0]) as owner:
        old = wanted(DAILY, cost(900), now=now[0])
        assert await decided(owner.partition, old) == Placed(900, None)
        waits = deciding(owner.partition, wanted(DAILY, cost(900), now=now[0], waits_s=30))
        now[0] = MIDNIGHT
        owner.partition.tick(int(MIDNIGHT * 1000))
        assert await waits == Placed(900, None)
        assert owner.figures() == (0, 900)
        assert owner.books.account("key").starts_ms == MIDNIGHT * 1000
        await finish(bus, old.request, 800)
        await until(lambda: old.request not in owner.books.holds)
        assert owner.figures() == (0, 900)
    async with opened(bus, DAILY) as successor:
        assert successor.figures() == (0, 900)


async def test_a_window_ends_at_its_end_and_not_a_moment_before(bus: Bus) -> None:
    async with opened(bus, DAILY) as owner:
        full = wanted(DAILY, cost(1_000), now=NOON)
        await decided(owner.partition, full)
        await finish(bus, full.request, 1_000)
        await until(lambda: owner.figures() == (1_000, 0))
        last = await decided(owner.partition, wanted(DAILY, cost(1), now=MIDNIGHT - 0.001))
        assert last == Standing(1_000, 0, 1_000, int(MIDNIGHT * 1000), only_holds=False)
        assert await decided(owner.partition, wanted(DAILY, cost(1), now=MIDNIGHT)) == Placed(1, None)


async def test_what_was_spent_in_a_window_that_has_ended_refuses_nothing_for_good(bus: Bus) -> None:
    async with opened(bus, DAILY) as owner:
        full = wanted(DAILY, cost(1_000), now=NOON)
        await decided(owner.partition, full)
        await finish(bus, full.request, 1_000)
        await until(lambda: owner.figures() == (1_000, 0))
        stands, charges = owner.partition.stands, charges_of(DAILY)
        refusal = stands.refusal(charges, cost(1), int((MIDNIGHT - 0.001) * 1000))
        assert refusal is not None
        assert refusal.standing == Standing(1_000, 0, 1_000, int(MIDNIGHT * 1000), only_holds=False)
        assert stands.refusal(charges, cost(1), int(MIDNIGHT * 1000)) is None


async def test_a_loss_of_the_old_window_is_corrected_there(bus: Bus) -> None:
    now = [NOON]
    async with opened(bus, DAILY, clock=lambda: now[0]) as owner:
        old = wanted(DAILY, cost(900), now=NOON, lasts_s=60)
        await decided(owner.partition, old)
        owner.partition.tick(int((NOON + 61) * 1000))
        assert owner.figures() == (900, 0)
        now[0] = MIDNIGHT
        await decided(owner.partition, wanted(DAILY, cost(100), now=MIDNIGHT))
        await finish(bus, old.request, 5)
        await until(lambda: not owner.books.lost)
        assert owner.figures() == (0, 100)


async def test_another_duration_moves_the_end_of_a_window_that_has_open_holds(bus: Bus) -> None:
    hourly = key_of_budget(1_000, budget_duration="1h", budget_anchor=NOON + 60)
    async with opened(bus, DAILY) as owner:
        held = wanted(DAILY, cost(600), now=NOON)
        await decided(owner.partition, held)
        assert await decided(owner.partition, wanted(hourly, cost(100), now=NOON + 120)) == Placed(100, None)
        assert owner.figures() == (0, 700)
        assert owner.books.account("key").ends_ms == int((NOON + 3_600) * 1000)
        assert await decided(owner.partition, wanted(hourly, cost(1_000), now=NOON + 3_600)) == Placed(1_000, None)


async def test_a_key_without_a_budget_opens_its_windows_too(bus: Bus) -> None:
    free = key_of_budget(None, budget_duration="1d", budget_anchor=NOON)
    async with opened(bus, free) as owner:
        assert owner.partition.stands.needs_window(charges_of(free), int(NOON * 1000))
        opening = wanted(free, NOTHING, now=NOON)
        assert await decided(owner.partition, opening) == Placed(0, None)
        assert not owner.partition.stands.needs_window(charges_of(free), int((MIDNIGHT - 0.001) * 1000))
        await finish(bus, opening.request, 40)
        await finish(bus, "second", 30, held=False, admitted_ms=int(NOON * 1000))
        await until(lambda: owner.figures() == (70, 0))
        assert owner.partition.stands.needs_window(charges_of(free), int(MIDNIGHT * 1000))
        await decided(owner.partition, wanted(free, NOTHING, now=MIDNIGHT))
        await finish(bus, "late", 30, held=False, admitted_ms=int(NOON * 1000))
        await finish(bus, "fresh", 20, held=False, admitted_ms=int(MIDNIGHT * 1000))
        await until(lambda: owner.figures() == (20, 0))
    async with opened(bus, free) as successor:
        assert successor.figures() == (20, 0)


# Holds that nobody settles


async def test_a_hold_that_expires_counts_as_spent_and_is_told_once(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(300), lasts_s=5)
        await decided(owner.partition, request)
        owner.tick(in_s=4)
        assert owner.figures() == (0, 300)
        owner.tick(in_s=6)
        assert owner.figures() == (300, 0)
        assert owner.lost == [], "the journal does not have it yet"
        await until(lambda: owner.lost)
        owner.tick(in_s=7)
        await asyncio.sleep(0.05)
        assert [loss.hold.request for loss in owner.lost] == [request.request]
    async with opened(bus, KEY) as successor:
        assert successor.figures() == (300, 0)
        assert [loss.hold.request for loss in successor.lost] == [request.request], "nobody knows that it was told"


async def test_a_loss_that_is_in_the_stream_is_not_told_again(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(300), lasts_s=5)
        await decided(owner.partition, request)
        owner.tick(in_s=6)
        await until(lambda: owner.lost)
        told = f'{{"request_id":"{request.request}","key":"key","partition":0,"cost_pico":300,"admitted_ms":1}}'
        await bus.store("evt.completion.lost.v1.key", told.encode())
        await until(lambda: owner.books.lost[request.request].told)
    async with opened(bus, KEY) as successor:
        assert successor.figures() == (300, 0)
        assert successor.lost == []


async def test_a_late_end_corrects_a_loss(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(300), lasts_s=5)
        await decided(owner.partition, request)
        owner.tick(in_s=6)
        await until(lambda: owner.lost)
        await finish(bus, request.request, 20)
        await until(lambda: owner.figures() == (20, 0))
    async with opened(bus, KEY) as successor:
        assert successor.figures() == (20, 0)
        assert successor.lost == []


async def test_an_end_that_comes_while_a_loss_is_being_written_is_not_told_as_lost(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(300), lasts_s=5)
        await decided(owner.partition, request)
        owner.tick(in_s=6)
        owner.partition.ends.settle(1, Settled(request.request, "key", True, 20, 0, request.now_ms))
        await owner.partition.finished()
        assert owner.figures() == (20, 0)
        assert owner.lost == []
    assert [type(entry).__name__ for entry in await entries_of(bus)] == ["Held", "Expired"]


async def test_a_loss_that_the_journal_did_not_take_is_not_told(bus: Bus) -> None:
    async with opened(bus, KEY) as zombie:
        request = wanted(KEY, cost(300), lasts_s=5)
        await decided(zombie.partition, request)
        async with opened(bus, KEY) as owner:
            await decided(owner.partition, wanted(KEY, cost(1)))
            zombie.tick(in_s=6)
            await until(lambda: not zombie.partition.open)
            assert zombie.lost == []


# Restarts


async def test_a_successor_has_the_same_books(bus: Bus) -> None:
    """Many groups, many snapshots, ends read and unread: what counts is what is stored."""
    chance = random.Random(11)
    keys = [key_of_budget(5_000, token=f"key{number}") for number in range(5)]
    async with opened(bus, *keys, snapshot_every_groups=4) as owner:
        for _ in range(40):
            requests = [wanted(chance.choice(keys), cost(chance.randint(1, 200))) for _ in range(3)]
            answers = await asyncio.gather(*[decided(owner.partition, request) for request in requests])
            for request, answer in zip(requests, answers, strict=True):
                fate = chance.random()
                if not isinstance(answer, Placed) or fate < 0.2:
                    continue
                if fate < 0.3:
                    owner.partition.release(request.request)
                else:
                    token = request.charges.must[0].account
                    await finish(bus, request.request, chance.randint(0, answer.amount), key=token)
                    if fate < 0.4:
                        await bus.store("evt.completion.finished.v1.x", b'{"poison":')
        owner.tick(in_s=70)
        await owner.settlements.catch_up(5)
    before = owner.books
    assert await _replayed(bus) == before
    assert before.lost, "some were lost, or this test says nothing"
    assert len(await messages_of(bus)) < 15


async def _replayed(bus: Bus) -> Books:
    async with opened(bus) as successor:
        return successor.books


async def test_a_snapshot_too_large_for_one_message_is_written_in_parts(bus: Bus) -> None:
    names = [f"{number:064x}" for number in range(15_000)]
    many = Books({name: Account(spent=number + 1, duration="30d") for number, name in enumerate(names)})
    undispatched = Undispatched()
    writer = Partition(
        bus,
        0,
        ReadJournal(many, 0, groups=2_000),
        undispatched=undispatched,
        on_lost=lambda number, loss: None,
    )
    writer.start()
    key = key_of_budget(10**9, token=names[7])
    assert await decided(writer, wanted(key, cost(5))) == Placed(5, None)
    assert await decided(writer, wanted(key, cost(6))) == Placed(6, None)
    await writer.finished()
    await asyncio.sleep(0.1)
    messages = await messages_of(bus)
    assert len(messages) > 3
    read = await read_journal(bus, 0)
    assert read.books == many == writer.books
    assert read.groups == 1
    assert read.books.accounts[names[7]].held == 11


async def test_what_a_snapshot_replaces_is_removed(bus: Bus) -> None:
    async with opened(bus, KEY, snapshot_every_groups=3) as owner:
        for _ in range(8):
            await decided(owner.partition, wanted(KEY, cost(1)))
        await asyncio.sleep(0.1)
        kinds = [type(message).__name__ for message in await messages_of(bus)]
        assert kinds == ["Snapshot", *["Group"] * (len(kinds) - 1)]
        assert len(kinds) <= 3, "of the eight groups those before the second snapshot are gone"
        await decided(owner.partition, wanted(KEY, cost(1)))
    async with opened(bus, KEY) as successor:
        assert successor.figures() == (0, 9)


async def test_an_idle_partition_does_not_leave_all_facts_to_be_read_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_writer, "SNAPSHOT_EVERY_FACTS", 50)
    async with opened(bus):
        for number in range(60):
            await finish(bus, f"r{number}", 1, key="somebody", partition=7, held=False)
        await asyncio.sleep(0.3)
    read = await read_journal(bus, 0)
    assert read.books.facts_seq >= 50


async def test_a_fact_nobody_can_read_stops_no_other(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(300))
        await decided(owner.partition, request)
        for poison in (b"", b"{}", b"\xff", b'{"request_id":1}', b"[]", b'{"cost_pico":-5}'):
            await bus.store("evt.completion.finished.v1.key", poison)
        await finish(bus, request.request, 10)
        await until(lambda: owner.figures() == (10, 0))


async def test_facts_of_a_stream_that_lost_its_end_are_counted_all_the_same(bus: Bus) -> None:
    ahead = Partition(
        bus,
        0,
        ReadJournal(Books(facts_seq=1_000), 0, 0),
        undispatched=Undispatched(),
        on_lost=lambda number, loss: None,
    )
    await finish(bus, "before", 5, held=False)
    async with opened(bus, number=1) as other:
        await other.settlements.follow(ahead)
        await finish(bus, "after", 7, held=False)
        with contextlib.suppress(TimeoutError):
            await other.settlements.catch_up(2)
        assert ahead.books.account("key").spent == 7


async def test_partitions_that_share_a_reader_each_count_a_fact_once(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        for number in range(20):
            await finish(bus, f"a{number}", 1, held=False)
            await finish(bus, f"b{number}", 1, held=False, partition=1)
        await until(lambda: owner.figures() == (20, 0))
        late = Partition(
            bus,
            1,
            await read_journal(bus, 1),
            undispatched=Undispatched(),
            on_lost=lambda number, loss: None,
        )
        await owner.settlements.follow(late)
        assert late.books.account("key").spent == 20
        assert owner.figures() == (20, 0)
        await finish(bus, "c", 1, held=False)
        await until(lambda: owner.figures() == (21, 0))
        owner.settlements.leave(late)
        await finish(bus, "d", 1, held=False, partition=1)
        await owner.settlements.catch_up(2)
        assert late.books.account("key").spent == 20
