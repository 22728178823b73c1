"""The way of a fact from the stream into the tables: exactly once, whoever dies when.

1. Read the next facts in stream order.
2. Fix them as a batch: a manifest, stored only if the one before is still the newest.
3. Write all of them with one insert, under a token made of the batch's bounds.
4. At the start: write the newest batch once more, and every batch whose manifest has no rows yet.

So any insert that may have happened, or half happened, is repeated with the same bounds and the same token, and the
database leaves out what it has. docs/decisions/0004-exactly-once.md says why each of these is needed.
"""

import asyncio
from collections.abc import Sequence

import structlog

from services.ledger.failures import CannotGoOn
from services.ledger.manifest import Manifest, chain_hash
from services.ledger.manifests import Batch, append, chain_end, check_newest, newest_batch
from services.ledger.recovery import recover
from services.ledger.store import Store, StoreError
from services.ledger.stream import check_reaches, facts_stream
from services.ledger.writer import Writer
from shared import subjects
from shared.bus import Bus, Reader, Stored

log = structlog.get_logger()

BATCH_FACTS_MAX = 20_000
BATCH_BYTES_MAX = 32 * 1024 * 1024
_READ_AT_ONCE = 1_000
_READ_AHEAD = 8_000
_IDLE_WAIT_S = 0.5


class Consumer:
    """The one that writes. `run` it once."""

    def __init__(self, bus: Bus, store: Store, *, epoch: int, flush_ms: int) -> None:
        self._bus = bus
        self._store = store
        self._epoch = epoch
        self._flush_s = flush_ms / 1000
        self._writer = Writer(store)
        self._reader: Reader | None = None
        self._newest: Batch | None = None
        self._reconnected = False
        self.applied = 0  # number of the newest batch that is written
        self.position = 0  # the first fact that is not written, 0 before that is known
        self.waiting_since_ns = 0  # when JetStream stored the oldest fact read and not written; 0 for none
        self.applied_until_ns = 0  # when JetStream stored the newest fact that is written, 0 before the first batch
        bus.on_reconnect(self._on_reconnect)

    @property
    def unreadable(self) -> int:
        """How many stored messages were no facts, since the start."""
        return self._writer.unreadable

    def lacks(self) -> str:
        """Return what it waits for, "" for nothing."""
        if not self._bus.connected:
            return "nats"
        if self._writer.failing or not self._store.is_open:
            return "clickhouse"
        return "" if self.position else "starting"

    async def run(self, stopping: asyncio.Event) -> None:
        """Write facts until `stopping`; what has been read by then is written first. Safe to cancel at any moment.

        Raises:
            CannotGoOn
        """
        await self._open_store()
        self._newest, self.position = await recover(self._bus, self._store, self._writer, self._epoch)
        self.applied = self._newest.number if self._newest else 0
        log.info("the ledger is up to date", batch=self.applied, next_fact=self.position)
        self._reader = self._open_reader()
        try:
            while not stopping.is_set():
                messages = await self._collect(stopping)
                if self._reconnected:
                    await self._check_streams()
                if messages:
                    await self._take(messages)
        finally:
            await self._reader.close()

    async def _open_store(self) -> None:
        wait_s = 0.1
        while not self._store.is_open:
            try:
                await self._store.open()
            except StoreError as error:
                log.warning("clickhouse is not there yet", error=str(error))
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, 5.0)

    def _open_reader(self) -> Reader:
        return Reader(self._bus, subjects.FACTS, start=self.position, pull_max=_READ_AHEAD, poll_s=self._flush_s)

    async def _collect(self, stopping: asyncio.Event) -> list[Stored]:
        """Return the facts of the next batch: what has come since the last turn, up to the maximum."""
        assert self._reader is not None
        messages: list[Stored] = []
        size = 0
        while len(messages) < BATCH_FACTS_MAX and size < BATCH_BYTES_MAX:
            at_most = min(_READ_AT_ONCE, BATCH_FACTS_MAX - len(messages))
            some = await self._reader.next_batch(at_most, 0.0 if messages else _IDLE_WAIT_S)
            if some and not messages:
                self.waiting_since_ns = some[0].time_ns
            messages += some
            size += sum(len(message.data) for message in some)
            if len(some) < at_most or stopping.is_set():
                break
        return messages if await self._is_whole(messages) else []

    async def _is_whole(self, messages: Sequence[Stored]) -> bool:
        """Return whether these are the next facts without a gap; if not, read them again.

        Raises:
            CannotGoOn: facts are gone from the stream that were never read.
        """
        wanted = range(self.position, self.position + len(messages))
        if all(message.seq == seq for message, seq in zip(messages, wanted, strict=True)):
            return True
        stream = await facts_stream(self._bus)
        if stream.first > self.position:
            raise CannotGoOn(
                f"Facts {self.position} to {stream.first - 1} are gone from the stream {subjects.FACTS} and were never "
                "read: they were removed, or expired. To go on without them set "
                f"METERHOUSE_LEDGER_EPOCH={self._epoch + 1}"
            )
        log.error("facts came with a gap: reading them again", expected=self.position, came=messages[0].seq)
        assert self._reader is not None
        await self._reader.close()
        self._reader = self._open_reader()
        return False

    async def _take(self, messages: Sequence[Stored]) -> None:
        before = chain_end(self._newest)
        manifest = Manifest(
            epoch=self._epoch,
            first=messages[0].seq,
            last=messages[-1].seq,
            count=len(messages),
            prev_hash=before,
            hash=chain_hash(before, [message.data for message in messages]),
            writer=self._bus.process,
        )
        batch = await append(self._bus, self._newest, manifest)
        self._newest = batch
        await self._writer.write(batch, messages)
        self.applied = batch.number
        self.position = manifest.last + 1
        self.applied_until_ns = messages[-1].time_ns
        self.waiting_since_ns = 0

    async def _check_streams(self) -> None:
        """After the connection was away: are these still the streams we read?"""
        self._reconnected = False
        check_newest(await newest_batch(self._bus), self._newest, self._epoch)
        check_reaches(await facts_stream(self._bus), self.position - 1, self._epoch)

    def _on_reconnect(self) -> None:
        self._reconnected = True
