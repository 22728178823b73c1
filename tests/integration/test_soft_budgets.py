"""A soft budget is counted and told whoever has it, without a hard one too, in whichever partition it is spent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.policy.budgets.admission import Placed
from services.policy.budgets.tree import TreeRules
from services.policy.thresholds.terms import Directory
from services.policy.thresholds.told import Told, decode_told
from services.policy.thresholds.watch import ThresholdWatch
from shared import subjects
from shared.bus import Bus, KvView, Outbox, kv, read
from shared.calls import Caller
from shared.facts import BudgetThresholdCrossed
from shared.facts.registry import decode_fact
from shared.identity.holders import Holder, HolderKind, Window, encode_holder, entry_name, home_of, member_id
from shared.identity.keys import Key
from tests import budgets
from tests.budgets import answered, cost, finish, until, wanted
from tests.hook_server import HookServer
from tests.loans import PARTITIONS, Partitions, charges_under, key_at, partitions
from tests.nats_server import NatsServer
from tests.policy_service import CONFIG, INPUT_PICO, OUTPUT_PICO, PolicyProcess, neighbours, until_served

MEMBER = member_id("core", "ann")
OF_ALL: dict[str, str] = {
    "organization": "acme",
    "team": "core",
    "member": MEMBER,
    "user": "ann",
    "end_user": "eve",
    "tag": "batch",
}
"""Whom each holder's id is."""


def soft_holder(kind: HolderKind, holder_id: str, soft: int, **fields: Any) -> Holder:
    own_tenant = "acme" if kind in ("organization", "team", "member") else home_of(kind, holder_id)
    values: dict[str, Any] = {"version": 1, "tenant": own_tenant, "created_at": 0.0, "updated_at": 0.0}
    return Holder(kind=kind, id=holder_id, soft_budget_pico=soft, **{**values, **fields})


def entries(*holders: Holder) -> dict[str, Holder]:
    return {entry_name(one.kind, one.id): one for one in holders}


@pytest.fixture
async def told(bus: Bus) -> AsyncIterator[KvView[Told]]:
    view = KvView(bus, subjects.TOLD_BUCKET, decode_told)
    await view.start()
    yield view
    await view.stop()


async def crossings(bus: Bus) -> list[BudgetThresholdCrossed]:
    found = await read(bus, subjects.FACTS, subject="evt.budget.threshold_crossed.>", at_most=None)
    facts = [decode_fact(message.data) for message in found]
    return [fact for fact in facts if isinstance(fact, BudgetThresholdCrossed)]


async def spend(owners: Partitions, key: Key, pico: int, **caller: Any) -> None:
    number = subjects.partition_of(key.tenant, PARTITIONS)
    charges = charges_under(None, providers=("simulated",), **caller)
    request = wanted(key, cost(pico), charges=charges, waits_s=10)
    assert isinstance(await answered(owners[number], request), Placed)
    await finish(owners.bus, request.request, pico, key=key.token, partition=number)
    await until(lambda: request.request not in owners[number].books.holds)


@pytest.mark.parametrize("kind", [*OF_ALL, "provider", "global"])
async def test_each_kind_of_holder_is_told_of_once_wherever_it_spends(
    bus: Bus, told: KvView[Told], kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"provider": "provider:simulated", "global": "global"}
    rules = TreeRules(PARTITIONS, user_budget_on_team_keys=True)
    holders: dict[str, Holder] = {}
    if kind in names:
        rules = rules._replace(soft={names[kind]: Window(100)})
    else:
        holders = entries(soft_holder(kind, OF_ALL[kind], 100))
    account = names.get(kind, f"{kind}:{OF_ALL.get(kind)}")
    if kind in ("organization", "team", "member"):
        fields = {"tenant": "acme", "organization_id": "acme", "team_id": "core", "user_id": "ann"}
        keys = [budgets.key_of_budget(None, token=f"k{number}", **fields) for number in range(PARTITIONS)]
    else:
        made = [key_at(number) for number in range(PARTITIONS)]
        keys = [budgets.key_of_budget(None, token=key.token, tenant=key.tenant, user_id="ann") for key in made]
    monkeypatch.setattr(budgets, "_keys", {key.token: key for key in keys})
    directory = Directory({key.token: key for key in keys}, holders, rules)
    home = subjects.partition_of(directory.terms_of(account, 0.0).tenant, PARTITIONS)  # type: ignore[union-attr]
    async with partitions(bus) as owners:
        watch = ThresholdWatch(bus, Outbox(bus), told, directory, (50, 80, 100))

        async def look() -> list[BudgetThresholdCrossed]:
            for number in range(PARTITIONS):
                await watch.look(owners[number])
            return await crossings(bus)

        for key in keys:
            await spend(owners, key, 24, rules=rules, holders=holders, end_user="eve", tags=("batch",))
        await until(lambda: owners.figures(home, account)[0] == 24 * len(keys))
        assert await look() == []
        await spend(owners, keys[0], 10, rules=rules, holders=holders, end_user="eve", tags=("batch",))
        await until(lambda: owners.figures(home, account)[0] == 106)
        await look()
        [fact] = await look()
    assert (fact.account, fact.holder_kind, fact.percent) == (account, kind, None)
    assert (fact.spend_pico, fact.soft_budget_pico, fact.limit_pico) == (106, 100, None)


