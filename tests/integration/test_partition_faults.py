"""A partition whose owner is replaced, or whose server dies under it: nobody is admitted whom nobody can vouch for."""

import asyncio
import random

import pytest

from services.policy.budgets.admission import Placed
from services.policy.budgets.entries import Held, Released
from services.policy.partitions.decision import Answer, Wanted
from services.policy.partitions.partition import Partition
from services.policy.partitions.undispatched import Undispatched
from shared import subjects
from shared.bus import Bus
from tests.budgets import (
    Opened,
    cost,
    decided,
    deciding,
    entries_of,
    finish,
    key_of_budget,
    opened,
    until,
    wanted,
)
from tests.nats_server import NatsServer

KEY = key_of_budget(1_000)


async def held_in_journal(bus: Bus) -> set[str]:
    return {entry.hold.request for entry in await entries_of(bus) if isinstance(entry, Held)}


async def test_an_owner_that_was_replaced_admits_nothing_and_closes_at_its_first_write(bus: Bus) -> None:
    async with opened(bus, KEY) as zombie, opened(bus, KEY) as owner:
        fits = wanted(KEY, cost(600))
        assert await decided(owner.partition, fits) == Placed(600, None)
        answers = await asyncio.gather(*[decided(zombie.partition, wanted(KEY, cost(600))) for _ in range(5)])
        assert set(answers) == {None}
        assert not zombie.partition.open
        assert zombie.partition.conflict
        assert await decided(zombie.partition, wanted(KEY, cost(1))) is None
        assert owner.partition.open
        assert await held_in_journal(bus) == {fits.request}


async def test_what_waits_for_money_is_answered_when_its_owner_was_replaced(bus: Bus) -> None:
    other = key_of_budget(1_000, token="other")
    async with opened(bus, KEY, other) as zombie:
        await decided(zombie.partition, wanted(KEY, cost(1_000)))
        waits = deciding(zombie.partition, wanted(KEY, cost(1), waits_s=30))
        async with opened(bus, KEY, other) as owner:
            assert isinstance(await decided(owner.partition, wanted(other, cost(1))), Placed)
            assert await decided(zombie.partition, wanted(other, cost(1))) is None
            assert await waits is None


async def test_what_is_decided_when_the_owner_closes_is_stored_and_may_go(bus: Bus) -> None:
    """It is in the journal: whoever reads it next knows the holds."""
    async with opened(bus, KEY) as owner:
        on_its_way = deciding(owner.partition, wanted(KEY, cost(100)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        behind = deciding(owner.partition, wanted(KEY, cost(10)))
        owner.partition.close()
        assert await decided(owner.partition, wanted(KEY, cost(1))) is None
        assert await on_its_way == Placed(100, None)
        assert await behind == Placed(10, None)
        await owner.partition.finished()
    async with opened(bus, KEY) as successor:
        assert successor.figures() == (0, 110)


async def test_without_a_server_nothing_is_admitted_and_that_is_said_at_once(bus: Bus, nats: NatsServer) -> None:
    async with opened(bus, KEY) as owner:
        nats.kill()
        await until(lambda: not bus.connected)
        async with asyncio.timeout(10):
            assert await decided(owner.partition, wanted(KEY, cost(100))) is None
        assert not owner.partition.open
        assert not owner.partition.conflict
        nats.start()
        await until(lambda: bus.connected)


@pytest.mark.parametrize("seed", range(6))
async def test_when_the_server_dies_while_deciding_each_decision_is_answered_and_true(
    bus: Bus, nats: NatsServer, seed: int
) -> None:
    """Placed only what the journal has; and what it has beyond that is given back."""
    chance = random.Random(seed)
    key = key_of_budget(10**9)
    undispatched = Undispatched()
    asked: dict[str, asyncio.Future[Answer]] = {}

    async def keep_deciding(owner: Opened) -> None:
        while owner.partition.open:
            for _ in range(chance.randint(1, 40)):
                request = wanted(key, cost(1))
                asked[request.request] = deciding(owner.partition, request)
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))

    async with opened(bus, key, undispatched=undispatched) as owner:
        busy = asyncio.create_task(keep_deciding(owner))
        await asyncio.sleep(0.05 + chance.random() / 20)
        nats.kill()
        async with asyncio.timeout(7):
            await busy
            answers = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    nats.start()
    await until(lambda: bus.connected)

    placed = {request for request, answer in answers.items() if isinstance(answer, Placed)}
    assert placed, "nothing was placed before the end"
    assert placed <= await held_in_journal(bus)
    async with opened(bus, key, undispatched=undispatched) as successor:
        assert successor.books.holds.keys() == placed
        assert successor.figures() == (0, len(placed))
    async with opened(bus, key) as third:
        assert third.books.holds.keys() == placed


async def test_a_group_that_was_stored_though_nobody_heard_of_it_is_given_back(bus: Bus, nats: NatsServer) -> None:
    undispatched = Undispatched()
    observer = await Bus.connect(nats.url, name="observer")
    async with opened(bus, KEY, undispatched=undispatched) as owner:
        client = bus._client
        acks = next(number for number, sub in client._subs.items() if sub._subject.startswith("_ack."))
        deaf = client.direct.pop(acks)
        answer = deciding(owner.partition, wanted(KEY, cost(300)))
        async with asyncio.timeout(5):
            while not await held_in_journal(observer):  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.01)
        assert not answer.done()
        client.direct[acks] = deaf
        nats.kill()
        assert await answer is None
    nats.start()
    await until(lambda: bus.connected)
    assert len(await held_in_journal(bus)) == 1
    async with opened(bus, KEY, undispatched=undispatched) as successor:
        assert successor.figures() == (0, 0)
    async with opened(bus, KEY) as third:
        assert third.figures() == (0, 0)
    await observer.close()


