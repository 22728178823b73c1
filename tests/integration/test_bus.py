"""The bus on a real NATS server: what is stored, asked, served and lost, also when the server is killed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from shared import subjects
from shared.bus import (
    Bus,
    Conflict,
    Message,
    MessageTooBig,
    NoResponders,
    NotConnected,
    NotStored,
    Outbox,
    header_value,
    newest,
    prepare_streams,
    read,
    store_batch,
)
from tests.nats_server import NatsServer

FACT = "evt.test.v1.a"


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


@pytest.fixture
async def other(nats: NatsServer) -> AsyncIterator[Bus]:
    other = await Bus.connect(nats.url, name="other")
    yield other
    await other.close()


async def test_where_no_server_answers_connecting_fails_in_time() -> None:
    with pytest.raises(NotConnected, match=r"nats://127\.0\.0\.1:1"):
        await Bus.connect("nats://127.0.0.1:1", name="test", timeout_s=0.3)


async def test_a_server_that_comes_later_is_waited_for(nats: NatsServer) -> None:
    nats.stop()
    connecting = asyncio.create_task(Bus.connect(nats.url, name="test"))
    await asyncio.sleep(0.3)
    nats.start()
    bus = await connecting
    assert bus.connected
    await bus.close()


async def test_streams_are_prepared_by_several_processes_at_once_and_again(nats: NatsServer) -> None:
    buses = [await Bus.connect(nats.url, name=f"test-{number}") for number in range(4)]
    await asyncio.gather(*[prepare_streams(bus) for bus in buses])
    await prepare_streams(buses[0])
    streams = await buses[0].api("STREAM.NAMES", {})
    assert {subjects.FACTS, subjects.CONTROL, subjects.JOURNAL, subjects.LEDGER} <= set(streams["streams"])
    for bus in buses:
        await bus.close()


# Storing


async def test_a_message_is_stored_with_its_headers_and_its_sequence_told(bus: Bus) -> None:
    assert await bus.store(FACT, b"one", headers={"Own": "x"}) == 1
    assert await bus.store(FACT, b"two") == 2
    (one, two) = await read(bus, subjects.FACTS, at_most=None)
    assert (one.seq, one.subject, one.data, header_value(one.headers, "Own")) == (1, FACT, b"one", "x")
    assert (two.data, header_value(two.headers, "Own")) == (b"two", None)


async def test_a_message_with_the_same_id_is_stored_once(bus: Bus) -> None:
    first = await bus.store(FACT, b"one", msg_id="m1")
    assert await bus.store(FACT, b"one", msg_id="m1") == first
    assert len(await read(bus, subjects.FACTS, at_most=None)) == 1


async def test_who_writes_second_is_told_of_the_conflict(bus: Bus, other: Bus) -> None:
    assert await bus.store(FACT, b"one", expected_last=0) == 1
    with pytest.raises(Conflict):
        await other.store(FACT, b"also one", expected_last=0)
    assert await other.store(FACT, b"two", expected_last=1) == 2
    assert [message.data for message in await read(bus, subjects.FACTS, at_most=None)] == [b"one", b"two"]


async def test_of_many_writers_exactly_one_wins(bus: Bus) -> None:
    outcomes = await asyncio.gather(
        *[bus.store(FACT, b"%d" % number, expected_last=0) for number in range(50)], return_exceptions=True
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 49


async def test_a_subject_no_stream_captures_is_not_stored(bus: Bus) -> None:
    with pytest.raises(NotStored, match="no stream captures"):
        await bus.store("nowhere.at.all", b"x")


async def test_many_messages_at_once_are_all_stored_in_order(bus: Bus) -> None:
    sequences = await asyncio.gather(*[bus.store(FACT, b"%d" % number) for number in range(3_000)])
    assert sequences == list(range(1, 3_001))
    messages = await read(bus, subjects.FACTS, at_most=None)
    assert [message.data for message in messages] == [b"%d" % number for number in range(3_000)]


def batch_of(size: int, *, first_expects: int | None = 0) -> list[tuple[str, bytes, int | None, dict[str, str]]]:
    subject = f"{subjects.CONTROL_PREFIX}.a"
    return [
        (f"{subject}.{number}", b"%d" % number, first_expects if number == 0 else None, {"N": str(number)})
        for number in range(size)
    ]


@pytest.mark.parametrize("size", [1, 2, 1_000])
async def test_a_batch_is_stored_whole(bus: Bus, size: int) -> None:
    assert await store_batch(bus, batch_of(size)) == size
    messages = await read(bus, subjects.CONTROL, at_most=None)
    assert [message.data for message in messages] == [b"%d" % number for number in range(size)]
    assert header_value(messages[-1].headers, "N") == str(size - 1)


async def test_a_batch_with_a_conflict_is_stored_not_at_all(bus: Bus) -> None:
    await bus.store(f"{subjects.CONTROL_PREFIX}.a.0", b"first")
    with pytest.raises(Conflict):
        await store_batch(bus, batch_of(10))
    assert len(await read(bus, subjects.CONTROL, at_most=None)) == 1


async def test_batches_at_once_do_not_mix(bus: Bus, other: Bus) -> None:
    one = batch_of(100)
    two = [(f"{subject}.b", data, expected, headers) for subject, data, expected, headers in batch_of(100)]
    await asyncio.gather(store_batch(bus, one), store_batch(other, two))
    messages = await read(bus, subjects.CONTROL, at_most=None)
    assert len(messages) == 200
    of_two = [message.subject.endswith(".b") for message in messages]
    assert of_two in ([False] * 100 + [True] * 100, [True] * 100 + [False] * 100)


async def test_an_empty_batch_is_an_error_of_the_caller(bus: Bus) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await store_batch(bus, [])


async def test_a_message_the_server_does_not_take_is_refused_here_and_the_connection_stays(bus: Bus) -> None:
    for headers in (b"", b"NATS/1.0\r\nA: b\r\n\r\n"):
        with pytest.raises(MessageTooBig, match="1048576"):
            bus.publish(FACT, b"x" * (1_048_577 - len(headers)), "", headers)
    with pytest.raises(MessageTooBig):
        await bus.store(FACT, b"x" * 1_048_577)
    with pytest.raises(MessageTooBig):
        await bus.request("somebody", b"x" * 1_048_577, timeout_s=1)
    assert await bus.store(FACT, b"x" * (1_048_576 - 200)) == 1
    assert bus.connected


async def test_while_the_server_is_away_everything_fails_at_once(bus: Bus, nats: NatsServer) -> None:
    nats.kill()
    await until(lambda: not bus.connected)
    with pytest.raises(NotConnected):
        bus.publish("a", b"")
    with pytest.raises(NotConnected):
        await bus.store(FACT, b"")
    with pytest.raises(NotConnected):
        await bus.request("a", b"", timeout_s=5)
    with pytest.raises(NotConnected):
        await store_batch(bus, batch_of(2))
    with pytest.raises(NotConnected):
        await newest(bus, subjects.FACTS, FACT)


async def test_what_waits_for_an_answer_when_the_server_dies_is_told_at_once(bus: Bus, nats: NatsServer) -> None:
    async def never(_: Message) -> bytes:
        await asyncio.sleep(60)
        return b""

    await bus.serve("slow", never)
    asking = asyncio.create_task(bus.request("slow", b"", timeout_s=60))
    await asyncio.sleep(0.1)
    nats.kill()
    with pytest.raises(NotConnected):
        await asyncio.wait_for(asking, 2)


# Asking and serving


async def test_a_question_gets_its_own_answer(bus: Bus, other: Bus) -> None:
    async def twice(message: Message) -> bytes:
        await asyncio.sleep(0.02 if message.data < b"5" else 0)
        return message.data * 2

    await other.serve("twice", twice)
    await other.api("INFO", None)
    answers = await asyncio.gather(*[bus.request("twice", b"%d" % number, timeout_s=2) for number in range(10)])
    assert answers == [b"%d%d" % (number, number) for number in range(10)]


async def test_a_question_nobody_serves_is_answered_by_the_server_itself(bus: Bus) -> None:
    with pytest.raises(NoResponders):
        await bus.request("nobody", b"", timeout_s=5)


async def test_a_question_that_is_not_answered_ends_with_its_time(bus: Bus, other: Bus) -> None:
    await other.subscribe("deaf", lambda message: None)
    await other.api("INFO", None)
    with pytest.raises(TimeoutError):
        await bus.request("deaf", b"", timeout_s=0.2)
    assert not bus._replies


async def test_an_answer_that_comes_too_late_harms_nobody(bus: Bus, other: Bus) -> None:
    async def late(message: Message) -> bytes:
        await asyncio.sleep(0.3)
        return message.data

    await other.serve("late", late)
    await other.api("INFO", None)
    with pytest.raises(TimeoutError):
        await bus.request("late", b"one", timeout_s=0.1)
    assert await bus.request("late", b"two", timeout_s=2) == b"two"


async def test_of_a_queue_group_one_serves(bus: Bus, other: Bus) -> None:
    served: list[str] = []

    def serving(name: str) -> Callable[[Message], object]:
        async def serve(_: Message) -> bytes:
            served.append(name)
            return name.encode()

        return serve

    for server, name in ((bus, "one"), (other, "two")):
        await server.serve("shared", serving(name), queue="group")  # type: ignore[arg-type]
        await server.api("INFO", None)
    answers = await asyncio.gather(*[bus.request("shared", b"", timeout_s=2) for _ in range(60)])
    assert len(served) == 60
    assert set(answers) == {b"one", b"two"}


async def test_no_more_is_served_at_once_than_agreed(bus: Bus, other: Bus) -> None:
    now = most = 0

    async def busy(_: Message) -> bytes:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return b""

    await other.serve("busy", busy, at_once_max=3)
    await other.api("INFO", None)
    await asyncio.gather(*[bus.request("busy", b"", timeout_s=5) for _ in range(30)])
    assert most == 3


async def test_a_handler_that_fails_spoils_no_other_question(bus: Bus, other: Bus) -> None:
    async def picky(message: Message) -> bytes:
        if message.data == b"bad":
            raise ZeroDivisionError
        return b"ok"

    await other.serve("picky", picky)
    await other.api("INFO", None)
    with pytest.raises(TimeoutError):
        await bus.request("picky", b"bad", timeout_s=0.2)
    assert await bus.request("picky", b"good", timeout_s=2) == b"ok"


async def test_a_subscriber_that_fails_gets_the_next_message_all_the_same(bus: Bus) -> None:
    got: list[bytes] = []

    def handle(message: Message) -> None:
        if message.data == b"bad":
            raise ZeroDivisionError
        got.append(message.data)

    await bus.subscribe("a", handle)
    for data in (b"bad", b"good"):
        bus.publish("a", data)
    await until(lambda: got == [b"good"])


async def test_messages_of_nearly_a_megabyte_pass_in_both_directions(bus: Bus, other: Bus) -> None:
    async def reverse(message: Message) -> bytes:
        return message.data[::-1]

    await other.serve("reverse", reverse)
    await other.api("INFO", None)
    payload = bytes(range(256)) * 4_095
    answers = await asyncio.gather(*[bus.request("reverse", payload, timeout_s=10) for _ in range(10)])
    assert answers == [payload[::-1]] * 10


async def test_an_ended_subscription_gets_nothing_more(bus: Bus) -> None:
    got: list[bytes] = []
    number = await bus.subscribe("a", lambda message: got.append(message.data))
    bus.publish("a", b"one")
    await until(lambda: got == [b"one"])
    await bus.unsubscribe(number)
    bus.publish("a", b"two")
    await bus.api("INFO", None)
    assert got == [b"one"]
    await bus.unsubscribe(number)


# Kills


async def test_subscriptions_are_there_again_after_the_server_was_killed(bus: Bus, nats: NatsServer) -> None:
    got: list[bytes] = []
    back = asyncio.Event()
    bus.on_reconnect(back.set)
    await bus.subscribe("a", lambda message: got.append(message.data))
    nats.kill()
    await until(lambda: not bus.connected)
    nats.start()
    await asyncio.wait_for(back.wait(), 5)
    bus.publish("a", b"after")
    await until(lambda: got == [b"after"])


async def test_a_subscription_ended_while_the_server_is_away_does_not_come_back(bus: Bus, nats: NatsServer) -> None:
    before = len(bus._client._subs)
    number = await bus.subscribe("a", lambda message: None)
    nats.kill()
    await until(lambda: not bus.connected)
    await bus.unsubscribe(number)
    assert len(bus._client._subs) == before
    nats.start()
    await until(lambda: bus.connected)
    with pytest.raises(NoResponders):
        await bus.request("a", b"", timeout_s=2)


async def test_many_clients_survive_a_server_that_restarts_again_and_again(nats: NatsServer) -> None:
    buses = [await Bus.connect(nats.url, name=f"test-{number}") for number in range(20)]
    got = [0] * len(buses)

    def count(number: int) -> Callable[[Message], None]:
        def counted(_: Message) -> None:
            got[number] += 1

        return counted

    for number, bus in enumerate(buses):
        await bus.subscribe("all", count(number))
    for _ in range(3):
        nats.kill()
        nats.start()
        await until(lambda: not all(bus.connected for bus in buses))
        await asyncio.sleep(0.15)  # some are back by now, some not yet
    await until(lambda: all(bus.connected for bus in buses))
    for bus in buses:
        await bus.api("INFO", None)
    got[:] = [0] * len(buses)
    buses[0].publish("all", b"")
    await until(lambda: got == [1] * len(buses))
    for bus in buses:
        await bus.close()


# The outbox


async def test_facts_are_stored_once_though_the_server_is_killed_while_they_are_sent(
    bus: Bus, nats: NatsServer
) -> None:
    outbox = Outbox(bus)
    stored = []
    for number in range(600):
        stored.append(outbox.put(FACT, b"%d" % number, f"fact-{number}"))
        if number in (200, 400):
            nats.kill()
            await asyncio.sleep(0.05)
            nats.start()
        if number % 20 == 0:
            await asyncio.sleep(0.005)
    assert await outbox.drain(10) == 0
    assert all(future.done() and future.exception() is None for future in stored)
    messages = await read(bus, subjects.FACTS, at_most=None)
    assert sorted(int(message.data) for message in messages) == list(range(600))
    assert outbox.retries > 0
    assert outbox.oldest_since is None


async def test_an_outbox_that_cannot_store_is_full_some_day_and_says_since_when(bus: Bus, nats: NatsServer) -> None:
    outbox = Outbox(bus, facts_max=10)
    nats.kill()
    await until(lambda: not bus.connected)
    for number in range(10):
        assert not outbox.full
        outbox.put(FACT, b"", f"fact-{number}")
    assert (outbox.full, outbox.waiting) == (True, 10)
    await until(lambda: outbox.oldest_since is not None)
    assert await outbox.drain(0.2) == 10
    nats.start()
    assert await outbox.drain(10) == 0
    assert (outbox.full, outbox.oldest_since) == (False, None)


async def test_a_fact_too_big_for_the_server_does_not_keep_the_others_waiting(bus: Bus) -> None:
    outbox = Outbox(bus)
    big = outbox.put(FACT, b"x" * 2_000_000, "big")
    small = outbox.put(FACT, b"x", "small")
    assert await small == 1
    with pytest.raises(MessageTooBig):
        await big
    assert (await outbox.drain(1), outbox.retries) == (0, 0)


async def test_nothing_is_left_behind_when_a_connection_is_closed(nats: NatsServer) -> None:
    bus = await Bus.connect(nats.url, name="test")
    await prepare_streams(bus)
    stored = bus.store(FACT, b"last words")
    await bus.close()
    assert not bus.connected
    with suppress(NotStored):
        await stored
    other = await Bus.connect(nats.url, name="other")
    assert len(await read(other, subjects.FACTS, at_most=None)) == 1
    await other.close()


async def test_what_was_sent_before_a_flush_has_reached_the_server_after_it(bus: Bus, other: Bus) -> None:
    async def answer(_: Message) -> bytes:
        return b"here"

    for number in range(200):
        await bus.serve(f"flushed.{number}", answer)
        await bus.flush(2)
        assert await other.request(f"flushed.{number}", b"", timeout_s=5) == b"here"
