"""Several partitions on one bus that lend to each other, each with an owner that can die."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.policy.budgets.charges import Charges
from services.policy.budgets.entries import Lost
from services.policy.budgets.tree import BudgetTree, TreeRules
from services.policy.partitions.journal.journal_reader import read_journal
from services.policy.partitions.partition import Partition
from services.policy.partitions.settlements import Settlements
from services.policy.partitions.undispatched import Undispatched
from shared import subjects
from shared.bus import Bus
from shared.identity.holders import Window
from shared.identity.keys import Key
from tests.budgets import caller_of, key_of_budget

PARTITIONS = 4
GLOBAL = "global"
HOME = subjects.partition_of(GLOBAL, PARTITIONS)
ELSEWHERE = [number for number in range(PARTITIONS) if number != HOME]


def key_at(number: int, limit: int | None = None) -> Key:
    """A key whose partition is `number`."""
    tenant = next(f"t{n}" for n in range(999) if subjects.partition_of(f"t{n}", PARTITIONS) == number)
    return key_of_budget(limit, token=f"key{number}", tenant=tenant)


def charges_under(window: Window | None, **caller: Any) -> Callable[[Key], Charges]:
    """Charges of keys under one global budget."""
    rules = caller.pop("rules", TreeRules(PARTITIONS, window))
    holders, providers = caller.pop("holders", {}), caller.pop("providers", ())

    def charges(key: Key) -> Charges:
        return BudgetTree(holders, rules).charges(caller_of(key, **caller), key, "model", "model", providers)

    return charges


@dataclass
class Owned:
    """One life of a partition. `stop` ends it in order, `die` without a word."""

    partition: Partition
    settlements: Settlements
    subscriptions: list[int]
    tasks: list[asyncio.Task[None]]
    bus: Bus

    async def die(self) -> None:
        for subscription in self.subscriptions:
            await self.bus.unsubscribe(subscription)
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)
        self.partition.open = False
        self.partition.borrower.close()

    async def stop(self) -> None:
        self.partition.close()
        await asyncio.wait_for(self.partition.finished(), 10)
        await self.die()


@dataclass
class Partitions:
    bus: Bus
    clock: Callable[[], float]
    owned: dict[int, Owned] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Partition:
        return self.owned[number].partition

    def figures(self, number: int, account: str = GLOBAL) -> tuple[int, int]:
        found = self[number].standing(account)
        return found.spent, found.held

    def at_most_spent(self, account: str = GLOBAL, home: int = HOME) -> int:
        """The most that may have been spent of it by now."""
        return sum(self.figures(home, account))

    async def open(self, number: int) -> Owned:
        lost: list[Lost] = []
        settlements = Settlements(self.bus)
        partition = Partition(
            self.bus,
            number,
            await read_journal(self.bus, number),
            undispatched=Undispatched(),
            on_lost=lambda _, loss: lost.append(loss),
            on_wait=settlements.hurry,
            clock=self.clock,
            snapshot_every_groups=20,
        )
        tasks = [asyncio.create_task(settlements.run())]
        await settlements.follow(partition)
        partition.start()
        subscriptions = [
            await self.bus.subscribe(subjects.lend(number), partition.lender.on_ask),
            await self.bus.subscribe(subjects.repay(number), partition.lender.on_report),
            await self.bus.subscribe(subjects.recall(number), partition.borrower.on_recall),
        ]
        await self.bus.flush(2)
        tasks.append(asyncio.create_task(self._keep_ticking(partition)))
        self.owned[number] = Owned(partition, settlements, subscriptions, tasks, self.bus)
        return self.owned[number]

    async def replace(self, number: int) -> None:
        """Its owner dies, and another one takes it over."""
        await self.owned.pop(number).die()
        await self.open(number)

    async def _keep_ticking(self, partition: Partition) -> None:
        while True:
            await asyncio.sleep(0.1)
            partition.tick(int(self.clock() * 1000))


@asynccontextmanager
async def partitions(
    bus: Bus, *, clock: Callable[[], float] = time.time, but: tuple[int, ...] = ()
) -> AsyncIterator[Partitions]:
    made = Partitions(bus, clock)
    for number in range(PARTITIONS):
        if number not in but:
            await made.open(number)
    try:
        yield made
    finally:
        for owned in made.owned.values():
            with contextlib.suppress(TimeoutError):
                await owned.stop()
