"""The facts of finished and lost requests, read in order and handed to the partitions they belong to."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
import structlog

from services.policy.budgets.settled import Settled
from services.policy.budgets.tree import counted_without_hold
from services.policy.partitions.partition import Partition
from shared import subjects
from shared.bus import Bus, BusError, NotStored, Reader, Stored, newest
from shared.facts import CompletionDeferred, CompletionLost

log = structlog.get_logger()

BATCH = 2_000
POLL_S = 0.1
"""How often the facts are fetched. A hold that is settled a moment late is only careful; but waking for each fact
would double what a settlement costs. Where a request waits for the money, the facts are fetched at once."""

WAITED_FOR_POLL_S = 0.005
PATIENCE_S = 10.0
"""How long no fact at all may come before catching up is given up."""

SOON_S = 1.0
"""The same, where a request waits for it."""

_ENDS = subjects.facts_of_kind("completion")
_DEFERRED = subjects.facts_of_kind(CompletionDeferred.KIND).removesuffix(">")
_LOST = subjects.facts_of_kind(CompletionLost.KIND).removesuffix(">")


class _Deferral(msgspec.Struct):
    """The few fields of completion.deferred that limits need: what it cost is not known yet."""

    request_id: str
    key: str
    partition: int
    homes: tuple[int, ...] = ()


class CompletionEnd(msgspec.Struct):
    """The few fields of completion.finished and completion.lost that a budget needs."""

    request_id: str
    key: str
    partition: int
    cost_pico: Annotated[int, msgspec.Meta(ge=0)]
    admitted_ms: int
    held: bool = True
    team_id: str = ""
    user_id: str = ""
    organization_id: str = ""
    provider: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    homes: tuple[int, ...] = ()  # further partitions whose limits it took part of


_decode_deferral = msgspec.json.Decoder(_Deferral).decode
decode_end = msgspec.json.Decoder(CompletionEnd).decode


def settled_of(end: CompletionEnd, stored_ms: int) -> Settled:
    """Return what a finished request's fact means for the accounts of its partition."""
    also: tuple[str, ...] = ()
    if not end.held:
        also = counted_without_hold(end.organization_id, end.team_id, end.user_id)
    return Settled(
        end.request_id,
        end.key,
        end.held,
        end.cost_pico,
        end.admitted_ms,
        stored_ms,
        also,
        end.provider,
        end.prompt_tokens,
        end.completion_tokens,
    )


