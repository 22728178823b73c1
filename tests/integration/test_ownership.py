"""Leases on a real nats-server: who may decide, and how soon somebody else may when it is gone."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.policy.partitions.owning import ownership
from services.policy.partitions.owning.ownership import Lease, Leases
from shared import subjects
from shared.bus import Bus, kv
from tests.budgets import until
from tests.nats_server import NatsServer

PARTITIONS = 4
ALL = set(range(PARTITIONS))
LEASE_S = 0.8


@pytest.fixture(autouse=True)
def _short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the real times, or this file takes minutes. tests/integration/test_policy_service.py has those."""
    monkeypatch.setattr(ownership, "LEASE_S", LEASE_S)
    monkeypatch.setattr(ownership, "RENEW_S", 0.25)


@asynccontextmanager
async def competing(nats: NatsServer, *names: str) -> AsyncIterator[list[Leases]]:
    """Leases of several processes, each with its own connection; none of them renews by itself."""
    buses = [await Bus.connect(nats.url, name=f"policy-{name}") for name in names]
    leases = [Leases(bus, name, PARTITIONS) for bus, name in zip(buses, names, strict=True)]
    for one in leases:
        await one.start()
    yield leases
    for one, bus in zip(leases, buses, strict=True):
        await one.stop()
        await bus.close()


async def renewing(leases: Leases, until: Callable[[], bool]) -> None:
    """Renew as the owner does until the condition holds."""
    async with asyncio.timeout(20):
        while not until():
            await leases.renew()
            await asyncio.sleep(0.02)


