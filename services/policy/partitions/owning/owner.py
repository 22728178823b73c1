"""Keeps the partitions this process owns open: takes leases, reads journals, serves, and closes in time."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

import msgspec
import structlog

from services.policy.budgets.entries import Lost, Whom
from services.policy.partitions.correcting import correct
from services.policy.partitions.journal.journal_reader import read_journal
from services.policy.partitions.journal.not_understood import NotUnderstood
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.owning.ownership import Leases
from services.policy.partitions.partition import Partition
from services.policy.partitions.settlements import Settlements
from services.policy.partitions.taking import serve_take
from shared import subjects
from shared.bus import Bus, BusError, Message, Outbox
from shared.clock import time_ms
from shared.facts import CompletionLost, encode_fact

log = structlog.get_logger()

TURN_S = 0.25
TICK_S = 1.0
AGAIN_S = 0.2
"""How long a partition that could not be served is left alone."""

SHORT_LIFE_S = 1.0

UNREADABLE_AGAIN_S = 5.0
"""How long a partition whose journal cannot be read here is left to others, who may be of a newer version."""

FINISH_S = 6.0
"""Longer than a write can take: it ends by itself, well or badly."""

ACCOUNT_WAIT_S = 0.5
SUBSCRIBED_S = 2  # longest wait until NATS has a partition's subscriptions
HAND_OVER_MAX = 2_000  # requests in one message


class _Question(msgspec.Struct):
    accounts: list[str]


_decode_question = msgspec.json.Decoder(_Question).decode
_decode_requests = msgspec.json.Decoder(list[str]).decode


class Owner:
    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        leases: Leases,
        settlements: Settlements,
        partitions: OpenPartitions,
        on_admit: Callable[[int, Message], None],
    ) -> None:
        """`partitions` has those that are open, `on_admit` gets their requests."""
        self._bus = bus
        self._outbox = outbox
        self._leases = leases
        self._settlements = settlements
        self._on_admit = on_admit
        self._partitions = partitions
        self._undispatched = partitions.undispatched
        self._lives: dict[int, asyncio.Task[None]] = {}
        self._ending: set[int] = set()  # those that were told to end
        self._served: set[int] = set()  # those whose requests come here
        self._handing_over: asyncio.Task[None] | None = None
        self._turn = asyncio.Event()
        leases.on_loss(self._turn.set)

    def lacks(self) -> str:
        """What readiness shows: nothing as soon as one partition is served; the rest may be another process's."""
        return "" if self._served else "partitions"

    def serves(self, number: int) -> bool:
        return number in self._served

    async def run(self) -> None:
        """Until cancelled: renew leases, open what was won, close what was lost, expire holds."""
        ticked = 0.0
        while True:
            self._turn.clear()
            if self._bus.connected:
                await self._leases.renew()
            held = self._leases.held()
            for number in self._lives.keys() - held - self._ending:
                self._end(number)
            for number in held - self._lives.keys():
                self._lives[number] = asyncio.get_running_loop().create_task(self._serve(number))
                self._lives[number].add_done_callback(partial(self._ended, number))
            if time.monotonic() >= ticked + TICK_S:
                ticked = time.monotonic()
                self._tick()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    await self._turn.wait()

    async def stop(self) -> None:
        """Close all, let what is being decided end, and give the leases back."""
        for number in self._lives.keys() - self._ending:
            self._end(number)
        if self._lives:
            await asyncio.wait(list(self._lives.values()))
        if self._handing_over is not None:
            self._handing_over.cancel()
        await self._leases.release()

    async def _serve(self, number: int) -> None:
        """One life of a partition: from its journal read until a write fails, or the lease is lost or given back."""
        partition: Partition | None = None
        subscriptions: list[int] = []
        closed = asyncio.Event()
        try:
            partition = Partition(
                self._bus,
                number,
                await read_journal(self._bus, number),
                undispatched=self._undispatched,
                counts=self._partitions.counts,
                on_lost=self._publish_lost,
                on_wait=self._settlements.hurry,
                catch_up=self._settlements.when_caught_up,
                on_closed=closed.set,
            )
            await self._settlements.follow(partition)
            if not self._leases.holds(number):
                return
            partition.start()
            self._partitions.add(partition)
            for work in (
                self._serve_requests,
                self._serve_releases,
                self._serve_accounts,
                self._serve_corrections,
                self._serve_reports,
                self._serve_takes,
            ):
                subscriptions.append(await work(number, partition))
            subscriptions += await self._serve_loans(number, partition)
            await self._bus.flush(SUBSCRIBED_S)
            if number in self._ending:
                return  # asyncio.wait_for, in that flush, forgets a cancellation that comes with the answer
            self._served.add(number)
            opened = time.monotonic()
            log.info("partition open", partition=number, accounts=len(partition.books.accounts))
            await closed.wait()
            if partition.conflict:
                self._leases.drop(number)
            if time.monotonic() < opened + SHORT_LIFE_S:
                await asyncio.sleep(AGAIN_S)  # it may fail again and again: a journal that takes no writes
        except (BusError, TimeoutError) as error:
            log.warning("a partition could not be opened yet", partition=number, error=str(error))
            await asyncio.sleep(AGAIN_S)
        except NotUnderstood as error:
            log.error("a journal cannot be read: its partition stays closed", partition=number, error=str(error))
            await self._leases.leave(number, UNREADABLE_AGAIN_S)
        finally:
            if partition is not None:
                await self._close(number, partition, subscriptions)

    async def _close(self, number: int, partition: Partition, subscriptions: list[int]) -> None:
        self._served.discard(number)
        self._partitions.remove(partition)
        was_open = partition.open
        partition.close()
        self._settlements.leave(partition)
        for subscription in subscriptions:
            await self._bus.unsubscribe(subscription, flush_s=1)  # what is on its way is refused at once, not dropped
        try:
            async with asyncio.timeout(FINISH_S):
                await partition.finished()
        except TimeoutError:
            log.error("a journal write has no end", partition=number)
        if was_open:
            log.info("partition closed", partition=number)

    def _end(self, number: int) -> None:
        """Once only: a second time would break off what it still has to finish."""
        self._ending.add(number)
        self._lives[number].cancel()

    def _ended(self, number: int, life: asyncio.Task[None]) -> None:
        del self._lives[number]
        self._ending.discard(number)
        if not life.cancelled() and life.exception() is not None:
            log.error("a partition failed", partition=number, exc_info=life.exception())
        else:
            self._turn.set()

    async def _serve_requests(self, number: int, partition: Partition) -> int:
        def on_admit(message: Message) -> None:
            # A process that was asleep wakes up with requests that its successor has got as well.
            if self._leases.holds(number):
                self._on_admit(number, message)

        return await self._bus.subscribe(subjects.admit(number), on_admit)

    async def _serve_releases(self, number: int, partition: Partition) -> int:
        async def release(message: Message) -> bytes | None:
            if not self._leases.holds(number):
                return None
            try:
                requests = _decode_requests(message.data)
            except msgspec.DecodeError as error:
                log.error("a release cannot be read", partition=number, error=str(error))
                return b"{}"
            for request in requests:
                partition.release(request)
            return b"{}"

        return await self._bus.serve(subjects.release(number), release)

    async def _serve_loans(self, number: int, partition: Partition) -> list[int]:
        """What other partitions ask, return and want back."""

        def by_owner(handle: Callable[[Message], None]) -> Callable[[Message], None]:
            return lambda message: handle(message) if partition.open and self._leases.holds(number) else None

        return [
            await self._bus.subscribe(subjects.lend(number), by_owner(partition.lender.on_ask)),
            await self._bus.subscribe(subjects.repay(number), by_owner(partition.lender.on_report)),
            await self._bus.subscribe(subjects.recall(number), by_owner(partition.borrower.on_recall)),
        ]

    async def _serve_takes(self, number: int, partition: Partition) -> int:
        def on_ask(message: Message) -> None:
            if self._leases.holds(number):
                serve_take(self._bus, partition, message)

        return await self._bus.subscribe(subjects.take(number), on_ask)

    async def _serve_reports(self, number: int, partition: Partition) -> int:
        def on_working(message: Message) -> None:
            try:
                partition.limits.hear_of(_decode_requests(message.data))
            except msgspec.DecodeError as error:
                log.error("a router's report cannot be read", partition=number, error=str(error))

        return await self._bus.subscribe(subjects.working(number), on_working)

    async def _serve_accounts(self, number: int, partition: Partition) -> int:
        async def tell(message: Message) -> bytes | None:
            """Answer with what each account has spent and holds, pico-dollars and seconds.

            A process that was asleep says nothing: its books are not those of its successor.
            """
            try:
                wanted = _decode_question(message.data).accounts
            except msgspec.DecodeError as error:
                log.error("a question about accounts cannot be read", partition=number, error=str(error))
                return b"{}"
            with contextlib.suppress(BusError, TimeoutError):
                await self._settlements.catch_up(ACCOUNT_WAIT_S)
            if not (partition.open and self._leases.holds(number)):
                return None
            answer = {}
            for name in wanted:
                account = partition.standing(name)
                answer[name] = {
                    "spend_pico": account.spent,
                    "held_pico": account.held,
                    "window_start": account.starts_ms / 1000 if account.starts_ms else None,
                    "window_end": account.ends_ms / 1000 if account.ends_ms else None,
                }
            return msgspec.json.encode(answer)

        return await self._bus.serve(subjects.account(number), tell)

    async def _serve_corrections(self, number: int, partition: Partition) -> int:
        async def on_correction(message: Message) -> bytes:
            with contextlib.suppress(BusError, TimeoutError):
                await self._settlements.catch_up(ACCOUNT_WAIT_S)
            return await correct(partition, message.data)

        return await self._bus.serve(subjects.correct(number), on_correction)

    def _tick(self) -> None:
        now_ms = time_ms()
        for partition in self._partitions:
            if self._leases.holds(partition.number):
                partition.tick(now_ms)
        self._undispatched.forget_old(now_ms)
        elsewhere = self._undispatched.partitions() - self._lives.keys()
        if elsewhere and (self._handing_over is None or self._handing_over.done()):
            self._handing_over = asyncio.get_running_loop().create_task(self._hand_over(elsewhere))

    async def _hand_over(self, numbers: set[int]) -> None:
        """Tell the owners of these partitions which of their holds are nobody's."""
        for number in numbers:
            requests = self._undispatched.of(number)[:HAND_OVER_MAX]
            try:
                await self._bus.request(subjects.release(number), msgspec.json.encode(requests), timeout_s=1.0)
            except (BusError, TimeoutError) as error:
                log.debug("holds could not be handed over yet", partition=number, error=str(error))
                continue
            for request in requests:
                self._undispatched.discard(number, request)

    def _publish_lost(self, number: int, lost: Lost) -> None:
        hold, whom = lost.hold, lost.hold.whom or Whom()
        fact = CompletionLost(
            id=f"lost_{hold.request}",
            ts_ms=lost.at_ms,
            tenant=hold.tenant,
            request_id=hold.request,
            key=hold.account,
            key_alias=whom.key_alias,
            user_id=whom.user_id,
            team_id=whom.team_id,
            organization_id=whom.organization_id,
            end_user=whom.end_user,
            tags=whom.tags,
            partition=number,
            call_type=whom.call_type,
            model=hold.model,
            cost_pico=hold.amount,
            admitted_ms=hold.admitted_ms,
        )
        self._outbox.put(fact.subject, encode_fact(fact), fact.id)
