"""Processes die, streams vanish, a second ledger starts: no fact is lost or counted twice; who cannot go on says why.

Given facts are published all the while; when something is killed; then, all parts back, each fact is there once.
"""

import asyncio
import random
import shutil
import time
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.ledger.settings import LedgerSettings
from services.ledger.store import Address, Store, StoreError
from shared import subjects
from shared.bus import Bus, BusError, Outbox, prepare_streams
from shared.facts import encode_fact
from tests.integration.embedded.embedded_process import EmbeddedClickHouse, free_port
from tests.integration.embedded.embedded_process import start as start_clickhouse
from tests.integration.ledger.facts import admitted, finished, lost, publish, received, request_id
from tests.integration.ledger.running import (
    LedgerTask,
    clickhouse_url,
    eventually,
    kill,
    running_ledger,
    settings_for,
    start_process,
    written,
)
from tests.nats_server import NatsServer

USD = Decimal("0.000000000001")
TOTALS = """
SELECT
    (SELECT count() FROM facts), (SELECT uniqExact(seq) FROM facts),
    (SELECT count() FROM requests), (SELECT sum(cost) FROM requests),
    (SELECT count() FROM request_rows)
"""


async def _publish_until(bus: Bus, stop: asyncio.Event, costs: list[int]) -> None:
    """Store three facts a request, through an outbox as the services do; `costs` collects what was spent."""
    outbox = Outbox(bus)
    chance = random.Random(7)
    while not stop.is_set():
        for _ in range(20):
            request, cost = request_id(int(time.time() * 1000)), chance.randrange(10**10)
            for fact in (received(request), admitted(request), finished(request, cost)):
                outbox.put(fact.subject, encode_fact(fact), fact.id)
            costs.append(cost)
        await asyncio.sleep(0.02)
    assert await outbox.drain(30.0) == 0


async def test_kills_of_ledger_database_and_nats_lose_and_double_nothing(nats: NatsServer, tmp_path: Path) -> None:
    port = free_port()
    clickhouse = start_clickhouse(tmp_path / "data", port)
    url = clickhouse_url(port, "faults")
    bus = await Bus.connect(nats.url, name="test")
    await prepare_streams(bus)
    ledger = start_process(nats.url, url, tmp_path / "ledger.log")
    stop, costs = asyncio.Event(), list[int]()
    publishing = asyncio.create_task(_publish_until(bus, stop, costs))
    await asyncio.sleep(2.0)
    for victim in ("ledger", "clickhouse", "nats", "clickhouse", "ledger", "nats"):
        if victim == "ledger":
            kill(ledger)
            ledger = start_process(nats.url, url, tmp_path / "ledger.log")
        elif victim == "clickhouse":
            await asyncio.to_thread(clickhouse.kill)
            clickhouse = await asyncio.to_thread(start_clickhouse, tmp_path / "data", port)
        else:
            await asyncio.to_thread(nats.kill)
            await asyncio.to_thread(nats.start)
        await asyncio.sleep(0.7 + random.Random(victim).random() / 2)
    stop.set()
    await publishing
    await written(bus)
    log = (tmp_path / "ledger.log").read_text()
    assert ledger.poll() is None, log
    store = Store(Address.parse(url))
    await store.open()
    [(facts, distinct, requests, cost, rows)] = await store.query(TOTALS)
    assert (facts, distinct) == (3 * len(costs), 3 * len(costs))
    assert (requests, rows) == (len(costs), len(costs))
    assert cost == sum(costs) * USD
    await store.close()
    await bus.close()
    ledger.terminate()
    assert ledger.wait(20) == 0
    clickhouse.stop()


