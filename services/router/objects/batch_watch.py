"""Watches the batches that are open, as the BATCHES bucket has them, and settles each once it has ended.

All routers watch. One at a time asks for a batch: it claims the entry by its revision. The fact of the end is written
into the entry before it is sent, so that after a crash the same fact is sent again, and once only.
"""

import asyncio
import time
from collections.abc import Collection

import msgspec
import structlog

from services.router.choice.plan import Groups
from services.router.objects.at_provider import ENDED, AtProvider
from services.router.objects.keep import keep_shown
from services.router.objects.settle import Settler
from shared import subjects
from shared.bus import Bus, BusError, Conflict, KvView, Outbox, kv
from shared.errors import GatewayError
from shared.facts import encode_fact
from shared.kept.open_batches import OpenBatch, decode_batch, encode_batch
from shared.kept.owned import find_owned
from shared.serving.deployments import Deployment

log = structlog.get_logger()

TURN_S = 0.5
AT_ONCE_MAX = 4
CLAIM_MS = 15_000
"""How long a claimed entry is another router's to leave alone; who works on it longer claims it again in time."""

GIVEN_UP_MS = 7 * 86_400_000
"""A batch whose provider tells no end for so long is not asked for any more: what is held for it counts as spent."""


class BatchWatch:
    def __init__(
        self, bus: Bus, outbox: Outbox, groups: Groups, at_provider: AtProvider, settler: Settler, *, poll_s: float
    ) -> None:
        self._bus = bus
        self._outbox = outbox
        self._groups = groups
        self._at_provider = at_provider
        self._settler = settler
        self._poll_ms = int(poll_s * 1000)
        self._view = KvView(bus, subjects.BATCHES_BUCKET, decode_batch)
        self._working: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Raises: BusError: the bucket cannot be read."""
        await self._view.start()

    @property
    def open(self) -> Collection[OpenBatch]:
        """What is known here of the batches that are not settled."""
        return self._view.entries.values()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                now_ms = _now_ms()
                for name, entry in list(self._view.entries.items()):
                    if len(self._working) >= AT_ONCE_MAX:
                        break
                    if entry.next_ms <= now_ms and name not in self._working:
                        task = asyncio.get_running_loop().create_task(
                            self._look_after(name, entry, self._view.revisions[name])
                        )
                        self._working[name] = task
                        task.add_done_callback(lambda _, name=name: self._working.pop(name, None))  # type: ignore[misc]
                await asyncio.sleep(TURN_S)
        finally:
            for task in list(self._working.values()):
                task.cancel()
            await self._view.stop()

    async def _look_after(self, name: str, entry: OpenBatch, revision: int) -> None:
        claim = _Claim(self._bus, name, revision)
        keeping: asyncio.Task[None] | None = None
        try:
            await claim.put(msgspec.structs.replace(entry, next_ms=_now_ms() + CLAIM_MS))
            keeping = asyncio.get_running_loop().create_task(claim.keep())
            again = await self._step(claim, claim.entry or entry)
            keeping.cancel()
            if again is not None:
                await claim.put(msgspec.structs.replace(again, next_ms=_now_ms() + self._poll_ms))
        except Conflict:
            log.debug("another router looks after a batch", batch=entry.batch_id)
        except (BusError, TimeoutError) as error:
            log.warning("a batch could not be looked after", batch=entry.batch_id, error=str(error))
        except Exception:  # the others must go on; this one is tried again when its claim has passed
            log.exception("looking after a batch failed", batch=entry.batch_id)
        finally:
            if keeping is not None:
                keeping.cancel()

    async def _step(self, claim: "_Claim", entry: OpenBatch) -> OpenBatch | None:
        """Ask, and settle what has ended; return the entry that is to be asked for again."""
        if entry.finished:
            await self._tell_end(claim.name, entry)
            return None
        deployment = self._deployment_of(entry)
        try:
            if deployment is None:
                raise GatewayError("its deployment is not configured any more")
            batch, shown = await self._at_provider.batch(deployment, entry.batch_id)
            owned = await find_owned(self._bus, "batch", entry.owner, entry.batch_id)
            if owned is not None:
                await keep_shown(self._bus, owned, shown)
            if batch.status not in ENDED:
                return await self._unless_too_old(claim.name, entry)
            fact = await self._settler.settle(entry, deployment, batch)
        except GatewayError as failure:
            log.warning("a batch cannot be asked for", batch=entry.batch_id, error=failure.message)
            return await self._unless_too_old(claim.name, entry)
        settled = msgspec.structs.replace(
            entry,
            finished=encode_fact(fact),
            finished_subject=fact.subject,
            finished_id=fact.id,
            settled_ms=_now_ms(),
        )
        await claim.put(settled)
        await self._tell_end(claim.name, settled)
        return None

    async def _tell_end(self, name: str, entry: OpenBatch) -> None:
        await self._outbox.put(
            entry.finished_subject, entry.finished, entry.finished_id, sent_since=entry.settled_ms / 1000
        )
        await self._close(name)
        log.info("a batch is settled", batch=entry.batch_id, request=entry.call.request.request_id)

    async def _unless_too_old(self, name: str, entry: OpenBatch) -> OpenBatch | None:
        if _now_ms() - entry.started_ms < GIVEN_UP_MS:
            return entry
        log.error("a batch is given up: what was held for it counts as spent", batch=entry.batch_id)
        await self._close(name)
        return None

    def _deployment_of(self, entry: OpenBatch) -> Deployment | None:
        members = self._groups.deployments.get(entry.call.request.group, ())
        return next((one for one in members if one.id == entry.deployment), None)

    async def _close(self, name: str) -> None:
        await kv.delete(self._bus, subjects.BATCHES_BUCKET, name)


class _Claim:
    """An entry that this router works on; each write of it follows the one before, or somebody else has it."""

    def __init__(self, bus: Bus, name: str, revision: int) -> None:
        self.name = name
        self.entry: OpenBatch | None = None
        self._bus = bus
        self._revision = revision
        self._writing = asyncio.Lock()

    async def put(self, entry: OpenBatch) -> None:
        """Raises: Conflict: another router has claimed it; BusError's others."""
        async with self._writing:
            await self._write(entry)

    async def keep(self) -> None:
        """Until cancelled, until its end is written down, or until another router has it: claim it again and again."""
        while True:
            await asyncio.sleep(CLAIM_MS / 3_000)
            try:
                async with self._writing:
                    entry = self.entry
                    if entry is None or entry.finished:
                        return
                    await self._write(msgspec.structs.replace(entry, next_ms=_now_ms() + CLAIM_MS))
            except Conflict:
                return
            except (BusError, TimeoutError) as error:
                log.debug("a claim could not be kept", error=str(error))

    async def _write(self, entry: OpenBatch) -> None:
        self._revision = await kv.put(
            self._bus, subjects.BATCHES_BUCKET, self.name, encode_batch(entry), expected=self._revision
        )
        self.entry = entry


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
