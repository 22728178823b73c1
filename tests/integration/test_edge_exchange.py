"""A pending answer at edge, over a real NATS server: frames in order, or the reason why none will come."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
import pytest

from services.edge import exchange as module
from services.edge.exchange import Exchange, Exchanges
from shared import frames, subjects
from shared.bus import Bus
from shared.calls import decode_cancel
from shared.errors import DeadlinePassed, GatewayError, Unavailable
from shared.heartbeat import Heartbeat, Pulse
from tests.nats_server import NatsServer

REQUEST = "req_1"
ROUTER = "router-1"
HEAD = frames.Head(200, (("a", "b"),), True, ROUTER, 1_000)


@pytest.fixture
async def pulse(bus: Bus) -> Pulse:
    pulse = Pulse(bus)
    await pulse.start()
    return pulse


@pytest.fixture
async def exchanges(bus: Bus, pulse: Pulse) -> AsyncIterator[Exchanges]:
    exchanges = Exchanges(bus, pulse, silence_s=1.0)
    await exchanges.start()
    await bus.api("INFO", None)  # by now the server knows of the subscription
    sweep = asyncio.create_task(exchanges.sweep())
    yield exchanges
    sweep.cancel()
    with suppress(asyncio.CancelledError):
        await sweep


@pytest.fixture
async def service(nats: NatsServer) -> AsyncIterator[Bus]:
    """The connection of whoever answers."""
    service = await Bus.connect(nats.url, name="service")
    yield service
    await service.close()


def say(service: Bus, bus: Bus, frame: bytes, request: str = REQUEST) -> None:
    service.publish(subjects.frames(bus.process, request), frame)


def beat(service: Bus, process: str) -> None:
    service.publish(subjects.heartbeat("router"), msgspec.msgpack.encode(Heartbeat("router", process)))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


async def read(exchange: Exchange, within_s: float = 5.0) -> list[bytes]:
    """Return the data of all frames up to the last or the failure."""
    data = []
    async with asyncio.timeout(within_s):
        while (frame := await exchange.next()) is not None:
            data.append(frame.data)
            if frame.flags & frames.LAST:
                break
    return data


async def failed(exchange: Exchange, within_s: float = 5.0) -> GatewayError:
    async with asyncio.timeout(within_s):
        while await exchange.next() is not None:
            pass
    assert exchange.failure is not None
    return exchange.failure


async def test_frames_come_in_their_order_and_the_head_says_how_the_answer_begins(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    say(service, bus, frames.head_frame(0, HEAD, b"one"))
    first = await exchange.next()
    assert first is not None
    assert frames.decode_head(first.header) == HEAD
    assert first.data == b"one"
    for number in range(1, 500):
        say(service, bus, frames.data_frame(number, b"%d" % number, frames.LAST if number == 499 else 0))
    assert await read(exchange) == [b"%d" % number for number in range(1, 500)]
    assert exchange.failure is None
    assert exchange.buffered == 0


async def test_a_lost_frame_fails_the_answer_after_what_came_before_it(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    say(service, bus, frames.head_frame(0, HEAD, b"one"))
    say(service, bus, frames.data_frame(2, b"three", frames.LAST))
    assert await read(exchange) == [b"one"]
    assert isinstance(exchange.failure, Unavailable)
    assert exchange.failure.retry_after_s == 1


@pytest.mark.parametrize("number", [1, 0])
async def test_a_frame_out_of_turn_fails_the_answer(bus: Bus, service: Bus, exchanges: Exchanges, number: int) -> None:
    exchange = exchanges.open(REQUEST, 10)
    if number == 0:
        say(service, bus, frames.head_frame(0, HEAD, b"one"))
    say(service, bus, frames.data_frame(number, b"again"))
    assert isinstance(await failed(exchange), Unavailable)


async def test_frames_of_a_request_nobody_waits_for_are_dropped(bus: Bus, service: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    exchanges.close(exchange)
    other = exchanges.open("req_2", 10)
    say(service, bus, frames.head_frame(0, HEAD, b"late"))
    say(service, bus, frames.head_frame(0, HEAD, b"mine", frames.LAST), "req_2")
    assert await read(other) == [b"mine"]
    assert not exchange.frames
    assert exchanges.pending == 1


async def test_what_is_no_frame_is_dropped(bus: Bus, service: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    for garbage in (b"", b"x", b"\x01\x00\x00\x00\x00\xff\xff\xff\xff"):
        say(service, bus, garbage)
    say(service, bus, frames.head_frame(0, HEAD, b"whole", frames.LAST))
    assert await read(exchange) == [b"whole"]


async def test_a_failure_arrives_as_the_frame_it_is(bus: Bus, service: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    say(service, bus, frames.failure_frame(0, Unavailable("no", retry_after_s=7).to_dict()))
    frame = await exchange.next()
    assert frame is not None
    assert frame.flags == frames.FAILURE | frames.LAST
    failure = GatewayError.from_dict(frames.decode_failure(frame.header))
    assert (failure.status, failure.message, failure.retry_after_s) == (503, "no", 7)


async def test_a_request_nobody_takes_is_refused_as_soon_as_nats_says_so(bus: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    bus.publish(subjects.admit(0), b"", subjects.frames(bus.process, REQUEST))
    failure = await failed(exchange)
    assert (failure.status, failure.retry_after_s) == (503, 1)
    assert "no policy service is running" in failure.message, "it did not wait until nobody had said anything for long"


async def test_a_request_of_which_nobody_says_anything_is_refused_after_the_silence(exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    assert "took the request" in (await failed(exchange)).message
    assert time.monotonic() - exchange.opened >= 1.0


async def test_a_word_of_who_works_on_it_ends_the_silence(bus: Bus, service: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    beat(service, ROUTER)
    say(service, bus, frames.progress_frame(ROUTER, is_router=True))
    await asyncio.sleep(1.3)
    assert exchange.failure is None
    assert (exchange.worker, exchange.router) == (ROUTER, ROUTER)
    say(service, bus, frames.head_frame(0, HEAD, b"done", frames.LAST))
    assert await read(exchange) == [b"done"]


async def test_a_request_that_was_sent_on_must_be_taken_by_somebody(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    beat(service, "policy-1")
    say(service, bus, frames.progress_frame("policy-1"))
    await asyncio.sleep(0.3)
    assert (exchange.worker, exchange.router) == ("policy-1", "")
    say(service, bus, frames.progress_frame(""))
    assert "took the request" in (await failed(exchange)).message


async def test_a_router_that_falls_silent_fails_what_it_worked_on(
    bus: Bus, service: Bus, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.heartbeat.DEAD_AFTER_S", 0.5)
    exchange = exchanges.open(REQUEST, 10)
    beat(service, ROUTER)
    say(service, bus, frames.progress_frame(ROUTER, is_router=True))
    failure = await failed(exchange)
    assert (failure.status, failure.retry_after_s) == (503, 1)
    assert "died" in failure.message


async def test_a_router_of_which_nothing_was_heard_yet_is_not_taken_for_dead(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    say(service, bus, frames.progress_frame(ROUTER, is_router=True))
    await asyncio.sleep(0.4)
    assert exchange.failure is None
    beat(service, ROUTER)
    say(service, bus, frames.head_frame(0, HEAD, b"done", frames.LAST))
    assert await read(exchange) == [b"done"]


async def test_a_living_router_that_stops_reporting_on_a_request_fails_it(
    bus: Bus, service: Bus, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORT_SILENCE_S", 0.4)
    exchange = exchanges.open(REQUEST, 10)
    beat(service, ROUTER)
    say(service, bus, frames.head_frame(0, HEAD, b"one"))
    assert await exchange.next() is not None
    assert "stopped reporting" in (await failed(exchange, 1.5)).message


async def test_an_answer_that_does_not_come_in_time_fails_with_the_deadline(exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 0.3)
    failure = await failed(exchange, 1.0)
    assert isinstance(failure, DeadlinePassed)
    assert failure.message == "no answer within 0.3 s (the request's timeout)"


async def test_a_stream_may_take_longer_than_the_deadline_as_long_as_frames_come(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 0.4)
    beat(service, ROUTER)
    say(service, bus, frames.head_frame(0, HEAD, b"0"))
    for number in range(1, 5):
        await asyncio.sleep(0.2)
        say(service, bus, frames.data_frame(number, b"%d" % number, frames.LAST if number == 4 else 0))
    assert await read(exchange) == [b"0", b"1", b"2", b"3", b"4"]


async def test_frames_that_came_are_handed_out_before_a_failure_is_told(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    say(service, bus, frames.head_frame(0, HEAD, b"one"))
    say(service, bus, frames.data_frame(1, b"two"))
    await asyncio.sleep(0.1)
    exchange.fail(Unavailable("later"))
    assert await read(exchange) == [b"one", b"two"]


async def test_what_waits_for_a_client_that_does_not_read_has_a_bound(
    bus: Bus, service: Bus, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUFFERED_BYTES_MAX", 2_000)
    exchange = exchanges.open(REQUEST, 10)
    beat(service, ROUTER)
    say(service, bus, frames.head_frame(0, HEAD, b""))
    for number in range(1, 10):
        say(service, bus, frames.data_frame(number, b"x" * 500))
    await asyncio.sleep(0.2)
    assert len(await read(exchange)) == 5
    assert exchange.failure is not None
    assert "too slowly" in exchange.failure.message


async def test_a_file_waits_on_disk_for_a_client_that_reads_slowly(
    bus: Bus, service: Bus, exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUFFERED_BYTES_MAX", 2_000)
    exchange = exchanges.open(REQUEST, 10, spools=True)
    beat(service, ROUTER)
    parts = [bytes([number]) * 500 for number in range(1, 20)]
    say(service, bus, frames.head_frame(0, HEAD, b""))
    for number, part in enumerate(parts[:10], start=1):
        say(service, bus, frames.data_frame(number, part))
    await until(lambda: exchange.expected == 11)
    assert exchange.buffered <= 2_500
    head = await exchange.next()
    assert head is not None
    for number, part in enumerate(parts[10:], start=11):  # some fit into memory again, behind those on disk
        say(service, bus, frames.data_frame(number, part, frames.LAST if number == len(parts) else 0))
    assert b"".join(await read(exchange)) == b"".join(parts)
    exchanges.close(exchange)


async def test_only_the_first_failure_counts(exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    exchange.fail(Unavailable("first"))
    exchange.fail(DeadlinePassed("second"))
    assert (await failed(exchange)).message == "first"


async def test_a_client_that_leaves_ends_the_waiting_and_its_router_is_told(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    await service.subscribe(
        subjects.cancel(ROUTER), lambda message: told.set_result(decode_cancel(message.data).request_id)
    )
    await service.api("INFO", None)
    exchange = exchanges.open(REQUEST, 10)
    beat(service, ROUTER)
    say(service, bus, frames.progress_frame(ROUTER, is_router=True))
    waiting = asyncio.create_task(exchange.next())
    await asyncio.sleep(0.2)
    exchange.leave()
    assert await asyncio.wait_for(waiting, 5) is None
    exchanges.cancel(exchange)
    assert await asyncio.wait_for(told, 5) == REQUEST


async def test_who_says_to_work_for_a_client_that_has_left_is_told_until_a_router_has_heard(
    bus: Bus, service: Bus, exchanges: Exchanges
) -> None:
    told: list[tuple[str, str]] = []
    for process in ("policy-1", ROUTER):
        await service.subscribe(
            subjects.cancel(process),
            lambda message: told.append((message.subject, decode_cancel(message.data).request_id)),
        )
    await service.flush(2)
    exchange = exchanges.open(REQUEST, 10)
    exchange.leave()
    exchanges.cancel(exchange)  # nobody has said anything yet
    exchanges.close(exchange)
    assert await exchange.next() is None
    say(service, bus, frames.progress_frame("policy-1"))
    await until(lambda: told == [(subjects.cancel("policy-1"), REQUEST)])
    say(service, bus, frames.progress_frame(""))  # it was sent on before that was heard
    say(service, bus, frames.progress_frame(ROUTER, is_router=True))
    await until(lambda: told[1:] == [(subjects.cancel(ROUTER), REQUEST)])
    assert exchanges.pending == 0


@pytest.mark.parametrize(
    ("frame", "hears"),
    [
        (frames.head_frame(0, HEAD, b"one"), [REQUEST]),
        (frames.head_frame(0, HEAD, b"all", frames.LAST), []),
        (frames.failure_frame(0, GatewayError("no").to_dict()), []),
    ],
)
async def test_an_answer_to_a_client_that_has_left_is_forgotten_once_its_router_knows(
    bus: Bus, service: Bus, exchanges: Exchanges, frame: bytes, hears: list[str]
) -> None:
    told: list[str] = []
    await service.subscribe(
        subjects.cancel(ROUTER), lambda message: told.append(decode_cancel(message.data).request_id)
    )
    await service.flush(2)
    exchange = exchanges.open(REQUEST, 10)
    exchange.leave()
    exchanges.cancel(exchange)
    exchanges.close(exchange)
    say(service, bus, frame)
    await until(lambda: exchanges.pending == 0)
    await bus.flush(2)
    await service.flush(2)
    assert told == hears


async def test_of_a_client_that_has_left_nothing_stays_where_nobody_answers(bus: Bus, exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    exchange.leave()
    exchanges.cancel(exchange)
    exchanges.close(exchange)
    await until(lambda: exchanges.pending == 0)


async def test_a_client_that_leaves_while_nats_is_away_ends_the_waiting_all_the_same(
    bus: Bus, nats: NatsServer, exchanges: Exchanges
) -> None:
    exchange = exchanges.open(REQUEST, 10)
    exchange.router = ROUTER
    nats.kill()
    await until(lambda: not bus.connected)
    exchange.leave()
    exchanges.cancel(exchange)
    assert await exchange.next() is None


async def test_the_client_is_watched_only_when_the_answer_takes_a_while(exchanges: Exchanges) -> None:
    exchange = exchanges.open(REQUEST, 10)
    watched: list[float] = []
    exchange.watch = lambda: watched.append(time.monotonic() - exchange.opened)
    await until(lambda: bool(watched))
    await asyncio.sleep(0.3)
    assert len(watched) == 1
    assert watched[0] > module.SWEEP_S
