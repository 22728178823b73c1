"""Crossings are told once each, whatever dies; hooks are called once each, by a real policy over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.policy.budgets.tree import TreeRules
from services.policy.hooks import door
from services.policy.hooks.notifier import Notifier
from services.policy.hooks.targets import Target
from services.policy.thresholds.terms import Directory
from services.policy.thresholds.told import Told, decode_told, name_of
from services.policy.thresholds.watch import ThresholdWatch
from shared import subjects
from shared.bus import Bus, KvView, Outbox, kv, read
from shared.facts import BudgetThresholdCrossed, encode_fact
from shared.facts.registry import decode_fact
from shared.identity.holders import Holder, Window, encode_holder, entry_name
from tests.budgets import Opened, charges_of, cost, decided, finish, key_of_budget, opened, until, wanted
from tests.hook_server import HookServer
from tests.nats_server import NatsServer
from tests.policy_service import CONFIG, INPUT_PICO, OUTPUT_PICO, PolicyProcess, neighbours, until_served

KEY = key_of_budget(1_000, soft_budget_pico=600)
RULES = TreeRules(partitions=1)


@pytest.fixture
async def told(bus: Bus) -> AsyncIterator[KvView[Told]]:
    view = KvView(bus, subjects.TOLD_BUCKET, decode_told)
    await view.start()
    yield view
    await view.stop()


def watch_of(bus: Bus, told: KvView[Told], owner: Opened) -> ThresholdWatch:
    return ThresholdWatch(bus, Outbox(bus), told, Directory(owner.keys, {}, RULES), (50, 80, 100))


async def spend(bus: Bus, owner: Opened, pico: int, key: Any = KEY) -> None:
    request = wanted(key, cost(pico))
    assert await decided(owner.partition, request) is not None
    await finish(bus, request.request, pico)
    await until(lambda: request.request not in owner.books.holds)


async def crossings(bus: Bus) -> list[BudgetThresholdCrossed]:
    found = await read(bus, subjects.FACTS, subject="evt.budget.threshold_crossed.>", at_most=None)
    facts = [decode_fact(message.data) for message in found]
    return [fact for fact in facts if isinstance(fact, BudgetThresholdCrossed)]


async def levels(bus: Bus) -> list[int | None]:
    return [fact.percent for fact in await crossings(bus)]


async def test_each_threshold_is_told_once_with_what_it_is_about(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        watch = watch_of(bus, told, owner)
        for pico, expected in (
            (499, []),
            (1, [50]),
            (150, [50, None]),
            (150, [50, None, 80]),
            (1, [50, None, 80]),
            (199, [50, None, 80, 100]),
        ):
            await spend(bus, owner, pico)
            await watch.look(owner.partition)
            await watch.look(owner.partition)
            assert await levels(bus) == expected
    first = (await crossings(bus))[0]
    assert (first.account, first.holder_kind, first.holder, first.tenant) == ("key", "key", "key", "key")
    assert (first.spend_pico, first.limit_pico, first.soft_budget_pico, first.window) == (500, 1_000, 600, 1)


async def test_what_is_crossed_at_once_is_told_in_order(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        await spend(bus, owner, 1_000)
        await watch_of(bus, told, owner).look(owner.partition)
    assert await levels(bus) == [50, 80, 100, None]


async def test_who_takes_over_tells_what_is_untold_and_nothing_twice(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        await spend(bus, owner, 500)
        await watch_of(bus, told, owner).look(owner.partition)
        await spend(bus, owner, 350)  # and nobody looks any more
    for _ in range(2):
        async with opened(bus, KEY) as owner:
            await watch_of(bus, told, owner).look(owner.partition)
            assert await levels(bus) == [50, 80, None]


async def test_a_fact_that_is_stored_without_its_entry_is_not_told_again(
    bus: Bus, told: KvView[Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died between the two, and so long ago that the stream does not drop repetitions any more."""
    async with opened(bus, KEY) as owner:
        await spend(bus, owner, 500)
        with monkeypatch.context() as broken:
            broken.setattr("services.policy.thresholds.watch.kv.put", _dies)
            with pytest.raises(TimeoutError):
                await watch_of(bus, told, owner).look(owner.partition)
    assert await levels(bus) == [50]
    config = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["config"]
    await bus.api(f"STREAM.UPDATE.{subjects.FACTS}", {**config, "duplicate_window": 100_000_000})
    await asyncio.sleep(0.3)
    async with opened(bus, KEY) as owner:
        await watch_of(bus, told, owner).look(owner.partition)
        assert await levels(bus) == [50]
        assert told.entries[name_of("key")].levels == ("50",)


