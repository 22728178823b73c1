"""A partition keeps limits, on a real journal and real facts, over its owner's end and from the next one's start."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from services.policy.budgets.admission import NOTHING, Ask, Placed
from services.policy.limits.need import Need
from services.policy.limits.refusals import over_limit_error
from services.policy.limits.room import Limit
from services.policy.partitions.decision import Answer, Denied, NoRoom, Part, Wanted
from services.policy.partitions.queues.limit_queue import WAITING_MAX
from services.policy.partitions.slot_watch import SILENT_MS
from shared.bus import Bus, NotStored
from shared.bus.acknowledgement import Then
from shared.header_lines import headers_in
from tests.budgets import Opened, cost, finish, key_of_budget, opened, until, wanted

KEY = key_of_budget(None)


class Clock:
    """Runs on its own, and can be set forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


def asked(*limits: Limit, tokens: int = 10, need: Need | None = None, ask: Ask = NOTHING, **more: Any) -> Wanted:
    """`waits_s`: for room in a limit; `holds`: it needs money, too."""
    waits_s, level, rank = more.pop("waits_s", 0.0), more.pop("level", 1), more.pop("rank", 0)
    holds, key, clock = more.pop("holds", False), more.pop("key", KEY), more.pop("clock", time.time)
    give_up_ms = int((clock() + waits_s) * 1000) if waits_s else 0
    part = Part(limits, need or Need(tokens), "total", give_up_ms, level, rank, lambda: limits)
    return wanted(key, ask, now=clock(), **more)._replace(part=part, held=holds)


def limit(account: str = "key", **maxima: int) -> Limit:
    return Limit(account, 0, "api_key", account, **maxima)


def asking(owner: Opened, request: Wanted) -> asyncio.Future[Answer]:
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    owner.partition.decide(request, answer.set_result)
    return answer


async def admitted(owner: Opened, request: Wanted) -> str:
    assert isinstance(await asking(owner, request), Placed)
    return request.request


async def refused(owner: Opened, request: Wanted) -> NoRoom:
    said = await asking(owner, request)
    assert isinstance(said, NoRoom)
    return said


async def used(bus: Bus, request: str, prompt: int = 0, completion: int = 0, **fields: Any) -> None:
    await finish(bus, request, 0, held=False, prompt_tokens=prompt, completion_tokens=completion, **fields)


@pytest.mark.parametrize(("stored", "expected"), [(True, NoRoom), (False, type(None))])
async def test_nobody_is_refused_for_what_the_journal_has_lost(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, stored: bool, expected: type
) -> None:
    writes = list[Callable[[], None]]()
    real = bus.store_then

    def later(subject: str, payload: bytes, then: Then, **options: Any) -> None:
        writes.append(lambda: real(subject, payload, then, **options) if stored else then(NotStored("no space left")))

    async with opened(bus, KEY) as owner:
        monkeypatch.setattr(bus, "store_then", later)
        first, second = asking(owner, asked(limit(rpm=1))), asking(owner, asked(limit(rpm=1)))
        await until(lambda: writes)
        await asyncio.sleep(0.05)
        assert not first.done()
        assert not second.done()
        monkeypatch.setattr(bus, "store_then", real)
        writes[0]()
        assert isinstance(await first, Placed if stored else type(None))
        assert isinstance(await second, expected)


