"""One batch into the tables, however often that takes."""

import asyncio
from collections.abc import Sequence

import structlog

from services.ledger.fact_rows import COLUMNS, rows
from services.ledger.manifests import Batch
from services.ledger.store import Store, StoreError
from shared import subjects
from shared.bus import Stored

log = structlog.get_logger()

RETRY_WAIT_MAX_S = 5.0
_COUNT = """
SELECT uniqExact(seq) FROM facts
WHERE epoch = {epoch:UInt32} AND seq BETWEEN {first:UInt64} AND {last:UInt64} AND batch = {batch:UInt64}
"""


class Writer:
    """`failing` while ClickHouse does not take a batch; `unreadable` counts payloads that were no facts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failing = False
        self.unreadable = 0

    async def write(self, batch: Batch, messages: Sequence[Stored]) -> None:
        """Write the facts of `batch`, trying until ClickHouse has all of them. Safe to cancel, and to repeat."""
        body, unreadable = rows(batch.manifest.epoch, batch.number, messages)
        for one in unreadable:
            log.error("a stored message is no fact", seq=one.seq, subject=one.subject, why=one.why)
        self.unreadable += len(unreadable)
        wait_s = 0.1
        while True:
            try:
                await self._once(batch, body)
            except StoreError as error:
                self.failing = True
                log.warning("clickhouse did not take a batch", batch=batch.number, error=str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_WAIT_MAX_S)
            else:
                self.failing = False
                log.debug("batch written", batch=batch.number, facts=len(messages))
                return

    async def _once(self, batch: Batch, body: bytes) -> None:
        manifest = batch.manifest
        await self._store.insert("facts", COLUMNS, body, token=manifest.token(subjects.FACTS))
        bounds = {"epoch": manifest.epoch, "first": manifest.first, "last": manifest.last, "batch": batch.number}
        # the server's own count of written rows says the same for rows it left out as repeated
        [(there,)] = await self._store.query(_COUNT, bounds)
        if there != manifest.count:
            raise StoreError(f"ClickHouse accepted batch {batch.number}, but has {there} of its {manifest.count} facts")
