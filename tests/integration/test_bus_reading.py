"""Reading streams and buckets on a real NATS server: nothing skipped, nothing twice, also over kills."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from shared import subjects
from shared.bus import Bus, KvView, NotStored, Outbox, Reader, kv, newest, read
from shared.bus.failures import BusError, NoResponders
from tests.nats_server import NatsServer

FACT = "evt.test.v1.a"
OTHER = "evt.test.v1.b"


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


async def fill(bus: Bus, count: int, *, first: int = 0, subject: str = FACT) -> None:
    await asyncio.gather(*[bus.store(subject, b"%d" % number) for number in range(first, first + count)])


async def read_numbers(reader: Reader, count: int, within_s: float = 10.0) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(within_s):
        while len(found) < count:
            found += [int(message.data) for message in await reader.next_batch(500, 0.5)]
    return found


@pytest.fixture(params=[None, 0.02], ids=["as it comes", "in turns"])
def poll_s(request: pytest.FixtureRequest) -> float | None:
    return request.param  # type: ignore[no-any-return]


async def test_a_stream_is_read_in_order_from_its_beginning(bus: Bus, poll_s: float | None) -> None:
    await fill(bus, 2_500)
    reader = Reader(bus, subjects.FACTS, poll_s=poll_s, pull_max=500)
    assert await read_numbers(reader, 2_500) == list(range(2_500))
    assert await reader.next_batch(10, 0.1) == []
    assert (reader.position, reader.is_caught_up) == (2_501, True)
    await fill(bus, 3, first=2_500)
    assert await read_numbers(reader, 3) == [2_500, 2_501, 2_502]
    await reader.close()


async def test_a_reader_begins_where_it_is_told(bus: Bus) -> None:
    await fill(bus, 20)
    reader = Reader(bus, subjects.FACTS, start=15)
    assert await read_numbers(reader, 6) == [14, 15, 16, 17, 18, 19]
    await reader.close()


async def test_a_reader_that_begins_after_the_end_gets_what_is_stored_later(bus: Bus) -> None:
    await fill(bus, 3)
    reader = Reader(bus, subjects.FACTS, start=4)
    assert await reader.next_batch(10, 0.2) == []
    await fill(bus, 2, first=3)
    assert await read_numbers(reader, 2) == [3, 4]
    await reader.close()


async def test_a_filter_hands_out_its_own_subjects_only_and_skips_nothing_of_them(
    bus: Bus, poll_s: float | None
) -> None:
    for number in range(30):
        await bus.store(FACT if number % 3 == 0 else OTHER, b"%d" % number)
    reader = Reader(bus, subjects.FACTS, subject=FACT, start=4, poll_s=poll_s)
    assert await read_numbers(reader, 9) == [3, 6, 9, 12, 15, 18, 21, 24, 27]
    assert await reader.next_batch(10, 0.1) == []
    await reader.close()


async def test_a_batch_is_no_larger_than_asked_for(bus: Bus) -> None:
    await fill(bus, 25)
    reader = Reader(bus, subjects.FACTS)
    sizes = [len(await reader.next_batch(10, 1.0)) for _ in range(3)]
    assert (max(sizes), sum(sizes)) == (10, 25) or sum(sizes) <= 25
    await reader.close()


async def test_no_message_is_skipped_or_comes_twice_though_the_server_is_killed_again_and_again(
    bus: Bus, nats: NatsServer, poll_s: float | None
) -> None:
    outbox = Outbox(bus)
    reader = Reader(bus, subjects.FACTS, poll_s=poll_s, pull_max=100)
    found: list[int] = []

    async def follow() -> None:
        while True:
            found.extend(message.seq for message in await reader.next_batch(50, 0.5))

    following = asyncio.create_task(follow())
    for number in range(900):
        outbox.put(FACT, b"%d" % number, f"f-{number}")
        if number % 10 == 0:
            await asyncio.sleep(0.002)
        if number in (200, 500, 700):
            nats.kill()
            await asyncio.sleep(0.05)
            nats.start()
    assert await outbox.drain(10) == 0
    await until(lambda: len(found) >= 900)
    assert found == list(range(1, 901))
    following.cancel()
    await reader.close()


async def test_a_reader_whose_consumer_was_deleted_goes_on_where_it_was(bus: Bus) -> None:
    await fill(bus, 10)
    reader = Reader(bus, subjects.FACTS)
    assert len(await read_numbers(reader, 10)) == 10
    await bus.api(f"CONSUMER.DELETE.{subjects.FACTS}.{reader._consumer}", None)
    await fill(bus, 5, first=10)
    assert await read_numbers(reader, 5) == [10, 11, 12, 13, 14]
    await reader.close()


async def test_while_the_server_is_away_a_reader_waits_and_leaves_no_subscriptions_behind(
    bus: Bus, nats: NatsServer
) -> None:
    await fill(bus, 5)
    reader = Reader(bus, subjects.FACTS)
    assert len(await read_numbers(reader, 5)) == 5
    before = len(bus._client._subs)
    nats.kill()
    await until(lambda: not bus.connected)
    reader._mark_lost()
    assert await reader.next_batch(10, 1.0) == []
    assert len(bus._client._subs) <= before
    nats.start()
    await until(lambda: bus.connected)
    await fill(bus, 2, first=5)
    assert await read_numbers(reader, 2) == [5, 6]
    await reader.close()


async def test_a_reader_of_a_stream_that_is_not_there_yet_waits_for_it(bus: Bus) -> None:
    await bus.api(f"STREAM.DELETE.{subjects.FACTS}", None)
    reader = Reader(bus, subjects.FACTS)
    assert await reader.next_batch(10, 0.3) == []
    await bus.api(f"STREAM.CREATE.{subjects.FACTS}", {"name": subjects.FACTS, "subjects": [subjects.FACTS_SUBJECTS]})
    await fill(bus, 2)
    assert await read_numbers(reader, 2) == [0, 1]
    await reader.close()


async def test_a_reader_that_is_given_up_ends_its_wait_at_once(bus: Bus) -> None:
    reader = Reader(bus, subjects.FACTS)
    waiting = asyncio.create_task(reader.next_batch(10, 60))
    await asyncio.sleep(0.1)
    reader.give_up()
    assert await asyncio.wait_for(waiting, 2) == []
    await reader.close()


# Looking up


async def test_a_look_into_a_stream_gives_so_many_from_there_on(bus: Bus) -> None:
    for number in range(1_200):
        bus.store(FACT if number % 2 == 0 else OTHER, b"%d" % number)
    await bus.store(FACT, b"last")
    some = await read(bus, subjects.FACTS, start=10, at_most=5)
    assert [message.seq for message in some] == [10, 11, 12, 13, 14]
    filtered = await read(bus, subjects.FACTS, subject=OTHER, at_most=None)
    assert [int(message.data) for message in filtered] == list(range(1, 1_200, 2))
    assert await read(bus, subjects.FACTS, start=5_000, at_most=None) == []
    assert await read(bus, subjects.FACTS, subject="evt.none", at_most=None) == []
    last = await newest(bus, subjects.FACTS, FACT)
    assert last is not None
    assert (last.seq, last.data) == (1_201, b"last")
    assert await newest(bus, subjects.FACTS, "evt.none") is None
    assert abs(last.time_ns - some[0].time_ns) < 60e9


async def test_a_stream_that_is_not_there_is_said_so(bus: Bus) -> None:
    with pytest.raises(NoResponders):
        await read(bus, "NOSUCH", at_most=None)
    with pytest.raises(NotStored):
        await newest(bus, "NOSUCH", "a")


# Buckets


def number_of(value: bytes) -> int:
    return int(value)


@pytest.fixture
async def view(bus: Bus) -> AsyncIterator[KvView[int]]:
    view = KvView(bus, subjects.KEYS_BUCKET, number_of)
    yield view
    with suppress(BusError):
        await view.stop()


def put(bus: Bus, key: str, value: bytes, expected: int | None = None) -> "asyncio.Future[int]":
    return kv.put(bus, subjects.KEYS_BUCKET, key, value, expected=expected)


async def test_a_view_holds_what_the_bucket_holds_when_it_has_started(bus: Bus, view: KvView[int]) -> None:
    for number in range(300):
        put(bus, f"k{number % 100}", b"%d" % number)
    await put(bus, "last", b"7")
    await kv.delete(bus, subjects.KEYS_BUCKET, "k0")
    await view.start()
    assert view.entries == {**{f"k{number % 100}": number for number in range(201, 300)}, "last": 7}


async def test_an_empty_bucket_is_an_empty_view(view: KvView[int]) -> None:
    await view.start()
    assert view.entries == {}


async def test_a_view_follows_every_change(bus: Bus, view: KvView[int]) -> None:
    changes: list[tuple[str, int | None]] = []
    view.on_change(lambda key, value: changes.append((key, value)))
    await view.start()
    first = await put(bus, "a", b"1")
    await put(bus, "a", b"2", expected=first)
    with pytest.raises(NotStored):
        await put(bus, "a", b"3", expected=first)
    await kv.delete(bus, subjects.KEYS_BUCKET, "a")
    await put(bus, "b", b"4")
    assert await view.wait_until(lambda: "b" in view.entries, 2)
    assert changes == [("a", 1), ("a", 2), ("a", None), ("b", 4)]
    assert view.entries == {"b": 4}
    assert not await view.wait_until(lambda: "c" in view.entries, 0.1)


async def test_an_entry_that_cannot_be_read_is_kept_out_and_harms_no_other(bus: Bus, view: KvView[int]) -> None:
    await put(bus, "a", b"1")
    await view.start()
    await put(bus, "a", b"no number")
    await put(bus, "b", b"2")
    assert await view.wait_until(lambda: "b" in view.entries, 2)
    assert view.entries == {"b": 2}
    await put(bus, "a", b"3")
    assert await view.wait_until(lambda: view.entries.get("a") == 3, 2)


async def test_a_listener_that_fails_does_not_stop_the_view(bus: Bus, view: KvView[int]) -> None:
    def fail(key: str, value: int | None) -> None:
        raise ZeroDivisionError

    view.on_change(fail)
    await view.start()
    await put(bus, "a", b"1")
    await put(bus, "b", b"2")
    assert await view.wait_until(lambda: "b" in view.entries, 2)


async def test_a_view_misses_no_change_though_the_server_is_killed(
    bus: Bus, nats: NatsServer, view: KvView[int]
) -> None:
    await put(bus, "gone", b"1")
    await put(bus, "kept", b"1")
    await view.start()
    nats.kill()
    await until(lambda: not bus.connected)
    nats.start()
    await until(lambda: bus.connected)
    writer = await Bus.connect(nats.url, name="writer")
    await kv.delete(writer, subjects.KEYS_BUCKET, "gone")
    await put(writer, "new", b"2")
    assert await view.wait_until(lambda: "new" in view.entries, 5)
    assert view.entries == {"kept": 1, "new": 2}
    await writer.close()


async def test_two_views_agree_after_many_changes_at_once(bus: Bus, view: KvView[int]) -> None:
    other: KvView[int] = KvView(bus, subjects.KEYS_BUCKET, number_of)
    await view.start()
    await other.start()
    for number in range(2_000):
        put(bus, f"k{number % 37}", b"%d" % number)
    await put(bus, "end", b"1")
    for seen in (view, other):
        assert await seen.wait_until(lambda seen=seen: "end" in seen.entries, 5)  # type: ignore[misc]
    assert view.entries == other.entries
    assert view.entries["k1"] == max(number for number in range(2_000) if number % 37 == 1)
    await other.stop()


async def test_a_bucket_that_is_not_there_cannot_be_viewed(bus: Bus) -> None:
    view = KvView(bus, "NOSUCH", number_of)
    with pytest.raises(BusError, match="NOSUCH could not be read"):
        await view.start(0.4)
    await view.stop()
