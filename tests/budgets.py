"""Budgets for tests: keys, asks and the facts of finished requests, and one opening of a partition without leases."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.policy.budgets.accounts import Books
from services.policy.budgets.admission import Ask, Placed, Standing
from services.policy.budgets.charges import Charges
from services.policy.budgets.entries import Entry, Lost, Whom
from services.policy.budgets.tree import BudgetTree, TreeRules
from services.policy.partitions.decision import Answer, Denied, Wanted
from services.policy.partitions.journal import journal
from services.policy.partitions.journal.journal_reader import read_journal
from services.policy.partitions.journal.journal_writer import SNAPSHOT_EVERY_GROUPS
from services.policy.partitions.partition import Partition
from services.policy.partitions.settlements import Settlements
from services.policy.partitions.undispatched import Undispatched
from shared import subjects
from shared.bus import Bus, read
from shared.calls import Caller
from shared.facts import CompletionFinished, encode_fact
from shared.identity.holders import Holder, Window
from shared.identity.keys import Key

numbers = itertools.count(1)


def key_of_budget(max_budget_pico: int | None = 1_000, *, token: str = "key", **fields: Any) -> Key:
    values: dict[str, Any] = {
        "version": 1,
        "tenant": token,
        "key_name": "sk-...abcd",
        "created_at": 0.0,
        "updated_at": 0.0,
        "max_budget_pico": max_budget_pico,
        "budgets": main_window(max_budget_pico, fields),
    }
    return Key(token=token, **{**values, **fields})


def main_window(max_budget_pico: int | None, fields: dict[str, Any]) -> tuple[Window, ...]:
    """The window of a key's `max_budget`, as the control plane writes it beside the field."""
    if max_budget_pico is None:
        return ()
    duration = fields.get("budget_duration") or ""
    return (Window(max_budget_pico, duration, fields.get("budget_anchor", 0.0) if duration else 0.0),)


def cost(pico: int) -> Ask:
    """A request that costs `pico` at most and cannot be made any shorter."""
    return Ask(pico, 0, 1, 1, True)


_keys: dict[str, Key] = {}
"""The keys that the partition opened last knows."""


def charges_of(key: Key, holders: Mapping[str, Holder] | None = None, **caller: Any) -> Charges:
    """The accounts a request of `key` to `model` is counted in; `caller` may give end_user, tags and rules."""
    rules = caller.pop("rules", TreeRules(partitions=1))
    providers = caller.pop("providers", ())
    return BudgetTree(holders or {}, rules).charges(caller_of(key, **caller), key, "model", "model", providers)


def caller_of(key: Key, **fields: Any) -> Caller:
    known = (key.token, key.key_alias or "", key.tenant, key.user_id or "", key.team_id or "")
    end_user, tags = fields.get("end_user", ""), fields.get("tags", ())
    return Caller(*known, key.organization_id or "", end_user, tags, "", "", "", b"")


def wanted(
    key: Key,
    ask: Ask,
    *,
    request: str = "",
    now: float | None = None,
    charges: Callable[[Key], Charges] = charges_of,
    **times: float,
) -> Wanted:
    """`lasts_s` is how long its hold lives, `waits_s` how long it may wait for money."""
    now_ms = int((time.time() if now is None else now) * 1000)
    keys = _keys

    def again() -> Charges | None:
        current = keys.get(key.token)
        return None if current is None else charges(current)

    return Wanted(
        request or f"req_{next(numbers)}",
        key.tenant,
        Whom(
            user_id=key.user_id or "",
            team_id=key.team_id or "",
            organization_id=key.organization_id or "",
            call_type="aembedding",
        ),
        charges(key),
        ask,
        "model",
        now_ms,
        now_ms + int(times.get("lasts_s", 60.0) * 1000),
        now_ms + int(times.get("waits_s", 0.0) * 1000),
        again,
    )


def deciding(partition: Partition, request: Wanted) -> asyncio.Future[Placed | Standing | None]:
    """The answer, of a refusal how the account stands; a second one would fail the test."""
    answer: asyncio.Future[Placed | Standing | None] = asyncio.get_running_loop().create_future()

    def done(one: Answer) -> None:
        answer.set_result(one.standing if isinstance(one, Denied) else one)

    partition.decide(request, done)
    return answer


