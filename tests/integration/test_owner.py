"""The owner of partitions in a process: opens what it won, serves it, closes it in time, and leaves nothing behind."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog

from services.policy.budgets.admission import Placed
from services.policy.budgets.entries import Held, Released
from services.policy.partitions.journal.journal import encode_group
from services.policy.partitions.owning import owner as owner_module
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.owning.owner import Owner
from services.policy.partitions.owning.ownership import Leases
from services.policy.partitions.settlements import Settlements
from shared import subjects
from shared.bus import Bus, BusError, Message, NotStored, Outbox, newest, read
from shared.bus.acknowledgement import Then
from tests.budgets import cost, decided, entries_of, finish, key_of_budget, until, wanted
from tests.nats_server import NatsServer
from tests.slowness import Slowness

KEY = key_of_budget(1_000)


@dataclass
class Process:
    """The budgets' part of a policy process."""

    bus: Bus
    owner: Owner
    partitions: OpenPartitions
    leases: Leases
    outbox: Outbox
    tasks: list[asyncio.Task[None]]
    got: list[tuple[int, Message]] = field(default_factory=list)

    async def serves(self, *numbers: int) -> None:
        await until(lambda: all(self.owner.serves(number) for number in numbers), within_s=10)

    async def die(self) -> None:
        """Without a word: no lease is given back, nothing is written."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        for life in list(self.owner._lives.values()):
            life.cancel()
        await self.bus._client.close()


@asynccontextmanager
async def process(nats: NatsServer, name: str, *, partitions: int = 2) -> AsyncIterator[Process]:
    bus = await Bus.connect(nats.url, name=f"policy-{name}")
    outbox, leases, settlements = Outbox(bus), Leases(bus, name, partitions), Settlements(bus)
    opened = OpenPartitions()
    made = Process(bus, None, opened, leases, outbox, [])  # type: ignore[arg-type]
    made.owner = Owner(
        bus,
        outbox,
        leases,
        settlements,
        opened,
        lambda number, message: made.got.append((number, message)),
    )
    await leases.start()
    made.tasks = [asyncio.create_task(settlements.run()), asyncio.create_task(made.owner.run())]
    try:
        yield made
        if bus.connected:
            await made.owner.stop()
            await outbox.drain(5)
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.wait(made.tasks)
        await bus.close()


async def test_all_partitions_are_opened_and_their_requests_served(bus: Bus, nats: NatsServer) -> None:
    async with process(nats, "a") as one:
        assert one.owner.lacks() == "partitions"
        await one.serves(0, 1)
        assert one.owner.lacks() == ""
        bus.publish(subjects.admit(1), b"request")
        await until(lambda: one.got)
        assert [(number, message.data) for number, message in one.got] == [(1, b"request")]


async def test_a_journal_that_cannot_be_read_keeps_its_partition_closed_and_no_other(
    bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_module, "UNREADABLE_AGAIN_S", 0.2)
    await bus.store(subjects.journal(0), b"not a journal")
    async with process(nats, "a") as one:
        await one.serves(1)
        await asyncio.sleep(0.5)
        assert one.partitions.get(0) is None
        # repaired by an operator: it opens without a restart
        await bus.api("STREAM.PURGE.JOURNAL", {"filter": subjects.journal(0)})
        await one.serves(0)


async def test_a_partition_that_a_newer_version_has_written_to_is_left_to_it(
    bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = b'{"type":"pledged","account":"key"}'
    await bus.store(subjects.journal(0), encode_group("policy-b", 7, [newer]))
    async with process(nats, "a") as old:
        with structlog.testing.capture_logs() as logs:
            await old.serves(1)
            await until(lambda: any("pledged" in str(line.get("error")) for line in logs))
        assert old.partitions.get(0) is None
        bus.publish(subjects.admit(0), b"request")
        await bus.flush(2)
        assert old.got == []
        # another process, which would understand it, need not wait for a lease to end
        leases = Leases(bus, "b", 2)
        await leases.start()
        await until(lambda: not old.leases.holds(0), within_s=2)
        await leases.renew()
        assert leases.held() == {0}
        await leases.stop()
        assert old.owner.serves(1)


async def test_a_partition_whose_write_failed_is_read_anew_and_served_again(bus: Bus, nats: NatsServer) -> None:
    async with process(nats, "a") as one:
        await one.serves(0, 1)
        first = one.partitions.get(0)
        assert first is not None
        assert isinstance(await decided(first, wanted(KEY, cost(300))), Placed)
        nats.kill()
        await until(lambda: not one.bus.connected)
        assert await decided(first, wanted(KEY, cost(300))) is None
        nats.start()
        await until(lambda: one.partitions.get(0) not in (None, first), within_s=10)
        again = one.partitions.get(0)
        assert again is not None
        assert again.books.account("key").held == 300
        assert isinstance(await decided(again, wanted(KEY, cost(300))), Placed)
        subscriptions = [sub._subject for sub in one.bus._client._subs.values()]
        assert subscriptions.count(subjects.admit(0)) == 1


async def test_a_journal_that_takes_no_writes_does_not_keep_its_owner_busy(
    bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(nats, "a") as one:
        await one.serves(0, 1)
        partition = one.partitions.get(0)
        assert partition is not None
        request = wanted(KEY, cost(300))
        await decided(partition, request)
        real, failed = one.bus.store_then, []

        def full(subject: str, payload: bytes, then: Then, **options: Any) -> None:
            if subject != subjects.journal(0):
                real(subject, payload, then, **options)
                return
            failed.append(subject)
            then(NotStored("no space left"))

        monkeypatch.setattr(one.bus, "store_then", full)
        one.partitions.release(0, request.request)  # each opening tries that again
        await asyncio.sleep(1.5)
        assert 2 <= len(failed) < 12
        monkeypatch.setattr(one.bus, "store_then", real)
        await until(lambda: len(one.partitions.undispatched) == 0)
        again = one.partitions.get(0)
        assert again is not None
        assert again.books.account("key").held == 0


async def test_an_owner_that_is_stopped_answers_what_it_decided(bus: Bus, nats: NatsServer) -> None:
    async with process(nats, "a") as one:
        await one.serves(0, 1)
        partition = one.partitions.get(0)
        assert partition is not None
        answers = [asyncio.create_task(decided(partition, wanted(KEY, cost(10)))) for _ in range(5)]
        await asyncio.sleep(0)
        await one.owner.stop()
        assert [await answer for answer in answers] == [Placed(10, None)] * 5
        assert one.leases.held() == set()
        assert not [sub for sub in one.bus._client._subs.values() if sub._subject.startswith("cmd.")]


@pytest.mark.parametrize("after_s", [0, 0.001, 0.005, 0.02, 0.05])
async def test_an_owner_may_be_stopped_while_it_opens(bus: Bus, nats: NatsServer, after_s: float) -> None:
    async with process(nats, "a") as one:
        await asyncio.sleep(after_s)
        one.tasks[1].cancel()
        async with asyncio.timeout(5):
            await one.owner.stop()
        assert not [sub for sub in one.bus._client._subs.values() if sub._subject.startswith("cmd.")]
        assert len(one.partitions) == 0


async def test_a_hold_that_is_nobodys_is_given_back_by_whoever_owns_it_now(bus: Bus, nats: NatsServer) -> None:
    """The router was missing, and the answer to that came when the partition had moved."""
    async with process(nats, "a") as first:
        await first.serves(0, 1)
        partition = first.partitions.get(0)
        assert partition is not None
        request = wanted(KEY, cost(400))
        assert isinstance(await decided(partition, request), Placed)
        first.tasks[1].cancel()
        await first.owner.stop()
        async with process(nats, "b") as second:
            await second.serves(0, 1)
            successor = second.partitions.get(0)
            assert successor is not None
            assert successor.books.account("key").held == 400
            first.partitions.release(0, request.request)
            first.tasks[1] = asyncio.create_task(first.owner.run())
            await until(lambda: successor.books.account("key").held == 0)
            await until(lambda: not len(first.partitions.undispatched))
            await until(lambda: not len(second.partitions.undispatched))
        assert Released(request.request) in await entries_of(bus)


async def test_a_successor_serves_when_the_owner_has_died(bus: Bus, nats: NatsServer) -> None:
    async with process(nats, "a") as first, process(nats, "b") as second:
        await until(lambda: len(first.partitions) + len(second.partitions) == 2, within_s=10)
        winner, other = (first, second) if len(first.partitions) else (second, first)
        numbers = [number for number in (0, 1) if winner.partitions.get(number)]
        partition = winner.partitions.get(numbers[0])
        assert partition is not None
        assert isinstance(await decided(partition, wanted(KEY, cost(250))), Placed)
        died = time.monotonic()
        with Slowness() as slowness:
            await winner.die()
            await other.serves(0, 1)
        assert time.monotonic() - died < slowness.within(5, work_s=1.0)
        successor = other.partitions.get(numbers[0])
        assert successor is not None
        assert successor.books.account("key").held == 250


async def test_a_loss_is_told_as_a_fact_exactly_once(bus: Bus, nats: NatsServer) -> None:
    async def losses() -> list[dict[str, object]]:
        kind = subjects.facts_of_kind("completion.lost")
        return [json.loads(one.data) for one in await read(bus, subjects.FACTS, subject=kind, at_most=None)]

    async with process(nats, "a") as one:
        await one.serves(0)
        partition = one.partitions.get(0)
        assert partition is not None
        request = wanted(KEY, cost(400), lasts_s=0.1)
        await decided(partition, request)
        async with asyncio.timeout(5):
            while not await losses():  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.05)
    [told] = await losses()
    assert told["request_id"] == request.request
    assert told["cost_pico"] == 400
    assert told["partition"] == 0
    assert told["call_type"] == request.whom.call_type == "aembedding"
    config = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["config"]
    await bus.api(f"STREAM.UPDATE.{subjects.FACTS}", {**config, "duplicate_window": 100_000_000})
    for _ in range(2):
        await asyncio.sleep(0.2)  # its id is forgotten by now
        async with process(nats, "a") as again:
            await again.serves(0)
            await asyncio.sleep(0.3)
    assert len(await losses()) == 1
    await finish(bus, request.request, 9)
    async with process(nats, "a") as last:
        await last.serves(0)
        partition = last.partitions.get(0)
        assert partition is not None
        assert partition.books.account("key").spent == 9


async def test_accounts_are_told_with_everything_that_is_stored_by_then(bus: Bus, nats: NatsServer) -> None:
    async with process(nats, "a") as one:
        await one.serves(0)
        for number in range(20):
            await finish(bus, f"r{number}", 1, held=False)
            answer = json.loads(await bus.request(subjects.account(0), b'{"accounts":["key","?"]}', timeout_s=1))
            assert answer["key"] == {"spend_pico": number + 1, "held_pico": 0, "window_start": None, "window_end": None}
            assert answer["?"]["spend_pico"] == 0
        with pytest.raises(BusError):
            await bus.request(subjects.account(7), b'{"accounts":[]}', timeout_s=1)


async def test_who_does_not_hold_the_lease_any_more_tells_and_releases_nothing(
    bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(nats, "a") as one:
        await one.serves(0)
        monkeypatch.setattr(one.leases, "holds", lambda number: False)  # as after a long sleep
        for subject, question in ((subjects.account(0), b'{"accounts":["key"]}'), (subjects.release(0), b'["r"]')):
            with pytest.raises((BusError, TimeoutError)):
                await bus.request(subject, question, timeout_s=0.2)
        assert not one.partitions.undispatched.of(0)


async def test_what_one_process_held_the_journal_has_after_many_changes_of_hands(bus: Bus, nats: NatsServer) -> None:
    expected = 0
    for turn in range(4):
        async with process(nats, f"p{turn}") as one:
            await one.serves(0, 1)
            partition = one.partitions.get(0)
            assert partition is not None
            assert partition.books.account("key").held == expected
            answers = await asyncio.gather(*[decided(partition, wanted(KEY, cost(10))) for _ in range(5)])
            assert all(isinstance(answer, Placed) for answer in answers)
            expected += 50
    assert len([entry for entry in await entries_of(bus) if isinstance(entry, Held)]) == 20
    assert await newest(bus, subjects.JOURNAL, subjects.journal(0)) is not None
