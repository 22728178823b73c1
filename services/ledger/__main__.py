"""Starts ledger: settings, bus, database, reading and answering; and ends it when what was read is written."""

import asyncio
import os
import sys

import structlog

from services.ledger.consumer import Consumer
from services.ledger.endpoints import Endpoints
from services.ledger.failures import CannotGoOn
from services.ledger.settings import LedgerSettings
from services.ledger.store import Address, Store
from shared.bus import Bus, prepare_streams
from shared.config import load_config
from shared.heartbeat import beat
from shared.observe import run_service, set_up_logging

log = structlog.get_logger()

STOP_WITHIN_S = 10.0


async def run(settings: LedgerSettings, stopping: asyncio.Event) -> int:
    """Run until `stopping`; return the exit code."""
    config = load_config(settings.config, os.environ)
    try:
        address = Address.parse(settings.clickhouse_url.get_secret_value())
        store = Store(address, cluster=settings.clickhouse_cluster)
    except ValueError as error:
        log.error(f"METERHOUSE_CLICKHOUSE_URL or METERHOUSE_CLICKHOUSE_CLUSTER: {error}.")
        return 2
    bus = await Bus.connect(settings.nats_url, name="ledger")
    await prepare_streams(bus, replicas=settings.stream_replicas)
    flush_ms = settings.ledger_flush_ms or config.general_settings.meterhouse.ledger_flush_ms
    consumer = Consumer(bus, store, epoch=settings.ledger_epoch, flush_ms=flush_ms)
    endpoints = Endpoints(bus, store, consumer)
    await endpoints.start()
    beating = asyncio.get_running_loop().create_task(beat(bus, "ledger", consumer.lacks))
    log.info("ledger is running", process=bus.process)
    writing = asyncio.get_running_loop().create_task(consumer.run(stopping))
    ended = asyncio.get_running_loop().create_task(stopping.wait())
    try:
        await asyncio.wait((writing, ended), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait_for(writing, STOP_WITHIN_S)
    except CannotGoOn as failure:
        log.error(f"{failure}.")
        return 1
    except TimeoutError:
        log.warning("NATS or ClickHouse is away: what was read last is written at the next start")
    finally:
        for task in (writing, ended, beating):
            task.cancel()
        await asyncio.gather(writing, return_exceptions=True)  # or it would connect to ClickHouse after the close
        await bus.close()
        await store.close()
    return 0


def main() -> int:
    settings = LedgerSettings()
    set_up_logging("ledger", level=settings.log_level, as_json=settings.log_json)
    return run_service(lambda stopping: run(settings, stopping))


if __name__ == "__main__":
    sys.exit(main())