async def decided(partition: Partition, request: Wanted) -> Placed | Standing | None:
    return await deciding(partition, request)


async def answered(partition: Partition, request: Wanted) -> Answer:
    """The answer as it is: of a refusal, whose budget it was, too."""
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    partition.decide(request, answer.set_result)
    return await answer


def finished_fact(
    request: str,
    cost_pico: int,
    *,
    key: str = "key",
    partition: int = 0,
    held: bool = True,
    admitted_ms: int = 0,
    provider: str = "simulated",
    team_id: str = "",
    user_id: str = "",
    organization_id: str = "",
    prompt_tokens: int = 0,
    completion_tokens: int = 0,
    homes: tuple[int, ...] = (),
) -> CompletionFinished:
    at = time.time_ns() // 1_000_000
    return CompletionFinished(
        id=f"fin_{request}",
        ts_ms=at,
        tenant=key,
        request_id=request,
        key=key,
        partition=partition,
        held=held,
        route="/v1/chat/completions",
        call_type="acompletion",
        model="model",
        group="model",
        deployment="d",
        provider=provider,
        team_id=team_id,
        user_id=user_id,
        organization_id=organization_id,
        provider_model="echo",
        api_base="",
        stream=False,
        outcome="success",
        status=200,
        usage={},
        usage_source="provider",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        homes=homes,
        cost_pico=cost_pico,
        received_ms=at,
        admitted_ms=admitted_ms or at,
        started_ms=at,
        first_token_ms=at,
        finished_ms=at,
    )


async def finish(bus: Bus, request: str, cost_pico: int, **fields: Any) -> int:
    fact = finished_fact(request, cost_pico, **fields)
    return await bus.store(fact.subject, encode_fact(fact), msg_id=fact.id)


async def entries_of(bus: Bus, partition: int = 0) -> list[Entry]:
    """All entries of the groups in the partition's journal."""
    found: list[Entry] = []
    for message in await messages_of(bus, partition):
        if isinstance(message, journal.Group):
            found += message.entries
    return found


async def messages_of(bus: Bus, partition: int = 0) -> list[journal.Group | journal.Snapshot]:
    stored = await read(bus, subjects.JOURNAL, subject=subjects.journal(partition), at_most=None)
    return [journal.decode(message.data) for message in stored]


async def until(condition: Callable[[], object], within_s: float = 5.0) -> None:
    give_up = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < give_up, f"not so within {within_s:g} s"
        await asyncio.sleep(0.005)


@dataclass
class Opened:
    """One opening of a partition, and what it said. `keys` are those it knows, to be changed at will."""

    partition: Partition
    keys: dict[str, Key]
    settlements: Settlements
    undispatched: Undispatched
    lost: list[Lost] = field(default_factory=list)

    @property
    def books(self) -> Books:
        return self.partition.books

    def figures(self, key: str = "key") -> tuple[int, int]:
        account = self.books.account(key)
        return account.spent, account.held

    def tick(self, *, in_s: float = 0.0) -> None:
        self.partition.tick(int((time.time() + in_s) * 1000))


@asynccontextmanager
async def opened(
    bus: Bus,
    *keys: Key,
    number: int = 0,
    undispatched: Undispatched | None = None,
    clock: Callable[[], float] = time.time,
    snapshot_every_groups: int = SNAPSHOT_EVERY_GROUPS,
) -> AsyncIterator[Opened]:
    """Read the journal, see all facts, decide; and close without leaving anything half done."""
    lost: list[Lost] = []
    global _keys
    known = _keys = {key.token: key for key in keys}
    settlements = Settlements(bus)
    holds = undispatched if undispatched is not None else Undispatched()
    partition = Partition(
        bus,
        number,
        await read_journal(bus, number),
        undispatched=holds,
        on_lost=lambda _, loss: lost.append(loss),
        on_wait=settlements.hurry,
        catch_up=settlements.when_caught_up,
        clock=clock,
        snapshot_every_groups=snapshot_every_groups,
    )
    reading = asyncio.get_running_loop().create_task(settlements.run())
    try:
        await settlements.follow(partition)
        partition.start()
        yield Opened(partition, known, settlements, holds, lost)
        partition.close()
        await asyncio.wait_for(partition.finished(), 10)
    finally:
        reading.cancel()
        await asyncio.wait([reading])