async def test_a_soft_budget_refuses_nobody_even_where_its_home_does_not_answer(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = TreeRules(PARTITIONS, soft={"global": Window(1)})
    home = subjects.partition_of("global", PARTITIONS)
    key = key_at((home + 1) % PARTITIONS)
    monkeypatch.setattr(budgets, "_keys", {key.token: key})
    async with partitions(bus, but=(home,)) as owners:
        await spend(owners, key, 1_000, rules=rules)
        await owners.open(home)
        await spend(owners, key, 1_000, rules=rules)
        await until(lambda: owners.figures(home)[0] > 0)


async def test_the_next_window_of_a_soft_budget_is_told_of_anew(bus: Bus, told: KvView[Told]) -> None:
    clock = [1_795_415_200.0]
    extra = {"budget_duration": "1m", "budget_anchor": clock[0]}
    holders = entries(soft_holder("team", "core", 100, extra=extra))
    key = budgets.key_of_budget(None, token="k", tenant="acme", team_id="core")
    charges = charges_under(None, rules=TreeRules(1), holders=holders)
    async with budgets.opened(bus, key, clock=lambda: clock[0]) as owner:
        directory = Directory(owner.keys, holders, TreeRules(1))
        watch = ThresholdWatch(bus, Outbox(bus), told, directory, (50,), clock=lambda: clock[0])
        for _ in range(2):
            request = wanted(key, cost(60), now=clock[0], charges=charges)
            for _ in range(2):
                await answered(owner.partition, request)
                await finish(bus, request.request, 60, key="k")
                await until(lambda request=request: request.request not in owner.books.holds)
                request = wanted(key, cost(60), now=clock[0], charges=charges)
            await watch.look(owner.partition)
            clock[0] += 60
    found = await crossings(bus)
    assert [(fact.window, fact.spend_pico, fact.duration) for fact in found] == [(1, 120, "1m"), (2, 120, "1m")]


def test_a_shared_budget_lends_its_soft_budget_to_who_has_none() -> None:
    shared = soft_holder("budget", "small", 100, extra={"budget_duration": "1d", "budget_anchor": 5.0})
    user = soft_holder("user", "ann", 0, budget_id="small")
    named = Holder(**{name: getattr(user, name) for name in user.__struct_fields__} | {"soft_budget_pico": None})
    holders = entries(shared, named)
    terms = Directory({}, holders, TreeRules(1)).terms_of("user:ann", 0.0)
    assert terms is not None
    assert (terms.soft, terms.limit, terms.duration) == (100, None, "1d")
    key = budgets.key_of_budget(None, token="k", user_id="ann")
    charge = charges_under(None, rules=TreeRules(1), holders=holders)(key).must[-1]
    assert (charge.account, charge.tracked, charge.pattern) == ("user:ann", True, "1d")


SOFT_CONFIG = CONFIG.replace(
    "general_settings:\n  meterhouse: {",
    "general_settings:\n  alerting: [webhook, slack]\n  apply_user_budget_to_team_keys: true\n  meterhouse: {"
    "global_soft_budget: 0.0003, provider_soft_budgets: {simulated: {soft_budget: 0.0003, time_period: 1mo}}, ",
)


async def test_hooks_hear_of_each_kind_once_from_a_policy_that_is_killed(
    tmp_path: Path, nats: NatsServer, bus: Bus
) -> None:
    one = 100 * (INPUT_PICO + OUTPUT_PICO)  # 0.0003 USD
    async with HookServer() as server, neighbours(nats.url) as around:
        environment = {"WEBHOOK_URL": f"{server.url}/hook", "SLACK_WEBHOOK_URL": f"{server.url}/chat"}
        policies = [PolicyProcess(tmp_path, nats.url, name, SOFT_CONFIG, **environment) for name in ("a", "b")]
        try:
            fields = {"tenant": "acme", "organization_id": "acme", "team_id": "core", "user_id": "ann"}
            key = await around.put_key(None, token="k1", **fields)
            for kind, holder_id in OF_ALL.items():
                holder = soft_holder(kind, holder_id, one)  # type: ignore[arg-type]
                await kv.put(bus, subjects.HOLDERS_BUCKET, entry_name(holder.kind, holder.id), encode_holder(holder))
            await until_served(bus)
            around.finishes = _costs(one // 2)
            await asyncio.sleep(1.0)  # the notifier has noted where it begins
            caller = Caller("k1", "", "acme", "ann", "core", "acme", "eve", ("batch",), "", "", "", b"")
            for number in range(4):
                request = around.request("k1", model="unpriced" if number == 3 else "sim", caller=caller)
                answer = await around.ask(request)
                assert answer.command is not None, answer
                if number == 1:
                    policies[0].kill()
                    policies[0] = PolicyProcess(tmp_path, nats.url, "a", SOFT_CONFIG, **environment)
                    await until_served(bus)
            await until(lambda: len(server.deliveries) >= 16, 20)
            await asyncio.sleep(1.0)
        finally:
            for policy in policies:
                policy.close()
    facts = await crossings(bus)
    assert sorted(fact.holder_kind for fact in facts) == sorted([*OF_ALL, "provider", "global"])
    assert {fact.percent for fact in facts} == {None}
    assert key.soft_budget_pico is None
    for path in ("/hook", "/chat"):
        called = [delivery.headers["idempotency-key"] for delivery in server.deliveries if delivery.path == path]
        assert sorted(called) == sorted(fact.id for fact in facts)


def _costs(pico: int) -> Any:
    async def finishes(_: Any) -> int:
        return pico

    return finishes
