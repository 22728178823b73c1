"""Where to go on after a start: compare the streams with the tables, and write again what may be half written."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from services.ledger.failures import CannotGoOn, new_epoch
from services.ledger.manifest import Manifest, chain_hash
from services.ledger.manifests import Batch, batches, newest_batch
from services.ledger.store import Store, StoreError
from services.ledger.stream import FactsStream, check_reaches, facts_stream, read_facts
from services.ledger.writer import Writer
from shared import subjects
from shared.bus import Bus, Stored

log = structlog.get_logger()

_RETRY_WAIT_S = 0.5
_AT_ONCE = 500  # manifests
_NEWEST = "SELECT epoch, batch FROM facts ORDER BY epoch DESC, seq DESC LIMIT 1"
_ARCHIVED = """
SELECT seq, payload, toUnixTimestamp64Milli(stored_at) FROM facts FINAL
WHERE epoch = {epoch:UInt32} AND seq BETWEEN {first:UInt64} AND {last:UInt64} ORDER BY seq
"""


async def recover(bus: Bus, store: Store, writer: Writer, epoch: int) -> tuple[Batch | None, int]:
    """Make the tables hold every batch that has a manifest. Return the newest batch and the next fact to read.

    The newest written batch is written again: its rows may be in one table and not in the other.

    Raises:
        CannotGoOn: streams and tables do not belong together.
    """
    newest = await newest_batch(bus)
    stream = await facts_stream(bus)
    written_epoch, written = await _newest_written(store)
    _check_epoch(newest, written_epoch, epoch)
    if written_epoch < epoch:
        written = 0
    if newest is None or newest.manifest.epoch < epoch:
        if written:
            raise _ahead(written, newest, epoch)
        if newest is not None:
            log.warning("a new epoch begins", epoch=epoch, first_fact=stream.first)
        return newest, stream.first
    if written > newest.number:
        raise _ahead(written, newest, epoch)
    check_reaches(stream, newest.manifest.last, epoch)
    for first in range(max(written, 1), newest.number + 1, _AT_ONCE):
        for batch in await batches(bus, first, min(first + _AT_ONCE - 1, newest.number)):
            if batch.manifest.epoch == epoch:
                await writer.write(batch, await _facts_of(bus, store, stream, batch))
    return newest, newest.manifest.last + 1


async def _facts_of(bus: Bus, store: Store, stream: FactsStream, batch: Batch) -> Sequence[Stored]:
    manifest = batch.manifest
    if manifest.first >= stream.first:
        messages: Sequence[Stored] = await read_facts(bus, manifest.first, manifest.count)
    else:  # expired from the stream since
        messages = await archived_facts(store, manifest)
    payloads = [message.data for message in messages]
    if len(messages) != manifest.count or chain_hash(manifest.prev_hash, payloads) != manifest.hash:
        raise CannotGoOn(
            f"Facts {manifest.first} to {manifest.last} are not those that batch {batch.number} was made of: they were "
            f"changed or lost. {new_epoch(manifest.epoch)}"
        )
    return messages


async def archived_facts(store: Store, manifest: Manifest) -> list[Stored]:
    """Return a batch's facts out of the table, in order; wait for ClickHouse as long as it is away."""
    bounds = {"epoch": manifest.epoch, "first": manifest.first, "last": manifest.last}
    found = await _ask(store, _ARCHIVED, bounds, as_bytes=("payload",))
    return [Stored(seq, "", payload, b"", stored_ms * 1_000_000) for seq, payload, stored_ms in found]


async def _newest_written(store: Store) -> tuple[int, int]:
    """Return epoch and number of the newest batch in the tables, (0, 0) for none."""
    found = await _ask(store, _NEWEST, {})
    return found[0] if found else (0, 0)


async def _ask(
    store: Store, sql: str, parameters: Mapping[str, object], *, as_bytes: Sequence[str] = ()
) -> list[tuple[Any, ...]]:
    while True:
        try:
            return await store.query(sql, parameters, as_bytes=as_bytes)
        except StoreError as error:
            log.warning("clickhouse does not answer", error=str(error))
            await asyncio.sleep(_RETRY_WAIT_S)


def _check_epoch(newest: Batch | None, written_epoch: int, epoch: int) -> None:
    found = max(written_epoch, newest.manifest.epoch if newest else 0)
    if found > epoch:
        raise CannotGoOn(
            f"The setting METERHOUSE_LEDGER_EPOCH is {epoch}, but epoch {found} has begun already: set it to {found}"
        )


def _ahead(written: int, newest: Batch | None, epoch: int) -> CannotGoOn:
    known = newest.number if newest and newest.manifest.epoch == epoch else 0
    return CannotGoOn(
        f"ClickHouse has batch {written}, but the stream {subjects.LEDGER} knows {known or 'none'}: "
        f"NATS lost its end or made it anew. {new_epoch(epoch)}"
    )