async def test_a_hold_that_could_not_be_given_back_is_given_back_by_the_next_life(bus: Bus, nats: NatsServer) -> None:
    """The router was not there, and then the server was not."""
    undispatched = Undispatched()
    async with opened(bus, KEY, undispatched=undispatched) as owner:
        request = wanted(KEY, cost(700))
        await decided(owner.partition, request)
        nats.kill()
        await until(lambda: not bus.connected)
        owner.partition.release(request.request)
        await until(lambda: not owner.partition.open)
    nats.start()
    await until(lambda: bus.connected)
    async with opened(bus, KEY, undispatched=undispatched) as successor:
        assert successor.figures() == (0, 0)
        await successor.partition.finished()
        assert len(undispatched) == 0
    assert [entry for entry in await entries_of(bus) if isinstance(entry, Released)] == [Released(request.request)]


async def test_a_group_that_lands_late_is_found_out_and_given_back(bus: Bus, nats: NatsServer) -> None:
    """The connection broke, the journal was read anew, and only then the write of before arrived."""
    undispatched = Undispatched()
    late = await Bus.connect(nats.url, name="late")
    try:
        async with opened(bus, KEY, undispatched=undispatched) as owner:
            ghost = wanted(KEY, cost(400))
            undispatched.add(0, ghost.request, ghost.now_ms)
            async with opened(late, KEY) as before:
                assert isinstance(await decided(before.partition, ghost), Placed)
            assert await decided(owner.partition, wanted(KEY, cost(1))) is None
            assert owner.partition.conflict
        async with opened(bus, KEY, undispatched=undispatched) as successor:
            assert successor.figures() == (0, 0)
    finally:
        await late.close()


async def test_a_release_of_what_is_not_here_is_kept_for_whoever_has_it(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        request = wanted(KEY, cost(400))
        await decided(owner.partition, request)
    undispatched = Undispatched()
    async with opened(bus, KEY, number=1, undispatched=undispatched) as other:
        other.partition.release(request.request)
        assert undispatched.of(1) == [request.request]
        assert undispatched.of(0) == []


async def test_the_books_are_the_same_after_the_server_was_killed_again_and_again(bus: Bus, nats: NatsServer) -> None:
    """A client that asks, holds and finishes without end; each time what was told is what is stored."""
    chance = random.Random(3)
    key = key_of_budget(10**9)
    undispatched = Undispatched()
    costs: dict[str, int] = {}
    open_holds: set[str] = set()

    async def work(partition: Partition) -> None:
        while partition.open:
            request = wanted(key, cost(chance.randint(1, 50)), waits_s=1)
            answer = await decided(partition, request)
            if isinstance(answer, Placed):
                open_holds.add(request.request)
                await _finish_some_day(bus, request, chance.randint(0, answer.amount), costs)
                open_holds.discard(request.request)

    for _ in range(4):
        async with opened(bus, key, undispatched=undispatched, snapshot_every_groups=20) as owner:
            workers = [asyncio.create_task(work(owner.partition)) for _ in range(8)]
            await asyncio.sleep(0.2 + chance.random() / 5)
            nats.kill()
            await until(lambda: not bus.connected)
            assert await decided(owner.partition, wanted(key, cost(1))) is None
            nats.start()
            await until(lambda: bus.connected)
            async with asyncio.timeout(20):
                await asyncio.gather(*workers)
    async with opened(bus, key, undispatched=undispatched) as last:
        await last.settlements.catch_up(5)
        assert last.figures() == (sum(costs.values()), 0)
        assert not open_holds
        assert len(costs) > 100


async def _finish_some_day(bus: Bus, request: Wanted, pico: int, costs: dict[str, int]) -> None:
    """As a router's outbox does: again and again, until the fact is stored."""
    while True:
        try:
            await finish(bus, request.request, pico)
        except Exception:  # noqa: BLE001  whatever it is, the fact must get there
            await asyncio.sleep(0.05)
        else:
            costs[request.request] = pico
            return


async def test_the_journal_of_one_partition_fences_no_other(bus: Bus) -> None:
    async with opened(bus, KEY) as one, opened(bus, KEY, number=1) as other:
        for _ in range(5):
            assert isinstance(await decided(one.partition, wanted(KEY, cost(1))), Placed)
            assert isinstance(await decided(other.partition, wanted(KEY, cost(1))), Placed)
    assert subjects.journal(0) != subjects.journal(1)


async def test_opening_again_and_again_leaves_nothing_behind(bus: Bus) -> None:
    async def open_once() -> tuple[int, int, int]:
        async with opened(bus, KEY) as owner:
            await decided(owner.partition, wanted(KEY, cost(1)))
        await asyncio.sleep(0.05)
        return len(bus._reconnect_callbacks), len(bus._client._subs), len(bus._client.direct)

    first = await open_once()
    for _ in range(5):
        assert await open_once() == first