class Settlements:
    """One reader for all partitions of the process: it begins where the one that is furthest behind stands."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._partitions: dict[int, Partition] = {}
        self._reader: Reader | None = None
        self._read_to = 0  # all facts up to this sequence were handed out, to those who followed then
        self._progress = asyncio.Event()
        self._catching_up: set[asyncio.Task[None]] = set()

    async def follow(self, partition: Partition) -> None:
        """Hand `partition` the facts it has not seen, and all that come; return when it has seen all there are.

        Raises:
            BusError, TimeoutError: they could not be read to their end.
        """
        await self._check_stream(partition)
        self._partitions[partition.number] = partition
        if self._reader is None or partition.books.facts_seq < self._read_to:
            self._begin_at(partition.books.facts_seq + 1)
        await self.catch_up(PATIENCE_S)

    async def catch_up(self, patience_s: float) -> None:
        """Return when all is handed out that is stored by now.

        Raises:
            NotConnected, NoResponders: NATS does not say what is stored.
            NotStored: no fact came for `patience_s`.
        """
        last = await newest(self._bus, subjects.FACTS, _ENDS)
        deadline = time.monotonic() + patience_s
        while last is not None and self._read_to < last.seq:
            seen = self._read_to
            self._progress.clear()
            self.hurry()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, patience_s)):
                    await self._progress.wait()
            if self._read_to != seen:
                deadline = time.monotonic() + patience_s
            elif time.monotonic() > deadline:
                raise NotStored(f"no fact came for {patience_s:g} s")

    def when_caught_up(self, then: Callable[[], None]) -> None:
        """Call `then` once all is handed out that is stored by now, or where that cannot be told."""

        async def catch_up() -> None:
            try:
                await self.catch_up(SOON_S)
            except (BusError, TimeoutError) as error:
                log.info("the newest facts could not be read", error=str(error))
            then()

        task = asyncio.get_running_loop().create_task(catch_up())
        self._catching_up.add(task)
        task.add_done_callback(self._catching_up.discard)

    def hurry(self) -> None:
        """Fetch the newest facts now: somebody waits for a hold to be settled."""
        if self._reader is not None:
            self._reader.poll_now()

    def leave(self, partition: Partition) -> None:
        if self._partitions.get(partition.number) is partition:
            del self._partitions[partition.number]

    async def run(self) -> None:
        """Until cancelled."""
        reader: Reader | None = None
        try:
            while True:
                if reader is not self._reader:
                    if reader is not None:
                        await reader.close()
                    reader = self._reader
                if reader is None:
                    self._progress.clear()
                    await self._progress.wait()
                    continue
                if any(partition.has_waiting for partition in self._partitions.values()):
                    await asyncio.sleep(WAITED_FOR_POLL_S)
                    reader.poll_now()
                batch = await reader.next_batch(BATCH, 2 * POLL_S)
                if batch and reader is self._reader:
                    self._hand_out(batch)
        finally:
            if reader is not None:
                await reader.close()

    def _begin_at(self, seq: int) -> None:
        if self._reader is not None:
            self._reader.give_up()
        self._reader = Reader(self._bus, subjects.FACTS, start=seq, subject=_ENDS, poll_s=POLL_S)
        self._read_to = seq - 1
        self._progress.set()

    def _hand_out(self, batch: list[Stored]) -> None:
        for message in batch:
            self._fold(message)
        self._read_to = batch[-1].seq
        for partition in self._partitions.values():
            partition.ends.read_to(self._read_to, len(batch))
        self._progress.set()

    def _fold(self, message: Stored) -> None:
        if message.subject.startswith(_DEFERRED):
            self._fold_deferral(message)
            return
        try:
            end = decode_end(message.data)
        except msgspec.DecodeError as error:
            log.error("a fact cannot be read: its hold will expire", seq=message.seq, error=str(error))
            return
        partition = self._partitions.get(end.partition)
        if message.subject.startswith(_LOST):
            if partition is not None:
                partition.ends.told(message.seq, end.request_id)
            return
        settled = settled_of(end, message.time_ns // 1_000_000)
        if partition is not None:
            partition.ends.settle(message.seq, settled)
        for number in end.homes:
            home = self._partitions.get(number)
            if home is not None and number != end.partition:
                home.ends.settle_limits(message.seq, settled)

    def _fold_deferral(self, message: Stored) -> None:
        """The request's slots are free; its hold stays until its batch has ended."""
        try:
            deferred = _decode_deferral(message.data)
        except msgspec.DecodeError as error:
            log.error("a fact cannot be read: its request's slots stay taken", seq=message.seq, error=str(error))
            return
        given_back = Settled(deferred.request_id, deferred.key, True, 0, 0, message.time_ns // 1_000_000)
        for number in {deferred.partition, *deferred.homes}:
            partition = self._partitions.get(number)
            if partition is not None:
                partition.ends.settle_limits(message.seq, given_back)

    async def _check_stream(self, partition: Partition) -> None:
        """Facts that are gone would make newer ones look like old ones: then all there are count as new."""
        state = (await self._bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["state"]
        if partition.books.facts_seq > state["last_seq"]:
            log.error(
                "facts are missing that a budget has counted: an older copy of the stream was restored",
                partition=partition.number,
                counted_to=partition.books.facts_seq,
                stream_ends_at=state["last_seq"],
            )
            partition.books.facts_seq = state["last_seq"]
