"""Publishes a fact for each window that was left for the next one, exactly once.

What is to be told stands in the partition's books, from the entry that opened the next window until an entry says that
the fact is stored. Who takes a partition over asks the stream itself first, since its predecessor may have died between
the two.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakSet

import structlog

from services.policy.budgets.entries import Reset, ResetTold
from services.policy.partitions.partition import Partition
from services.policy.thresholds.terms import Directory, Terms
from services.policy.thresholds.told import name_of
from shared import subjects
from shared.bus import Bus, Outbox, header_value, read
from shared.facts import BudgetReset, encode_fact

log = structlog.get_logger()

AT_ONCE = 500


class ResetTeller:
    def __init__(self, bus: Bus, outbox: Outbox, directory: Directory, clock: Callable[[], float]) -> None:
        self._bus = bus
        self._outbox = outbox
        self._directory = directory
        self._clock = clock
        self._known: WeakSet[Partition] = WeakSet()

    async def tell(self, partition: Partition) -> None:
        """Publish what the partition's books say is to be told.

        Raises:
            BusError, TimeoutError: it is told the next time.
        """
        waiting = list(partition.books.resets.items())[:AT_ONCE]
        if not waiting:
            self._known.add(partition)
            return
        if not await partition.is_stored():
            return  # the next owner may close the window with other figures
        now = self._clock()
        facts: dict[str, BudgetReset] = {}
        for key, reset in waiting:
            terms = self._directory.terms_of(reset.account, now)
            if terms is None:
                log.debug("a window ended of a budget that is gone", account=reset.account)
                partition.note(ResetTold(key))
            else:
                facts[key] = _fact(partition, reset, terms, now)
        stored = set() if partition in self._known else await self._stored({fact.subject for fact in facts.values()})
        new = [fact for fact in facts.values() if fact.id not in stored]
        await asyncio.gather(*(self._outbox.put(fact.subject, encode_fact(fact), fact.id) for fact in new))
        for key in facts:
            partition.note(ResetTold(key))

    async def _stored(self, of: set[str]) -> set[str | None]:
        """Return the ids of the facts that the stream has under these subjects."""
        found: set[str | None] = set()
        for subject in of:
            messages = await read(self._bus, subjects.FACTS, subject=subject, at_most=None)
            found |= {header_value(message.headers, "Nats-Msg-Id") for message in messages}
        return found


def _fact(partition: Partition, reset: Reset, terms: Terms, now: float) -> BudgetReset:
    closed = reset.closed
    return BudgetReset(
        id=f"rst_{name_of(reset.account)}_{closed.window}",
        ts_ms=int(now * 1000),
        tenant=terms.tenant,
        account=reset.account,
        holder_kind=terms.kind,
        holder=terms.holder,
        alias=terms.alias,
        spend_pico=closed.spent,
        held_pico=closed.held,
        limit_pico=terms.limit,
        window=closed.window,
        window_start_ms=closed.starts_ms,
        window_end_ms=closed.ends_ms,
        duration=terms.duration,
        model=terms.model,
        user_id=terms.user_id,
        team_id=terms.team_id,
        organization_id=terms.organization_id,
        partition=partition.number,
    )