async def test_a_ledger_cut_off_anywhere_is_completed_by_the_next(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    total = 0
    for cut_after_s in (0.1, 0.15, 0.2, 0.25, 0.3):
        facts = [finished(request_id(), 1_000_003) for _ in range(200)]
        await publish(bus, *facts)
        total += len(facts)
        ledger = LedgerTask(settings)
        await asyncio.sleep(cut_after_s)
        await ledger.cancel()
    async with running_ledger(settings):
        await written(bus)
    assert await store.query(TOTALS) == [(total, total, total, total * 1_000_003 * USD, total)]


async def test_a_ledger_that_is_cancelled_while_it_connects_leaves_nothing_behind(bus: Bus, nats: NatsServer) -> None:
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    before = asyncio.all_tasks()
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        url = clickhouse_url(server.sockets[0].getsockname()[1], "nobody")
        ledger = LedgerTask(settings_for(nats.url, url))
        await asyncio.wait_for(asked.wait(), 20)
        await ledger.cancel()
        await eventually(lambda: asyncio.sleep(0, asyncio.all_tasks() <= before), 10)


async def test_a_half_written_batch_is_completed_at_the_start(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    """A database that dies during an insert may have the batch in `facts` and not in `request_rows`."""
    await publish(bus, *[finished(request_id(), 5_000_000) for _ in range(10)])
    async with running_ledger(settings):
        await written(bus)
    await _as_writer(store, "ALTER TABLE request_rows DROP PARTITION ID '202611'")
    assert await store.query("SELECT count() FROM requests") == [(0,)]
    async with running_ledger(settings):
        await written(bus)
    assert await store.query(TOTALS) == [(10, 10, 10, 10 * 5_000_000 * USD, 10)]


async def test_batches_that_the_database_never_got_are_written_at_the_start(
    bus: Bus, settings: LedgerSettings, clickhouse: EmbeddedClickHouse
) -> None:
    """Given manifests of two batches, when the database is empty, then both are written from the stream."""
    for _ in range(2):
        await publish(bus, *[finished(request_id(), 5_000_000) for _ in range(5)])
        async with running_ledger(settings):
            await written(bus)
    fresh_url = clickhouse_url(clickhouse.port, f"fresh_{free_port()}")
    async with running_ledger(settings.model_copy(update={"clickhouse_url": SecretStr(fresh_url)})):
        await written(bus)
    fresh = Store(Address.parse(fresh_url))
    await fresh.open()
    assert await fresh.query(TOTALS) == [(10, 10, 10, 10 * 5_000_000 * USD, 10)]
    assert await fresh.query("SELECT batch, count() FROM facts GROUP BY 1 ORDER BY 1") == [(1, 5), (2, 5)]
    await fresh.close()


async def test_facts_that_expired_from_the_stream_are_taken_from_the_archive(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    """A quiet gateway that starts again after a long time: its newest batch is in the tables alone."""
    await publish(bus, *[finished(request_id(), 5_000_000) for _ in range(5)])
    async with running_ledger(settings):
        await written(bus)
    await bus.api(f"STREAM.PURGE.{subjects.FACTS}", {})
    async with running_ledger(settings):
        await publish(bus, finished(request_id(), 5_000_000))
        await written(bus)
    assert await store.query(TOTALS) == [(6, 6, 6, 6 * 5_000_000 * USD, 6)]


async def test_of_two_ledgers_one_ends_and_says_why(
    bus: Bus, store: Store, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = LedgerTask(settings), LedgerTask(settings)
    published = 0
    deadline = time.monotonic() + 20
    while not (first.task.done() or second.task.done()):
        assert time.monotonic() < deadline
        await publish(bus, *[finished(request_id(), 2_000_000) for _ in range(20)])
        published += 20
    loser, winner = (first, second) if first.task.done() else (second, first)
    assert await loser.task == 1
    assert "Another ledger is running" in capsys.readouterr().out
    await publish(bus, finished(request_id(), 2_000_000))
    await written(bus)
    assert await winner.end() == 0
    published += 1
    assert await store.query(TOTALS) == [(published, published, published, published * 2_000_000 * USD, published)]


async def test_a_database_ahead_of_a_new_nats_is_refused(
    bus: Bus, store: Store, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, finished(request_id(), 5_000_000))
    async with running_ledger(settings):
        await written(bus)
    await _make_anew(bus)
    await publish(bus, finished(request_id(), 6_000_000))
    assert await LedgerTask(settings).task == 1
    said = capsys.readouterr().out
    assert "ClickHouse has batch 1, but the stream LEDGER knows none" in said
    assert "METERHOUSE_LEDGER_EPOCH=1" in said
    assert await store.query("SELECT count() FROM requests") == [(1,)]


async def test_a_new_epoch_goes_on_beside_what_was_counted(
    bus: Bus, store: Store, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, finished(request_id(), 5_000_000))
    async with running_ledger(settings):
        await written(bus)
    await _make_anew(bus)
    await publish(bus, finished(request_id(), 6_000_000))
    async with running_ledger(settings.model_copy(update={"ledger_epoch": 1})):
        await written(bus)
    assert await store.query("SELECT epoch, seq, cost FROM requests ORDER BY epoch") == [
        (0, 1, 5_000_000 * USD),
        (1, 1, 6_000_000 * USD),
    ]
    assert await LedgerTask(settings).task == 1  # the old setting again
    assert "METERHOUSE_LEDGER_EPOCH is 0, but epoch 1 has begun already" in capsys.readouterr().out


async def test_manifests_ahead_of_the_facts_are_refused(
    bus: Bus, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, *[finished(request_id()) for _ in range(3)])
    async with running_ledger(settings):
        await written(bus)
    await _make_anew(bus, subjects.FACTS)
    assert await LedgerTask(settings).task == 1
    assert "Facts up to 3 have been written, but the stream FACTS ends at 0" in capsys.readouterr().out


async def test_other_facts_under_the_same_numbers_are_refused(
    bus: Bus, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, *[finished(request_id()) for _ in range(3)])
    async with running_ledger(settings):
        await written(bus)
    await _make_anew(bus, subjects.FACTS)
    await publish(bus, *[finished(request_id()) for _ in range(5)])
    assert await LedgerTask(settings).task == 1
    assert "are not those that batch 1 was made of" in capsys.readouterr().out


async def test_nats_made_anew_under_a_running_ledger_is_refused(
    nats: NatsServer,
    bus: Bus,
    store: Store,
    settings: LedgerSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await publish(bus, *[finished(request_id()) for _ in range(3)])
    ledger = LedgerTask(settings)
    await written(bus)
    nats.stop()
    shutil.rmtree(tmp_path / "nats" / "jetstream")
    nats.start()
    await _once_there(bus)
    await publish(bus, *[finished(request_id()) for _ in range(5)])
    assert await asyncio.wait_for(ledger.task, 20) == 1
    assert "NATS lost it or made it anew" in capsys.readouterr().out
    assert await store.query("SELECT count() FROM requests") == [(3,)]


async def test_facts_removed_before_they_were_read_are_not_passed_over(
    bus: Bus, settings: LedgerSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, finished(request_id()))
    async with running_ledger(settings):
        await written(bus)
    await publish(bus, *[finished(request_id()) for _ in range(4)])
    await bus.api(f"STREAM.PURGE.{subjects.FACTS}", {"seq": 4})
    assert await asyncio.wait_for(LedgerTask(settings).task, 20) == 1
    assert "Facts 2 to 3 are gone from the stream FACTS and were never read" in capsys.readouterr().out


async def test_a_ledger_waits_for_its_database_and_ends_at_once_when_told(
    nats: NatsServer, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = LedgerTask(settings_for(nats.url, clickhouse_url(free_port(), "nobody")))
    await asyncio.sleep(0.5)
    assert not ledger.task.done()
    assert "clickhouse is not there yet" in capsys.readouterr().out
    await publish(bus, lost(request_id(), 1))
    assert await ledger.end() == 0


async def test_an_address_that_cannot_be_one_is_named(
    nats: NatsServer, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await LedgerTask(settings_for(nats.url, "clickhouse.example:8123")).task == 2
    assert "METERHOUSE_CLICKHOUSE_URL" in capsys.readouterr().out


async def _make_anew(bus: Bus, *streams: str) -> None:
    for stream in streams or (subjects.FACTS, subjects.LEDGER):
        await bus.api(f"STREAM.DELETE.{stream}", None)
    await prepare_streams(bus)


async def _once_there(bus: Bus) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            await prepare_streams(bus)
        except (BusError, TimeoutError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        else:
            return


async def _as_writer(store: Store, sql: str) -> None:
    assert store._writer is not None
    await store._writer.command(sql)


async def test_the_reading_connection_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store.query("INSERT INTO schema_versions (version, name) SELECT 9, 'x'")
