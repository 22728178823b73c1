"""An outage longer than the stream remembers message ids: what was stored before it is not stored again after it."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from shared import subjects
from shared.bus import Bus, Outbox, header_value, outbox, read
from tests.budgets import until
from tests.nats_server import NatsServer

FACT = "evt.test.v1.a"


@pytest.fixture(autouse=True)
async def _forgetful(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that knows message ids for a tenth of a second, and an outbox that knows that."""
    config = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["config"]
    await bus.api(f"STREAM.UPDATE.{subjects.FACTS}", {**config, "duplicate_window": 100_000_000})
    monkeypatch.setattr(outbox, "REPEAT_WITHIN_S", 0.05)


async def ids(bus: Bus) -> list[str | None]:
    stored = await read(bus, subjects.FACTS, subject=FACT, at_most=None)
    return [header_value(message.headers, "Nats-Msg-Id") for message in stored]


async def test_a_fact_whose_storing_nobody_heard_of_is_stored_once(bus: Bus, nats: NatsServer) -> None:
    facts = Outbox(bus)
    await facts.put(FACT, b"{}", "before")
    client = bus._client
    acks = next(number for number, sub in client._subs.items() if sub._subject.startswith("_ack."))
    deaf = client.direct.pop(acks)
    unheard = [facts.put(FACT, b"{}", f"unheard-{number}") for number in range(3)]
    await asyncio.sleep(0.3)
    client.direct[acks] = deaf
    nats.kill()
    await until(lambda: not bus.connected)
    never_sent = facts.put(FACT, b"{}", "never-sent")
    await asyncio.sleep(0.3)
    nats.start()
    assert await facts.drain(10) == 0
    assert await ids(bus) == ["before", "unheard-0", "unheard-1", "unheard-2", "never-sent"]
    assert [await stored for stored in unheard] == [2, 3, 4]
    assert await never_sent == 5


async def test_messages_can_be_read_from_a_time_on(bus: Bus) -> None:
    facts = Outbox(bus)
    await facts.put(FACT, b"1", "a")
    await asyncio.sleep(0.2)
    moment = time.time()
    await facts.put(FACT, b"2", "b")
    await facts.put("evt.test.v1.other", b"3", "c")
    from_then = datetime.fromtimestamp(moment - 0.1, UTC)
    found = await read(bus, subjects.FACTS, subject=FACT, since=from_then, at_most=None)
    assert [message.data for message in found] == [b"2"]
    whole = datetime.fromtimestamp(moment - 60, UTC)
    assert len(await read(bus, subjects.FACTS, since=whole, at_most=None)) == 3
    never = datetime.fromtimestamp(moment + 60, UTC)
    assert await read(bus, subjects.FACTS, since=never, at_most=None) == []