async def test_the_first_takes_everything_and_the_second_nothing(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a", "b") as (first, second):
        await first.renew()
        assert first.held() == ALL
        await second.renew()
        assert second.held() == set()
        assert all(first.holds(number) for number in ALL)
        assert not any(second.holds(number) for number in ALL)


async def test_no_two_hold_the_same_however_they_race(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, *"abcdef") as everybody:
        for _ in range(5):
            await asyncio.gather(*[leases.renew() for leases in everybody])
            held = [number for leases in everybody for number in leases.held()]
            assert sorted(held) == sorted(ALL)


async def test_what_is_given_back_is_taken_at_once(bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "LEASE_S", 3_600.0)  # nobody here waits until one ends by itself
    async with competing(nats, "a", "b") as (first, second):
        await first.renew()
        await second.renew()
        await first.release()
        assert first.held() == set()
        await renewing(second, lambda: second.held() == ALL)


async def test_the_leases_of_a_process_that_died_are_taken_when_they_are_over_and_not_before(
    bus: Bus, nats: NatsServer
) -> None:
    async with competing(nats, "a", "b") as (first, second):
        await first.renew()
        last_renewal = time.monotonic()
        overlapped = False

        def taken() -> bool:
            nonlocal overlapped
            overlapped |= bool(first.held() & second.held())
            return second.held() == ALL

        await renewing(second, taken)
        assert time.monotonic() - last_renewal >= LEASE_S
        assert not overlapped
        assert first.held() == set()


async def test_a_lease_that_is_renewed_lasts(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a", "b") as (first, second):
        give_up = time.monotonic() + 3 * LEASE_S
        while time.monotonic() < give_up:
            await first.renew()
            await second.renew()
            assert first.held() == ALL
            await asyncio.sleep(0.05)
        assert second.held() == set()


async def test_a_process_that_restarts_under_its_name_goes_on_at_once(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a") as (first,):
        await first.renew()
        async with competing(nats, "a", "b") as (again, other):
            await other.renew()
            assert other.held() == set()
            await again.renew()
            assert again.held() == ALL


async def test_of_two_processes_with_one_name_the_newer_wins_and_keeps(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a") as (older,):
        lost: list[bool] = []
        older.on_loss(lambda: lost.append(True))
        await older.renew()
        async with competing(nats, "a") as (newer,):
            await newer.renew()
            await until(lambda: older.held() == set())
            assert lost
            for _ in range(5):
                await older.renew()
                await newer.renew()
                assert older.held() == set()
                assert newer.held() == ALL


@pytest.mark.parametrize("ahead_s", [-86_400, 86_400])
async def test_what_another_clock_says_does_not_matter(bus: Bus, nats: NatsServer, ahead_s: float) -> None:
    """The entry of a live process whose clock is wrong looks long over, or never over."""
    stranger = Lease("stranger", "policy-1", time.time() + ahead_s)
    await kv.put(bus, subjects.OWNERS_BUCKET, "0", ownership._encode(stranger))
    async with competing(nats, "a") as (leases,):
        for _ in range(4):
            stranger = Lease("stranger", "policy-1", stranger.until + 1)
            await kv.put(bus, subjects.OWNERS_BUCKET, "0", ownership._encode(stranger))
            await leases.renew()
            assert leases.held() == ALL - {0}
            await asyncio.sleep(LEASE_S * 0.7)
        assert leases.held() == ALL - {0}
        await renewing(leases, lambda: leases.held() == ALL)


async def test_an_entry_that_changed_a_moment_ago_is_not_taken_though_it_was_seen_long_ago(
    bus: Bus, nats: NatsServer
) -> None:
    """Who has not heard of a renewal yet asks before it takes."""
    async with competing(nats, "a", "b") as (first, second):
        await first.renew()
        await until(lambda: len(second._seen) == PARTITIONS)
        await second._view.stop()  # it hears of nothing any more
        await asyncio.sleep(LEASE_S * 0.7)
        await first.renew()
        await asyncio.sleep(LEASE_S * 0.7)
        await second.renew()
        assert second.held() == set()
        assert (await kv_entry(bus, 0)).name == "a"


async def test_a_process_that_slept_knows_that_its_leases_are_over(
    bus: Bus, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with competing(nats, "a") as (leases,):
        await leases.renew()
        assert leases.holds(0)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + LEASE_S)  # the other clock stood still
        assert not leases.holds(0)
        monkeypatch.setattr(time, "time", lambda: real() - 3_600)  # set back: no lease lasts longer for that
        still = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: still() + LEASE_S)
        assert not leases.holds(0)


async def test_while_the_server_is_away_leases_run_out_and_are_taken_again(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a") as (leases,):
        await leases.renew()
        nats.kill()
        await leases.renew()
        assert leases.held() == ALL, "a server that is away takes no lease from anybody"
        await asyncio.sleep(LEASE_S)
        assert leases.held() == set()
        nats.start()
        await renewing(leases, lambda: leases.held() == ALL)


async def test_a_lease_that_somebody_else_took_is_not_given_back(bus: Bus, nats: NatsServer) -> None:
    async with competing(nats, "a", "b") as (first, second):
        await first.renew()
        await asyncio.sleep(LEASE_S + ownership.MARGIN_S + 0.1)
        await second.renew()
        assert second.held() == ALL
        await first.release()
        await second.renew()
        assert second.held() == ALL
        entry = await kv_entry(bus, 0)
        assert entry.name == "b"
        assert entry.until > 0


async def test_an_entry_nobody_can_read_is_replaced(bus: Bus, nats: NatsServer) -> None:
    await kv.put(bus, subjects.OWNERS_BUCKET, "0", b"\xff")
    await kv.put(bus, subjects.OWNERS_BUCKET, "no_number", b"{}")
    async with competing(nats, "a") as (leases,):
        await leases.renew()
        assert leases.held() == ALL
        assert (await kv_entry(bus, 0)).name == "a"


async def kv_entry(bus: Bus, number: int) -> Lease:
    found = await ownership.newest(
        bus, kv.kv_stream(subjects.OWNERS_BUCKET), kv.kv_subject(subjects.OWNERS_BUCKET, str(number))
    )
    assert found is not None
    return ownership._decode(found.data)