async def _dies(*_: Any, **__: Any) -> int:
    raise TimeoutError("the process is gone")


async def test_the_next_window_is_told_of_anew(bus: Bus, told: KvView[Told]) -> None:
    clock = [1_795_415_200.0]
    short = key_of_budget(1_000, budget_duration="1m", budget_anchor=clock[0])
    async with opened(bus, short, clock=lambda: clock[0]) as owner:
        watch = ThresholdWatch(bus, Outbox(bus), told, Directory(owner.keys, {}, RULES), (50,), clock=lambda: clock[0])
        for _ in range(2):
            request = wanted(short, cost(600), now=clock[0])
            await decided(owner.partition, request)
            await finish(bus, request.request, 600)
            await until(lambda request=request: request.request not in owner.books.holds)
            await watch.look(owner.partition)
            clock[0] += 60
    assert [fact.window for fact in await crossings(bus)] == [1, 2]


async def test_a_hold_that_expired_counts(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        watch = watch_of(bus, told, owner)
        await decided(owner.partition, wanted(KEY, cost(500), lasts_s=0))
        await watch.look(owner.partition)
        assert await levels(bus) == []
        owner.tick()
        await watch.look(owner.partition)
        assert await levels(bus) == [50]


async def test_a_budget_without_enough_left_for_a_request_is_spent(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        watch = watch_of(bus, told, owner)
        await spend(bus, owner, 995)
        await watch.look(owner.partition)
        assert 100 not in await levels(bus)
        await decided(owner.partition, wanted(KEY, cost(6)))
        await watch.look(owner.partition)
        assert 100 in await levels(bus)


async def test_nothing_is_told_of_what_others_count(bus: Bus, told: KvView[Told]) -> None:
    async with opened(bus, KEY) as owner:
        assert not charges_of(KEY).providers
        await spend(bus, owner, 500)
        owner.keys.clear()
        await watch_of(bus, told, owner).look(owner.partition)
        assert await levels(bus) == []


# hooks


def crossing(number: int, **fields: Any) -> BudgetThresholdCrossed:
    values: dict[str, Any] = {
        "id": f"thr_{number}",
        "ts_ms": 5,
        "tenant": "t",
        "account": "key",
        "holder_kind": "key",
        "holder": "key",
        "percent": 50,
        "spend_pico": number,
        "limit_pico": 100,
        "window": number,
        "partition": 0,
    }
    return BudgetThresholdCrossed(**{**values, **fields})


async def publish(bus: Bus, *numbers: int) -> None:
    for number in numbers:
        fact = crossing(number)
        await bus.store(fact.subject, encode_fact(fact), msg_id=fact.id)


@pytest.fixture
async def hook(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HookServer]:
    monkeypatch.setattr(door, "PAUSE_FIRST_S", 0.01)
    async with HookServer() as server:
        yield server


def ids(hook: HookServer, path: str = "/hook") -> list[str]:
    return [one.headers["idempotency-key"] for one in hook.deliveries if one.path == path]


async def told_by(bus: Bus, hook: HookServer, calls: int, *, chat: bool = True) -> None:
    """Run a notifier until the hook was called so often."""
    targets = [Target("webhook", f"{hook.url}/hook", False), Target("slack", f"{hook.url}/chat", True)]
    task = asyncio.create_task(Notifier(bus, targets if chat else targets[:1]).run(lambda: True))
    try:
        await until(lambda: len(hook.deliveries) >= calls, 10)
        await asyncio.sleep(0.2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def begin(bus: Bus, hook: HookServer) -> None:
    """Let a notifier note where it begins: what was before is nobody's news."""
    await publish(bus, 1)
    task = asyncio.create_task(Notifier(bus, [Target("webhook", hook.url, False)]).run(lambda: True))
    bucket = subjects.POSITIONS_BUCKET
    for _ in range(100):
        if await read(bus, kv.kv_stream(bucket), subject=kv.kv_subject(bucket, "hooks"), at_most=1):
            break
        await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_every_hook_is_called_once_for_each_crossing_in_its_own_form(bus: Bus, hook: HookServer) -> None:
    await begin(bus, hook)
    await publish(bus, 2, 3)
    await told_by(bus, hook, 4)
    assert ids(hook) == ["thr_2", "thr_3"]
    assert ids(hook, "/chat") == ["thr_2", "thr_3"]
    assert hook.deliveries[0].body["event"] == "threshold_crossed"
    assert set(hook.deliveries[1].body) == {"text"}
    assert hook.deliveries[0].headers["content-type"] == "application/json"


async def test_another_process_goes_on_where_the_first_one_stopped(bus: Bus, hook: HookServer) -> None:
    await begin(bus, hook)
    await publish(bus, 2)
    await told_by(bus, hook, 2)
    await publish(bus, 3)
    await told_by(bus, hook, 4)
    await told_by(bus, hook, 4)
    assert ids(hook) == ids(hook, "/chat") == ["thr_2", "thr_3"]


async def test_two_at_once_do_not_call_for_the_same_crossing_for_long(bus: Bus, hook: HookServer) -> None:
    await begin(bus, hook)
    await publish(bus, *range(2, 12))
    await asyncio.gather(told_by(bus, hook, 10, chat=False), told_by(bus, hook, 10, chat=False))
    assert set(ids(hook)) == {f"thr_{number}" for number in range(2, 12)}
    assert len(ids(hook)) <= 11, "who loses the race for a position stops"


@pytest.mark.parametrize("failures", [[500], [0], [429, 503], [408, 0, 500]])
async def test_a_hook_that_fails_is_called_again(bus: Bus, hook: HookServer, failures: list[int]) -> None:
    await begin(bus, hook)
    hook.statuses.extend(failures)
    await publish(bus, 2)
    await told_by(bus, hook, len(failures) + 1, chat=False)
    assert ids(hook) == ["thr_2"] * (len(failures) + 1)


@pytest.mark.parametrize(("status", "calls"), [(500, door.TRIES), (404, 1), (302, 1), (410, 1)])
async def test_a_hook_that_will_not_take_it_is_left_after_some_tries(
    bus: Bus, hook: HookServer, status: int, calls: int
) -> None:
    await begin(bus, hook)
    hook.statuses.extend([status] * calls)
    await publish(bus, 2, 3)
    await told_by(bus, hook, calls + 1, chat=False)
    assert ids(hook) == ["thr_2"] * calls + ["thr_3"]


# a real policy


async def test_a_policy_that_is_killed_has_told_everything_once(tmp_path: Path, nats: NatsServer, bus: Bus) -> None:
    config = CONFIG.replace("general_settings:", "general_settings:\n  alerting: [webhook, slack]")
    async with HookServer() as server, neighbours(nats.url) as around:
        environment = {"WEBHOOK_URL": f"{server.url}/hook", "SLACK_WEBHOOK_URL": f"{server.url}/chat"}
        policies = [PolicyProcess(tmp_path, nats.url, name, config, **environment) for name in ("a", "b")]
        try:
            one = 100 * (INPUT_PICO + OUTPUT_PICO)
            key = await around.put_key(None, token="k1", soft_budget_pico=4 * one, tenant="acme", team_id="acme")
            team = Holder(
                kind="team",
                id="acme",
                version=1,
                tenant="acme",
                created_at=0.0,
                updated_at=0.0,
                alias="Acme",
                budgets=(Window(10 * one),),
            )
            await kv.put(bus, subjects.HOLDERS_BUCKET, entry_name("team", "acme"), encode_holder(team))
            await until_served(bus)
            around.finishes = _costs(one)
            await asyncio.sleep(1.0)  # the notifier has noted where it begins
            for number in range(12):
                answered = await around.ask(around.request(key.token, tenant="acme"))
                assert answered.command is not None or number >= 10, answered
                if number == 5:
                    policies[0].kill()
                    policies[0] = PolicyProcess(tmp_path, nats.url, "a", config, **environment)
                    await until_served(bus)
            await until(lambda: len(server.deliveries) >= 8, 20)
            await asyncio.sleep(1.0)
        finally:
            for policy in policies:
                policy.close()
    expected = {("acme", 50), ("acme", 80), ("acme", 100), (key.token, None)}
    facts = await crossings(bus)
    assert {(fact.holder, fact.percent) for fact in facts} == expected
    assert len(facts) == 4
    for path in ("/hook", "/chat"):
        called = [one.headers["idempotency-key"] for one in server.deliveries if one.path == path]
        assert sorted(called) == sorted(fact.id for fact in facts)


def _costs(pico: int) -> Any:
    async def finishes(_: Any) -> int:
        return pico

    return finishes
