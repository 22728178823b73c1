"""One run: a gateway with several of everything is used and killed, and then everything it left is compared."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from shared.bus import Bus
from tests.policy_service import until_partitions_served
from tests.torture import clients
from tests.torture.check import Observed, Verdict, check
from tests.torture.clients import MODEL, TIMEOUT_S, Seen
from tests.torture.history import Place, Refusal
from tests.torture.killing import Kills, OwnerWatch, kill_at_random
from tests.torture.parts import MASTER_KEY, running_gateway
from tests.torture.records import JournalWatch, facts_of, ledger_has_all, rows_of, settled_figures, sums_of, totals_of
from tests.torture.steps import Translator
from tests.torture.world import add_global, global_budget, make_world

GRACE_S = 1.0
BOUNDARY_MS = 200
TOLD_WITHIN_S = 1.5  # after the last cent was settled, all thresholds are
PERCENTS = (50, 80, 100)
SETTLED_WITHIN_S = TIMEOUT_S + GRACE_S + 20


@dataclass(frozen=True)
class Plan:
    seconds: float
    seed: int
    edges: int = 4
    policies: int = 2
    routers: int = 2
    clients: int = 64
    budgets: int = 200
    partitions: int = 8
    pause_s: tuple[float, float] = (0.3, 1.5)
    takeovers: int = 2
    requests_a_second: int = 150  # to be expected: budgets are made for about so many


@dataclass
class Outcome:
    plan: Plan
    seen: Seen
    kills: Kills
    verdict: Verdict
    translator: Translator
    takeovers_s: list[float]
    missed: int


async def torture(directory: Path, plan: Plan) -> Outcome:
    chance = random.Random(plan.seed)
    everything = global_budget(plan.requests_a_second)
    config = {
        "model_list": [MODEL],
        "litellm_settings": everything,
        "general_settings": {
            "apply_user_budget_to_team_keys": True,
            "master_key": MASTER_KEY,
            "meterhouse": {"hold_grace_s": GRACE_S, "partitions": plan.partitions, "ledger_flush_ms": 200},
        },
    }
    with running_gateway(directory, config, edges=plan.edges, policies=plan.policies, routers=plan.routers) as gateway:
        bus = await Bus.connect(gateway.nats.url, name="watch")
        journals, owners = JournalWatch(bus), OwnerWatch(bus, plan.partitions)
        seen, kills = Seen(), Kills()
        async with _beside(journals.run(), owners.run()):
            world = await make_world(
                gateway,
                bus,
                budgets=plan.budgets,
                requests=plan.requests_a_second * plan.seconds,
                partitions=plan.partitions,
                chance=chance,
            )
            add_global(world, everything, plan.partitions)
            until = asyncio.get_running_loop().time() + plan.seconds
            connector = aiohttp.TCPConnector(limit=0, force_close=False)
            async with aiohttp.ClientSession(connector=connector) as session:
                await asyncio.gather(
                    kill_at_random(gateway, kills, random.Random(plan.seed + 1), until, plan.pause_s),
                    *[
                        clients.keep_asking(
                            session,
                            gateway.ports,
                            world,
                            seen,
                            random.Random(plan.seed * 1_000 + number),
                            until,
                        )
                        for number in range(plan.clients)
                    ],
                )
            takeovers_s: list[float] = []
            for _ in range(plan.takeovers):
                await until_partitions_served(bus, plan.partitions, within_s=30)
                takeovers_s += await owners.takeover_s(gateway, kills)
            await until_partitions_served(bus, plan.partitions, within_s=30)
            figures = await settled_figures(bus, world.homes, SETTLED_WITHIN_S)
            await asyncio.sleep(TOLD_WITHIN_S)
            await ledger_has_all(bus, gateway.clickhouse)
            await journals.has_all(bus)
            facts = await facts_of(bus)
            rows, totals = rows_of(gateway.clickhouse), totals_of(gateway.clickhouse)
            sums = {name: cost for name, cost in sums_of(gateway.clickhouse).items() if name in world.limits}
        await bus.close()
    translator = Translator()
    steps = list(translator.steps([*journals.messages, *facts]))
    verdict = check(
        Observed(
            steps,
            world.limits,
            figures={account: figures.get(account, -1) for account in world.limits},
            current={account: translator.current(account) for account in world.limits},
            rows=rows,
            totals=totals,
            answers=seen.answers,
            sums=sums,
            refusals=_refusals(seen, translator),
            percents=PERCENTS,
            passing=translator.windows.keys(),
            takeovers_s=takeovers_s,
        )
    )
    if journals.missed:
        verdict.violations["incomplete"] = [
            f"{journals.missed} messages of the journals were removed before their time"
        ]
    return Outcome(plan, seen, kills, verdict, translator, takeovers_s, journals.missed)


def _refusals(seen: Seen, translator: Translator) -> list[Refusal]:
    """Leave out those that came so near to the end of a window that nobody can say in which they were decided."""
    found = []
    for refused in sorted(seen.refused, key=lambda one: one.at_ms):
        windows = [translator.window_at(account, refused.at_ms, BOUNDARY_MS) for account in refused.accounts]
        places = [Place(account, window) for account, window in zip(refused.accounts, windows, strict=True) if window]
        if len(places) == len(windows):
            found.append(Refusal(tuple(places), refused.least, refused.most))
    return found


@contextlib.asynccontextmanager
async def _beside(*work: Awaitable[None]):  # type: ignore[no-untyped-def]
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
