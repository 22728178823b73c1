"""Looks at the budgets that were spent from, and publishes what they have crossed.

A threshold is told by the owner of the account's partition: its fact first, then the entry that says so. Who takes a
partition over looks at all its accounts, and asks the stream itself about what is in no entry, since its predecessor
may have died in between.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from weakref import WeakSet

from services.policy.partitions.owning.rounds import look_at_all
from services.policy.partitions.partition import Partition
from services.policy.thresholds.levels import Level, levels_reached
from services.policy.thresholds.terms import Directory, Terms
from services.policy.thresholds.told import Told, encode_told, fact_id, name_of
from shared import subjects
from shared.bus import Bus, KvView, Outbox, header_value, kv, read
from shared.facts import BudgetThresholdCrossed, encode_fact

ACCOUNTS_AT_ONCE = 2_000
SEEN_WITHIN_S = 5.0


class ThresholdWatch:
    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        told: KvView[Told],
        directory: Directory,
        percents: Sequence[int],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`percents` of each hard budget are told, and every soft budget."""
        self._bus = bus
        self._outbox = outbox
        self._told = told
        self._directory = directory
        self._percents = percents
        self._clock = clock
        self._known: WeakSet[Partition] = WeakSet()

    async def run(self, partitions: Iterable[Partition], holds: Callable[[int], bool]) -> None:
        """Until cancelled, look at the partitions of this process."""
        await look_at_all(partitions, holds, self.look, task="thresholds")

    async def look(self, partition: Partition) -> None:
        """Publish what the partition's accounts have crossed, as far as they were spent from since the last time.

        Raises:
            BusError, TimeoutError: they are looked at again.
        """
        is_new = partition not in self._known
        if is_new:
            partition.spent_in.update(partition.books.accounts)
        names = [partition.spent_in.pop() for _ in range(min(len(partition.spent_in), ACCOUNTS_AT_ONCE))]
        try:
            while names:
                await self._look_at(partition, names[-1], careful=is_new)
                names.pop()
        finally:
            partition.spent_in.update(names)
        if is_new and not partition.spent_in:
            self._known.add(partition)

    async def _look_at(self, partition: Partition, name: str, *, careful: bool) -> None:
        now = self._clock()
        terms = self._directory.terms_of(name, now)
        account = partition.standing(name)
        if terms is None or 0 < account.ends_ms <= now * 1000:
            return
        if not self._directory.is_home(terms, partition.number):
            return  # only its home knows what all partitions spent of it
        refused = name in partition.refused_by
        partition.refused_by.discard(name)
        reached = levels_reached(account.spent, terms.limit, terms.soft, self._percents, refused=refused)
        told = self._told.entries.get(name_of(name))
        before = told.levels if told is not None and told.window == account.window else ()
        new = [level for level in reached if level.name not in before]
        if not new:
            return
        facts = [_fact(partition, name, terms, level, now) for level in new]
        stored = await self._stored(facts[0].subject) if careful else set()
        for fact in facts:
            if fact.id not in stored:
                await self._outbox.put(fact.subject, encode_fact(fact), fact.id)
        entry = Told(name, account.window, (*before, *(level.name for level in new)))
        revision = self._told.revisions.get(name_of(name), 0)
        seq = await kv.put(self._bus, subjects.TOLD_BUCKET, name_of(name), encode_told(entry), expected=revision)
        await self._told.wait_until(lambda: self._told.revisions.get(name_of(name), 0) >= seq, SEEN_WITHIN_S)

    async def _stored(self, subject: str) -> set[str | None]:
        """Return the ids of the tenant's facts that the stream has."""
        found = await read(self._bus, subjects.FACTS, subject=subject, at_most=None)
        return {header_value(message.headers, "Nats-Msg-Id") for message in found}


def _fact(partition: Partition, name: str, terms: Terms, level: Level, now: float) -> BudgetThresholdCrossed:
    account = partition.standing(name)
    return BudgetThresholdCrossed(
        id=fact_id(name, account.window, level.name),
        ts_ms=int(now * 1000),
        tenant=terms.tenant,
        account=name,
        holder_kind=terms.kind,
        holder=terms.holder,
        alias=terms.alias,
        percent=level.percent,
        spend_pico=account.spent,
        limit_pico=terms.limit,
        soft_budget_pico=terms.soft,
        window=account.window,
        window_start_ms=account.starts_ms,
        window_end_ms=account.ends_ms,
        duration=terms.duration,
        model=terms.model,
        user_id=terms.user_id,
        team_id=terms.team_id,
        organization_id=terms.organization_id,
        partition=partition.number,
    )
