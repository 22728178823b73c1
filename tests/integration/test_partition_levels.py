"""A request's budgets at every level, decided in one step by a partition on a real nats-server."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from services.policy.budgets.admission import Ask, Placed
from services.policy.budgets.charges import Charges
from services.policy.budgets.entries import Held
from services.policy.budgets.tree import TreeRules
from services.policy.partitions.decision import Denied
from shared.bus import Bus
from shared.identity.holders import Holder, HolderKind, Window, entry_name
from shared.identity.keys import Key
from tests.budgets import (
    answered,
    charges_of,
    cost,
    decided,
    deciding,
    entries_of,
    finish,
    key_of_budget,
    opened,
    until,
    wanted,
)

HOUR = Window(250, "1h", listed=True)


def holder(kind: HolderKind, holder_id: str, *windows: Window) -> Holder:
    return Holder(kind=kind, id=holder_id, version=1, tenant="t", created_at=0.0, updated_at=0.0, budgets=windows)


def entries(*holders: Holder) -> dict[str, Holder]:
    return {entry_name(one.kind, one.id): one for one in holders}


def of(holders: dict[str, Holder], **caller: Any) -> Callable[[Key], Charges]:
    return lambda key: charges_of(key, holders, **dict(caller))


def key(limit: int | None, token: str) -> Key:
    return key_of_budget(limit, token=token, tenant="t", team_id="core")


async def test_keys_share_what_their_team_may_spend(bus: Bus) -> None:
    team = entries(holder("team", "core", Window(1_000)))
    one, other = key(700, "one"), key(None, "other")
    async with opened(bus, one, other) as owner:
        assert await decided(owner.partition, wanted(one, cost(600), charges=of(team))) == Placed(600, None)
        assert await decided(owner.partition, wanted(other, cost(400), charges=of(team))) == Placed(400, None)
        assert owner.figures("team:core") == (0, 1_000)
        waits = [
            asyncio.ensure_future(answered(owner.partition, wanted(one, cost(amount), charges=of(team))))
            for amount in (700, 50)
        ]
        await asyncio.sleep(0)
        owner.tick(in_s=1)
        refused = await waits[0]
        assert isinstance(refused, Denied)
        assert (refused.charge.holder, refused.standing.only_holds) == ("Key=key (sk-...abcd)", True)
        refused = await waits[1]
        assert isinstance(refused, Denied)
        assert (refused.charge.holder, refused.standing.only_holds) == ("Team=core", True), "its key has enough"
        over = await answered(owner.partition, wanted(other, cost(1_001), charges=of(team)))
        assert isinstance(over, Denied)
        assert (over.charge.holder, over.standing.held) == ("Team=core", 1_000)
    [first, _] = [entry.hold for entry in await entries_of(bus) if isinstance(entry, Held)]
    assert first.accounts == ["one", "team:core"]


async def test_the_tightest_budget_shortens_the_answer(bus: Bus) -> None:
    team = entries(holder("team", "core", Window(1_000), HOUR))
    one = key(700, "one")
    async with opened(bus, one) as owner:
        answer = await decided(owner.partition, wanted(one, Ask(50, 10, 1_000, 1, True), charges=of(team)))
        assert answer == Placed(250, 20)
        assert owner.figures("team@1h:core") == owner.figures("one") == (0, 250)


async def test_who_waits_for_one_budget_goes_on_to_wait_for_the_next(bus: Bus) -> None:
    team = entries(holder("team", "core", Window(1_000)))
    one, other = key(500, "one"), key(None, "other")
    async with opened(bus, one, other) as owner:
        mine, theirs = wanted(one, cost(500), charges=of(team)), wanted(other, cost(500), charges=of(team))
        await decided(owner.partition, mine)
        await decided(owner.partition, theirs)
        waits = deciding(owner.partition, wanted(one, cost(400), charges=of(team), waits_s=30))
        await finish(bus, theirs.request, 500, key="other")
        await asyncio.sleep(0.1)
        assert not waits.done()
        await finish(bus, mine.request, 100, key="one")
        assert await waits == Placed(400, None)


async def test_nothing_goes_before_those_who_wait_for_a_shared_budget(bus: Bus) -> None:
    team = entries(holder("team", "core", Window(1_000)))
    one, other = key(None, "one"), key(None, "other")
    async with opened(bus, one, other) as owner:
        first = wanted(one, cost(900), charges=of(team))
        await decided(owner.partition, first)
        large = deciding(owner.partition, wanted(one, cost(1_000), charges=of(team), waits_s=30))
        small = deciding(owner.partition, wanted(other, cost(50), charges=of(team), waits_s=30))
        assert not small.done()
        await finish(bus, first.request, 0, key="one")
        assert await large == Placed(1_000, None)
        assert not small.done()


async def test_a_provider_without_money_is_left_out_and_only_the_one_that_served_is_paid(bus: Bus) -> None:
    one = key(None, "one")
    rules = TreeRules(1, providers={"openai": Window(1_000), "azure": Window(100)})
    charges = of({}, rules=rules, providers=("openai", "azure"))
    async with opened(bus, one) as owner:
        both = wanted(one, cost(100), charges=charges)
        assert await decided(owner.partition, both) == Placed(100, None)
        assert await decided(owner.partition, wanted(one, cost(200), charges=charges)) == Placed(200, None, (1,))
        assert (owner.figures("provider:openai"), owner.figures("provider:azure")) == ((0, 300), (0, 100))
        await finish(bus, both.request, 90, key="one", provider="azure")
        await until(lambda: owner.figures("provider:azure") == (90, 0))
        assert owner.figures("provider:openai") == (0, 200)
        refused = await answered(owner.partition, wanted(one, cost(1_001), charges=charges))
        assert isinstance(refused, Denied)
        assert refused.charge.kind == "provider"


async def test_what_a_team_spent_before_it_had_a_budget_counts_once_it_has(bus: Bus) -> None:
    one = key(None, "one")
    async with opened(bus, one) as owner:
        await finish(bus, "unheld", 950, key="one", held=False, team_id="core")
        await until(lambda: owner.figures("team:core") == (950, 0))
        team = of(entries(holder("team", "core", Window(1_000))))
        assert isinstance(await answered(owner.partition, wanted(one, cost(51), charges=team)), Denied)
        assert await decided(owner.partition, wanted(one, cost(50), charges=team)) == Placed(50, None)


async def test_many_deciders_pass_no_budget_at_any_level_and_a_successor_knows_what_was_spent(bus: Bus) -> None:
    chance = random.Random(5)
    team = entries(holder("team", "core", Window(9_000, "1d"), Window(8_000, "1h", listed=True)))
    keys = [key(limit, f"k{number}") for number, limit in enumerate((2_000, 4_000, None))]
    limits = {"k0": 2_000, "k1": 4_000, "team:core": 9_000, "team@1h:core": 8_000}
    spent: dict[str, int] = {}
    async with opened(bus, *keys, snapshot_every_groups=7) as owner:

        async def decider() -> None:
            for _ in range(12):
                request = wanted(chance.choice(keys), cost(chance.randint(50, 150)), charges=of(team), waits_s=30)
                answer = await decided(owner.partition, request)
                for name, limit in limits.items():
                    assert sum(owner.figures(name)) <= limit
                if isinstance(answer, Placed):
                    token = request.charges.must[0].account
                    paid = chance.randint(0, answer.amount)
                    spent[token] = spent.get(token, 0) + paid
                    await finish(bus, request.request, paid, key=token)

        await asyncio.gather(*[decider() for _ in range(24)])
        await until(lambda: not owner.books.holds)
        assert {token: owner.figures(token)[0] for token in spent} == spent
    async with opened(bus, *keys) as successor:
        assert successor.figures("team:core") == successor.figures("team@1h:core") == (sum(spent.values()), 0)
    assert 8_000 - 150 < sum(spent.values()) <= 8_000
