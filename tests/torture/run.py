"""One run: a gateway with several of everything is used and killed, and then everything it left is compared."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from shared import subjects
from shared.bus import Bus, kv, newest
from tests.hook_server import HookServer
from tests.policy_service import until_partitions_served
from tests.slowness import Slowness
from tests.torture import clients
from tests.torture.check import TAKEOVER_MAX_S, TAKEOVER_WORK_S, Observed, Verdict, check
from tests.torture.clients import MODELS, OUTPUT_MAX, Seen
from tests.torture.history import Place, Refusal
from tests.torture.killing import Kills, OwnerWatch, kill_at_random, start_again
from tests.torture.making import make_world
from tests.torture.parts import MASTER_KEY, Gateway, running_gateway
from tests.torture.records import (
    Figure,
    JournalWatch,
    crossing_ids,
    facts_of,
    ledger_has_all,
    rows_of,
    said_of,
    settled_figures,
    sums_of,
    totals_of,
    until,
)
from tests.torture.rotating import keep_rotating
from tests.torture.setting import keep_setting
from tests.torture.steps import Translator
from tests.torture.world import World, configured_budgets, look_up

GRACE_S = 1.0
BOUNDARY_MS = 200
ROTATIONS, SET_SPENDS = 40, 40
SET_SPEND_PAUSE_S = 0.2
TOLD_WITHIN_S, FIGURES_WITHIN_S = 10.0, 5.0
PERCENTS = (50, 80, 100)


@dataclass(frozen=True)
class Plan:
    """`takeovers`: how a policy process falls out at the end, once each; `timeout_s` of each request."""

    seconds: float
    seed: int
    edges: int = 4
    policies: int = 2
    routers: int = 2
    clients: int = 64
    budgets: int = 200
    partitions: int = 8
    pause_s: tuple[float, float] = (0.3, 1.5)
    takeovers: tuple[str, ...] = ("killed", "asleep")
    timeout_s: float = 3.0
    limit_window_s: float = 5.0
    answers: tuple[int, int] = (0, 0)  # that must come between two kills, and in all: for slow machines
    requests_a_second: int = 150  # to be expected: budgets are made for about so many


@dataclass
class Outcome:
    plan: Plan
    world: World
    seen: Seen
    kills: Kills
    verdict: Verdict
    translator: Translator
    takeovers_s: list[float]
    hooked: Counter[str]


async def torture(directory: Path, plan: Plan) -> Outcome:
    chance = random.Random(plan.seed)
    settings = configured_budgets(plan.requests_a_second)
    config = settings | {
        "model_list": MODELS,
        "general_settings": {
            "apply_user_budget_to_team_keys": True,
            "master_key": MASTER_KEY,
            "alerting": ["webhook"],
            "meterhouse": {
                "hold_grace_s": GRACE_S,
                "partitions": plan.partitions,
                "ledger_flush_ms": 200,
                "unbounded_output_tokens": OUTPUT_MAX,
            },
        },
    }
    seen, kills, slowness, takeovers_s = Seen(), Kills(), Slowness(), list[float]()
    async with HookServer() as hook:
        with running_gateway(
            directory,
            config,
            edges=plan.edges,
            policies=plan.policies,
            routers=plan.routers,
            limit_window_ms=round(plan.limit_window_s * 1000),
            WEBHOOK_URL=hook.url,
        ) as gateway:
            bus = await Bus.connect(gateway.nats.url, name="watch")
            journals, owners = JournalWatch(bus), OwnerWatch(bus, plan.partitions)
            async with _beside(journals.run(), owners.run(), start_again(gateway)):
                world = await make_world(
                    gateway,
                    budgets=plan.budgets,
                    seconds=plan.seconds,
                    a_second=plan.requests_a_second,
                    window_s=plan.limit_window_s,
                    chance=chance,
                )
                await look_up(world, bus, settings, plan.partitions)
                await _hooks_are_called(bus)
                async with _clients(gateway, world, seen, plan):
                    await kill_at_random(
                        gateway,
                        kills,
                        random.Random(plan.seed + 1),
                        plan.seconds,
                        plan.pause_s,
                        lambda: len(seen.answers),
                        plan.answers,
                    )
                    for how in plan.takeovers:
                        await until_partitions_served(bus, plan.partitions, within_s=30)
                        with slowness:
                            takeovers_s += await owners.takeover_s(gateway, kills, asleep=how == "asleep")
                await until_partitions_served(bus, plan.partitions, within_s=30)
                await settled_figures(bus, world.homes, plan.timeout_s + GRACE_S + 20)
                observed, translator = await _observed(bus, gateway, journals, world, hook)
            await bus.close()
    observed.answers, observed.throttled = seen.answers, seen.throttled
    observed.refusals = _refusals(seen, translator, world)
    observed.takeovers_s, observed.window_ms = takeovers_s, round(plan.limit_window_s * 1000)
    observed.takeover_max_s = slowness.within(TAKEOVER_MAX_S, work_s=TAKEOVER_WORK_S)
    observed.unknown_keys = seen.statuses["401"]
    observed.deaths = kills.counts.total()
    verdict = check(observed)
    if journals.missed:
        verdict.violations["incomplete"] = [
            f"{journals.missed} messages of the journals were removed before their time"
        ]
    return Outcome(plan, world, seen, kills, verdict, translator, takeovers_s, Counter(observed.hooked))


async def _observed(
    bus: Bus,
    gateway: Gateway,
    journals: JournalWatch,
    world: World,
    hook: HookServer,
) -> tuple[Observed, Translator]:
    """Collect what the run left, once slots are free and everybody who had to be told was told: the homes of what was
    lent hear of it last.

    What has not come by then is missing: the check says so.
    """
    translator, found = Translator(), Observed([], world.limits)

    async def complete() -> bool:
        figures = await settled_figures(bus, world.homes, FIGURES_WITHIN_S)
        await journals.has_all(bus)
        facts = await facts_of(bus)
        nonlocal translator
        translator = Translator()
        found.steps = list(translator.steps([*journals.messages, *facts]))
        told = {account: figures.get(account, Figure(-1, 0)) for account in world.limits}
        found.figures = {account: figure.spent for account, figure in told.items()}
        found.current = {name: translator.window_of(name, figure.starts_ms) for name, figure in told.items()}
        found.soft, found.rates = world.soft, world.rates
        found.percents, found.passing = PERCENTS, translator.windows.keys()
        found.said, found.attempts = said_of(facts), world.attempts
        found.crossings = crossing_ids(facts)
        found.hooked = Counter(delivery.body["id"] for delivery in hook.deliveries)
        return not {"untold", "stranded", "disagreement"} & check(found).violations.keys()

    with contextlib.suppress(TimeoutError):
        await until(complete, TOLD_WITHIN_S, every_s=0.5)
    await ledger_has_all(bus, gateway.clickhouse)
    found.rows, found.totals = rows_of(gateway.clickhouse), totals_of(gateway.clickhouse)
    found.sums = {name: cost for name, cost in sums_of(gateway.clickhouse).items() if name in world.limits}
    return found, translator


@contextlib.asynccontextmanager
async def _clients(gateway: Gateway, world: World, seen: Seen, plan: Plan) -> AsyncIterator[None]:
    """Clients that ask all the time, with keys that get another secret; at the end their last requests are over."""
    enough = asyncio.Event()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, asyncio.TaskGroup() as asking:
        for number in range(plan.clients):
            chance = random.Random(plan.seed * 1_000 + number)
            asking.create_task(clients.keep_asking(session, gateway.ports, world, seen, chance, enough, plan.timeout_s))
        rotating = random.Random(plan.seed + 2)
        asking.create_task(keep_rotating(session, gateway.ports, world, rotating, enough, plan.seconds / ROTATIONS))
        setting = random.Random(plan.seed + 3)
        asking.create_task(
            keep_setting(session, gateway.ports, world, setting, enough, max(0.2, plan.seconds / SET_SPENDS))
        )
        try:
            yield
        finally:
            enough.set()


async def _hooks_are_called(bus: Bus) -> None:
    """Wait until some process does: what was crossed before is not told."""
    bucket = subjects.POSITIONS_BUCKET

    async def are() -> bool:
        return await newest(bus, kv.kv_stream(bucket), kv.kv_subject(bucket, "hooks")) is not None

    await until(are, 30.0)


def _refusals(seen: Seen, translator: Translator, world: World) -> list[Refusal]:
    """Leave out those that came so near to the end of a window that nobody can say in which they were decided, and
    those of keys whose spend was set afterwards, perhaps: what was left in the end was not left then.
    """
    set_ms: dict[str, float] = {}
    for attempt in world.attempts:
        set_ms[attempt.key] = attempt.answered_ms if attempt.confirmed else float("inf")

    def places_of(accounts: tuple[str, ...], at_ms: int) -> list[Place] | None:
        windows = [translator.window_at(account, at_ms, BOUNDARY_MS) for account in accounts]
        places = [Place(account, window) for account, window in zip(accounts, windows, strict=True) if window]
        return places if len(places) == len(accounts) else None

    found = []
    for refused in sorted(seen.refused, key=lambda one: one.at_ms):
        places = places_of(refused.accounts, refused.at_ms)
        providers = places_of(world.providers, refused.at_ms)
        if any(refused.at_ms <= set_ms.get(account, 0) for account in refused.accounts):
            continue
        if places is not None and providers is not None:
            found.append(Refusal(tuple(places), refused.least, refused.most, tuple(providers)))
    return found


@contextlib.asynccontextmanager
async def _beside(*work: Awaitable[Any]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
