"""The end of a batch is told once, whoever crashes between settling it and telling it."""

import asyncio
import time
from typing import Any

import pytest

from services.router.choice.plan import Groups
from services.router.objects import batch_watch
from services.router.objects.at_provider import AtProvider
from services.router.objects.batch_watch import GIVEN_UP_MS, BatchWatch
from services.router.objects.settle import Settler
from services.router.transport.transports import Transports
from shared import subjects
from shared.bus import Bus, KvView, Outbox, header_value, read
from shared.kept.open_batches import OpenBatch, decode_batch, open_batch
from shared.prices import PriceBook
from tests.budgets import until
from tests.router_calls import complete

FACT_ID, SUBJECT = "fin_req_1", "evt.completion.finished.v1.t1"
NOW_MS = time.time_ns() // 1_000_000


def entry(**fields: Any) -> OpenBatch:
    call = complete("req_1", "edge-1", b'{"model": "m"}')
    known = {
        "call": call,
        "owner": "key:k",
        "deployment": "d1",
        "batch_id": "batch_1",
        "started_ms": NOW_MS,
        "next_ms": 0,
    }
    return OpenBatch(**{**known, **fields})


async def watched(bus: Bus, outbox: Outbox) -> tuple[BatchWatch, asyncio.Task[None]]:
    at_provider = AtProvider(Transports({}), {})
    groups = Groups({}, {}, {}, {}, balanced=False, num_retries=0)
    watch = BatchWatch(bus, outbox, groups, at_provider, Settler(bus, outbox, PriceBook(), at_provider), poll_s=60)
    await watch.start()
    return watch, asyncio.get_running_loop().create_task(watch.run())


async def open_entries(bus: Bus) -> dict[str, OpenBatch]:
    view = KvView(bus, subjects.BATCHES_BUCKET, decode_batch)
    await view.start()
    await view.stop()
    return dict(view.entries)


async def told(bus: Bus) -> list[str | None]:
    found = await read(bus, subjects.FACTS, subject=SUBJECT, at_most=None)
    return [header_value(message.headers, "Nats-Msg-Id") for message in found]


@pytest.mark.parametrize("was_told", [True, False])
@pytest.mark.parametrize("age_s", [1, 3_600])
async def test_an_end_that_is_written_down_is_told_once(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, was_told: bool, age_s: int
) -> None:
    """Also where the stream does not know the message's id any more."""
    outbox = Outbox(bus)
    if age_s > 600:
        config = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["config"]
        await bus.api(f"STREAM.UPDATE.{subjects.FACTS}", {**config, "duplicate_window": 100_000_000})
    if was_told:
        await outbox.put(SUBJECT, b"{}", FACT_ID)
        await asyncio.sleep(0.2)
    settled = entry(finished=b"{}", finished_subject=SUBJECT, finished_id=FACT_ID, settled_ms=NOW_MS - age_s * 1000)
    await open_batch(bus, settled)
    monkeypatch.setattr(batch_watch, "TURN_S", 0.02)
    watch, running = await watched(bus, outbox)
    await until(lambda: not watch.open)
    assert await told(bus) == [FACT_ID]
    assert await open_entries(bus) == {}
    running.cancel()


async def test_a_batch_that_cannot_be_asked_for_stays_open_and_is_given_up_at_last(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_watch, "TURN_S", 0.02)
    await open_batch(bus, entry())
    watch, running = await watched(bus, Outbox(bus))
    await until(lambda: [found.next_ms for found in watch.open if found.next_ms > NOW_MS + 50_000])
    await open_batch(bus, entry(started_ms=NOW_MS - GIVEN_UP_MS - 1))
    await until(lambda: not watch.open)
    assert await told(bus) == []
    running.cancel()


async def test_two_routers_never_look_after_one_batch_at_once(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_watch, "TURN_S", 0.02)
    outbox = Outbox(bus)
    await open_batch(bus, entry(finished=b"{}", finished_subject=SUBJECT, finished_id=FACT_ID, settled_ms=NOW_MS))
    watches = [await watched(bus, outbox) for _ in range(2)]
    await until(lambda: all(not watch.open for watch, _ in watches))
    assert await told(bus) == [FACT_ID]
    for _, running in watches:
        running.cancel()
