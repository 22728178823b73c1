"""Signs of life over a real NATS server: who is there, what it lacks, and who has died."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from shared import heartbeat, subjects
from shared.bus import Bus
from shared.heartbeat import Pulse, beat
from tests.nats_server import NatsServer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.01)


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def pulse(bus: Bus) -> Pulse:
    pulse = Pulse(bus)
    await pulse.start()
    await bus.api("INFO", None)
    return pulse


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "INTERVAL_S", 0.1)
    monkeypatch.setattr(heartbeat, "DEAD_AFTER_S", 0.5)


async def test_a_service_of_which_nothing_was_heard_is_not_running(pulse: Pulse) -> None:
    assert pulse.lacks("router") == "not running"


async def test_a_service_that_lives_and_lacks_nothing_is_there(bus: Bus, pulse: Pulse) -> None:
    beating = asyncio.create_task(beat(bus, "router"))
    await until(lambda: pulse.lacks("router") == "")
    assert pulse.alive(bus.process)
    assert pulse.lacks("policy") == "not running"
    await end(beating)


async def test_a_service_says_what_it_lacks_and_that_it_has_it_again(bus: Bus, pulse: Pulse) -> None:
    lack = "clickhouse"
    beating = asyncio.create_task(beat(bus, "ledger", lambda: lack))
    await until(lambda: pulse.lacks("ledger") == "clickhouse")
    lack = ""
    await until(lambda: pulse.lacks("ledger") == "")
    await end(beating)


async def test_of_several_processes_one_that_lacks_nothing_is_enough(bus: Bus, nats: NatsServer, pulse: Pulse) -> None:
    other = await Bus.connect(nats.url, name="other")
    beats = [asyncio.create_task(beat(bus, "ledger", lambda: "clickhouse")), asyncio.create_task(beat(other, "ledger"))]
    await until(lambda: pulse.lacks("ledger") == "")
    await asyncio.sleep(0.3)
    assert pulse.lacks("ledger") == ""
    await end(beats.pop())
    await until(lambda: pulse.lacks("ledger") == "clickhouse")
    await end(beats.pop())
    await other.close()


async def test_a_process_that_falls_silent_is_dead_and_its_service_not_running(bus: Bus, pulse: Pulse) -> None:
    beating = asyncio.create_task(beat(bus, "router"))
    await until(lambda: pulse.lacks("router") == "")
    await end(beating)
    await until(lambda: not pulse.alive(bus.process))
    assert pulse.lacks("router") == "not running"


async def test_a_process_nobody_heard_of_has_as_long_as_any_other_to_give_a_sign(pulse: Pulse) -> None:
    assert pulse.alive("router-new")
    assert pulse.lacks("router") == "not running"
    await asyncio.sleep(0.6)
    assert not pulse.alive("router-new")


async def test_nobody_is_dead_because_nats_is_away(bus: Bus, nats: NatsServer, pulse: Pulse) -> None:
    beating = asyncio.create_task(beat(bus, "router"))
    await until(lambda: pulse.lacks("router") == "")
    nats.kill()
    await until(lambda: not bus.connected)
    await asyncio.sleep(0.7)
    assert pulse.alive(bus.process)
    nats.start()
    await until(lambda: bus.connected)
    assert pulse.alive(bus.process)
    await until(lambda: pulse.lacks("router") == "")
    await end(beating)


async def test_a_sign_that_cannot_be_read_harms_nothing(bus: Bus, pulse: Pulse) -> None:
    bus.publish(subjects.heartbeat("router"), b"\xff")
    beating = asyncio.create_task(beat(bus, "router"))
    await until(lambda: pulse.lacks("router") == "")
    await end(beating)


async def test_what_is_remembered_has_a_bound(bus: Bus, pulse: Pulse) -> None:
    for number in range(400):
        process = f"router-{number}"
        bus.publish(subjects.heartbeat("router"), heartbeat._encode(heartbeat.Heartbeat("router", process)))
    await until(lambda: "router-399" in pulse._signs)
    assert len(pulse._signs) <= 256
    assert pulse.alive("router-399")