async def test_as_many_as_the_limit_says_and_all_is_told(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        began_ms = int(time.time() * 1000)
        answers = await asyncio.gather(*[asking(owner, asked(limit(rpm=3, tpm=1_000))) for _ in range(5)])
        answered_ms = int(time.time() * 1000)
        assert [type(one) for one in answers] == [Placed] * 3 + [NoRoom] * 2
        over = await refused(owner, asked(limit(rpm=3, tpm=1_000)))
        headers = dict(headers_in(over.lines))
        assert headers["x-ratelimit-api_key-remaining-requests"] == "0"
        assert headers["x-ratelimit-remaining-tokens"] == "970"
        assert over.over.frees_ms is not None
        assert began_ms <= over.over.frees_ms - 60_000 <= answered_ms


async def test_the_next_owner_hands_out_no_second_window_and_knows_every_slot(bus: Bus) -> None:
    limits = (limit(rpm=4, tpm=100, tpd=90), limit("team:t", parallel=2))
    async with opened(bus, KEY) as owner:
        first, second = await admitted(owner, asked(*limits)), await admitted(owner, asked(*limits))
        await used(bus, first, 5, 20)
        await until(lambda: first not in owner.books.taken)
        before = owner.books
    async with opened(bus, KEY) as owner:
        assert owner.books.counters == before.counters
        assert owner.books.taken == before.taken
        assert owner.books.counters["key"].minute.tokens == 25 + 10
        assert owner.books.counters["team:t"].running == 1
        await admitted(owner, asked(*limits))
        assert (await refused(owner, asked(*limits))).over.type == "max_parallel_requests"
        await used(bus, second, 5, 20)
        await admitted(owner, asked(*limits))
        assert (await refused(owner, asked(*limits))).over.type == "requests"


async def test_a_clock_that_goes_back_hands_out_no_second_window(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        await admitted(owner, asked(limit(rpm=2), clock=clock))
        clock.ahead_s -= 3_600
        await admitted(owner, asked(limit(rpm=2), clock=clock))
        await refused(owner, asked(limit(rpm=2), clock=clock))
        clock.ahead_s += 3_600 + 30
        await refused(owner, asked(limit(rpm=2), clock=clock))
        clock.ahead_s += 31
        await admitted(owner, asked(limit(rpm=2), clock=clock))


async def test_a_snapshot_holds_the_windows_and_the_slots(bus: Bus) -> None:
    async with opened(bus, KEY, snapshot_every_groups=3) as owner:
        for _ in range(8):
            await admitted(owner, asked(limit(rpm=100, parallel=100, tpd=10_000)))
    async with opened(bus, KEY) as owner:
        counter = owner.books.counters["key"]
        assert (counter.minute.requests, counter.minute.tokens, counter.running) == (8, 80, 8)
        assert counter.day is not None
        assert counter.day.tokens == 80
        assert len(owner.books.taken) == 8


async def test_who_has_its_answer_finds_its_slot_and_its_unused_tokens_free(bus: Bus) -> None:
    limits = (limit(parallel=1, tpm=1_000), limit("team:t", tpm=150))
    async with opened(bus, KEY) as owner:
        for _ in range(15):
            await used(bus, await admitted(owner, asked(*limits, tokens=60)), 2, 3)


async def test_who_does_not_fit_is_refused_as_soon_as_all_ends_are_known(bus: Bus) -> None:
    still = time.time()
    async with opened(bus, KEY, clock=lambda: still) as owner:
        await admitted(owner, asked(limit(parallel=1), clock=lambda: still))
        asks = [refused(owner, asked(limit(parallel=1), clock=lambda: still)) for _ in range(20)]
        said = await asyncio.wait_for(asyncio.gather(*asks), 10)  # which no wait by that clock would end
        assert {one.over.type for one in said} == {"max_parallel_requests"}
        assert owner.partition.limits.waiting == 0


async def test_what_never_reached_a_router_gives_all_back(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        owner.partition.release(await admitted(owner, asked(limit(rpm=1, tpm=10, parallel=1))))
        await admitted(owner, asked(limit(rpm=1, tpm=10, parallel=1)))
    async with opened(bus, KEY) as owner:
        assert (await refused(owner, asked(limit(rpm=1)))).over.type == "requests"


async def test_a_budget_that_says_no_takes_nothing_of_the_limits(bus: Bus) -> None:
    key = key_of_budget(100)
    async with opened(bus, key) as owner:
        said = await asking(owner, asked(limit(rpm=2), ask=cost(101), holds=True, key=key))
        assert isinstance(said, Denied)
        assert owner.books.counters == {}
        assert isinstance(await asking(owner, asked(limit(rpm=0), ask=cost(10), holds=True, key=key)), NoRoom)
        assert owner.figures() == (0, 0)
        request = await admitted(owner, asked(limit(rpm=2), ask=cost(60), holds=True, key=key))
        assert owner.figures() == (0, 60)
        assert owner.books.counters["key"].minute.requests == 1
        await finish(bus, request, 40, prompt_tokens=3)
        await until(lambda: owner.figures() == (40, 0))
        assert (owner.books.counters["key"].running, owner.books.counters["key"].minute.tokens) == (0, 3)


async def test_a_request_that_waits_for_money_takes_its_part_only_then(bus: Bus) -> None:
    key = key_of_budget(100)
    async with opened(bus, key) as owner:
        first = await admitted(owner, asked(limit(rpm=2), ask=cost(60), holds=True, key=key))
        late = asking(owner, asked(limit(rpm=2), ask=cost(60), holds=True, key=key, waits_s=5.0))
        await asyncio.sleep(0.05)
        assert not late.done()
        assert owner.books.counters["key"].minute.requests == 1
        await finish(bus, first, 10)
        assert isinstance(await asyncio.wait_for(late, 5), Placed)
        assert owner.books.counters["key"].minute.requests == 2


async def test_a_request_waits_for_room_and_gets_it_when_it_is_there(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        await admitted(owner, asked(limit(rpm=1), clock=clock))
        clock.ahead_s += 59
        late = asking(owner, asked(limit(rpm=1), clock=clock, waits_s=30.0))
        hopeless = await refused(owner, asked(limit(rpm=1), clock=clock, waits_s=0.3))
        assert hopeless.over.frees_ms is not None
        assert isinstance(await asyncio.wait_for(late, 10), Placed)
        assert owner.partition.limits.waiting == 0


async def test_who_has_waited_long_enough_is_refused(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await admitted(owner, asked(limit(parallel=1)))
        began = time.monotonic()
        await refused(owner, asked(limit(parallel=1), waits_s=0.3))
        assert time.monotonic() - began > 0.25


async def test_slots_go_by_priority_then_to_tenants_in_turn(bus: Bus) -> None:
    one = Limit("tag:x", 0, "tag", "x", parallel=1, spans_tenants=True)
    order: list[str] = []
    async with opened(bus, KEY) as owner:
        running = await admitted(owner, asked(one))
        names = ("a1", "a2", "a3", "b1", "low", "high")
        for name in names:
            level = {"low": 2, "high": 0}.get(name, 1)
            request = asked(one, waits_s=20.0, level=level, request=name)._replace(tenant=name[0])
            owner.partition.decide(request, lambda _, name=name: order.append(name))
        await until(lambda: owner.partition.limits.waiting == 6)
        overtaking = await refused(owner, asked(one))
        assert overtaking.over.limit == one
        for served in range(1, 7):
            await used(bus, running)
            await until(lambda served=served: len(order) == served)
            running = order[-1]
        assert order == ["high", "a1", "b1", "a2", "a3", "low"]


async def test_a_thousand_wait_in_a_partition_and_who_comes_then_is_refused_at_once(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        running = await admitted(owner, asked(limit(parallel=1)))
        waits = [asking(owner, asked(limit(parallel=1), waits_s=60.0)) for _ in range(WAITING_MAX)]
        assert owner.partition.limits.waiting == WAITING_MAX == 1_000
        too_many = asking(owner, asked(limit(parallel=1), waits_s=60.0))
        assert isinstance(too_many.result(), NoRoom)
        assert over_limit_error(too_many.result().over, int(time.time() * 1000), ()).status == 429
        await used(bus, running)
        assert isinstance(await asyncio.wait_for(waits[0], 10), Placed)
        assert sum(one.done() for one in waits) == 1
        last = asking(owner, asked(limit(parallel=1), waits_s=60.0))
        assert not last.done()


async def test_closing_answers_all_who_wait(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await admitted(owner, asked(limit(parallel=1)))
        late = asking(owner, asked(limit(parallel=1), waits_s=20.0))
        await asyncio.sleep(0.05)
        owner.partition.close()
        assert await asyncio.wait_for(late, 5) is None


async def test_a_slot_of_which_no_router_speaks_is_freed_and_a_late_end_still_counts(bus: Bus) -> None:
    clock = Clock()
    async with opened(bus, KEY, clock=clock) as owner:
        dead = await admitted(owner, asked(limit(parallel=2, tpm=1_000), clock=clock, lasts_s=600.0))
        alive = await admitted(owner, asked(limit(parallel=2, tpm=1_000), clock=clock, lasts_s=600.0))
        for _ in range(5):
            clock.ahead_s += SILENT_MS / 4_000
            owner.partition.limits.hear_of([alive, "unknown"])
            owner.partition.tick(int(clock() * 1000))
        assert owner.books.counters["key"].running == 1
        assert [one.reservation.running for one in owner.books.taken.values()] == [False, True]
        await used(bus, dead, 50, 50)
        await until(lambda: dead not in owner.books.taken)
        counter = owner.books.counters["key"]
        assert (counter.running, counter.reserved, counter.minute.tokens) == (1, 10, 110)
    async with opened(bus, KEY, clock=clock) as owner:
        assert (owner.books.counters["key"].running, list(owner.books.taken)) == (1, [alive])


async def test_a_part_taken_at_a_home_ends_with_the_fact_of_another_partition(bus: Bus) -> None:
    async with opened(bus, KEY, number=2) as owner:
        request = await admitted(owner, asked(limit("user:u", parallel=1, tpm=100)))
        await used(bus, request, 4, 5, partition=0, homes=(1, 2))
        await until(lambda: not owner.books.taken)
        counter = owner.books.counters["user:u"]
        assert (counter.running, counter.minute.tokens) == (0, 9)
        assert owner.figures() == (0, 0)


async def test_the_same_request_is_not_decided_twice(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        await admitted(owner, asked(limit(rpm=5), request="same"))
        assert await asking(owner, asked(limit(rpm=5), request="same")) is None


async def test_a_key_that_is_gone_does_not_wait_on(bus: Bus) -> None:
    async with opened(bus, KEY) as owner:
        running = await admitted(owner, asked(limit(parallel=1)))
        late = asking(owner, asked(limit(parallel=1), waits_s=20.0))
        await asyncio.sleep(0.05)
        del owner.keys["key"]
        await used(bus, running)
        assert await asyncio.wait_for(late, 5) is None


@pytest.mark.parametrize("requests", [300])
async def test_many_at_once_are_admitted_exactly(bus: Bus, requests: int) -> None:
    async with opened(bus, KEY) as owner:
        limits = (limit(rpm=100), limit("team:t", tpm=750))
        answers = await asyncio.gather(*[asking(owner, asked(*limits)) for _ in range(requests)])
        assert sum(isinstance(one, Placed) for one in answers) == 75
