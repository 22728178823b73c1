"""Limits over four edges and two policies, which are killed, against a reference count of all that was admitted.

Policy's decisions and the clients share a clock that runs SPEED times as fast as the machine's: a window passes in
LIMITS_S / 2 or so, with everything that is decided by it. Leases, and whatever else NATS sees, run at their own pace.
"""

import asyncio
import contextlib
import os
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from services.policy.budgets.accounts import Released
from services.policy.limits.counters import Taken
from services.policy.partitions.journal import journal
from shared import subjects
from shared.bus import NotConnected, kv
from shared.calls import Complete
from shared.facts import encode_fact
from shared.holders import Holder, HolderKind, Limits, encode_holder, entry_name
from tests.budgets import finished_fact
from tests.integration.test_budget_torture import Watcher
from tests.nats_server import NatsServer
from tests.policy_service import PARTITIONS, Neighbours, PolicyProcess, neighbours, until_served

SECONDS = float(os.environ.get("LIMITS_S", "24"))
SPEED = 6
WINDOW_MS = 60_000
EDGES, CLIENTS = 4, 5
WRONG_SHARE_MAX = 0.01

FAST_POLICY = """
import sys, time
from services.policy import admit, asking, reserve
from services.policy.__main__ import main
from services.policy.partitions.owning import owner
from services.policy.partitions import taking
from services.policy.partitions.partition import Partition
def clock():
    return {began} + (time.time() - {began}) * {speed}
for module in (admit, asking, reserve, owner, taking):
    module._now_ms = lambda: int(clock() * 1000)
Partition.__init__.__kwdefaults__["clock"] = clock
sys.exit(main())
"""

KEYS = {
    # token: tenant, team, user, own limits
    "rpm": ("rpm", None, None, Limits(rpm=120)),
    "tpm": ("tpm", None, None, Limits(tpm=6_000)),
    "slots": ("slots", None, None, Limits(parallel=3)),
    "core-1": ("core", "core", None, Limits()),
    "core-2": ("core", "core", None, Limits(rpm=50)),
    "ann-1": ("red", "red", "ann", Limits()),
    "ann-2": ("blue", "blue", "ann", Limits()),
    "ann-3": ("green", "green", "ann", Limits()),
}
HOLDERS: dict[tuple[HolderKind, str], tuple[str, Limits]] = {
    ("team", "core"): ("core", Limits(rpm=150)),
    ("user", "ann"): ("user:ann", Limits(rpm=100, parallel=4)),
}
RPM = {"rpm": 120, "core-2": 50, "team:core": 150, "user:ann": 100}
ACCOUNTS = {"rpm": ["rpm"], "core-1": ["team:core"], "core-2": ["core-2", "team:core"]}
"""Of keys whose limits are of requests alone: which counters can refuse them."""


@dataclass
class Seen:
    """What clients saw, by the fast clock in milliseconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, int, int]] = field(default_factory=list)  # key, asked and answered
    used: dict[str, int] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)


class Clock:
    def __init__(self) -> None:
        self.began = time.time()

    def ms(self) -> int:
        return int((self.began + (time.time() - self.began) * SPEED) * 1000)


class Router:
    """Takes every command, and ends it after a while; says all the time what it still works on."""

    def __init__(self, around: Neighbours, edges: list[Neighbours], seen: Seen) -> None:
        self._around = around
        self._edges = {edge.bus.process: edge for edge in edges}
        self._seen = seen
        self._running: dict[str, Complete] = {}
        self.most: Counter[str] = Counter()

    async def finishes(self, command: Complete) -> int | None:
        request = command.request
        self._running[request.request_id] = command
        self._seen.sent.add(request.request_id)
        for holder in (request.caller.key, f"user:{request.caller.user_id}"):
            running = sum(
                holder in (other.request.caller.key, f"user:{other.request.caller.user_id}")
                for other in self._running.values()
            )
            self.most[holder] = max(self.most[holder], running)
        await asyncio.sleep(0.03)
        tokens = 20 + command.admitted_ms % 7 * 10  # less than it reserved: 88
        self._seen.used[request.request_id] = tokens
        fact = finished_fact(
            request.request_id,
            0,
            key=request.caller.key,
            partition=command.partition,
            held=False,
            prompt_tokens=tokens,
            homes=command.homes,
        )
        stored = self._around.outbox.put(fact.subject, encode_fact(fact), fact.id)
        del self._running[request.request_id]
        await stored
        self._edges[request.edge].hear(command)
        return None

    async def report(self) -> None:
        while True:
            await asyncio.sleep(0.3)
            by_partition: dict[int, list[str]] = {}
            for command in self._running.values():
                for number in (command.partition, *command.homes):
                    by_partition.setdefault(number, []).append(command.request.request_id)
            for number, requests in by_partition.items():
                with contextlib.suppress(NotConnected):
                    self._around.bus.publish(subjects.working(number), msgspec.json.encode(requests))


async def prepare(around: Neighbours) -> None:
    for (kind, name), (tenant, limits) in HOLDERS.items():
        holder = Holder(kind=kind, id=name, version=1, tenant=tenant, created_at=0.0, updated_at=0.0, limits=limits)
        await kv.put(around.bus, subjects.HOLDERS_BUCKET, entry_name(kind, name), encode_holder(holder))
    for token, (tenant, team, user, limits) in KEYS.items():
        await around.put_key(None, token=token, tenant=tenant, team_id=team, user_id=user, limits=limits)
    await asyncio.sleep(1.0)  # mirrored by both policies


async def keep_asking(edge: Neighbours, clock: Clock, seen: Seen, first: int, until: float) -> None:
    tokens = list(KEYS)
    number = first
    while time.monotonic() < until:
        token = tokens[number % len(tokens)]
        number += 1
        tenant, team, user, _ = KEYS[token]
        asked_ms = clock.ms()
        request = edge.request(token, tenant=tenant, max_tokens=50, received_ms=asked_ms, deadline_ms=asked_ms + 60_000)
        caller = msgspec.structs.replace(request.caller, team_id=team or "", user_id=user or "")
        try:
            answered = await edge.ask(msgspec.structs.replace(request, caller=caller), within_s=2.0)
        except TimeoutError:
            seen.outcomes["nobody"] += 1
            continue
        if answered.failure is None:
            seen.outcomes["admitted"] += 1
        else:
            seen.outcomes[str(answered.failure["status"])] += 1
            if answered.failure["status"] == 429:
                seen.refused.append((token, asked_ms, clock.ms()))
        await asyncio.sleep(0.02)


def taken_in(messages: list[bytes]) -> dict[str, list[Taken]]:
    """Return by account what was taken and not given back, in order of time."""
    taken: dict[tuple[str, tuple[str, ...]], Taken] = {}
    released: set[str] = set()
    for message in messages:
        said = journal.decode(message)
        for entry in said.entries if isinstance(said, journal.Group) else ():
            if isinstance(entry, Taken):
                taken[entry.request, entry.reservation.accounts] = entry
            elif isinstance(entry, Released):
                released.add(entry.request)
    found: dict[str, list[Taken]] = {}
    for entry in sorted(taken.values(), key=lambda one: one.reservation.at_ms):
        for account in entry.reservation.accounts:
            if entry.request not in released:
                found.setdefault(account, []).append(entry)
    return found


def most_in_a_window(times: list[int], amounts: list[int]) -> int:
    most = start = total = 0
    for index, at in enumerate(times):
        total += amounts[index]
        while times[start] <= at - WINDOW_MS:
            total -= amounts[start]
            start += 1
        most = max(most, total)
    return most


def had_room_throughout(times: list[int], limit: int, since: int, until: int) -> bool:
    """Whether less than `limit` was counted at every moment from `since` to `until`."""
    moments = [since, *times[bisect_right(times, since) : bisect_right(times, until)]]
    return all(bisect_right(times, at) - bisect_right(times, at - WINDOW_MS) < limit for at in moments)


async def test_no_window_has_too_many_and_hardly_anybody_is_refused_wrongly(nats: NatsServer, tmp_path: Path) -> None:
    clock, seen = Clock(), Seen()
    code = FAST_POLICY.format(began=clock.began, speed=SPEED)
    policies = {name: PolicyProcess(tmp_path, nats.url, name, code=code) for name in ("a", "b")}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(lambda: [process.close() for process in policies.values()])
        around = await stack.enter_async_context(neighbours(nats.url))
        edges = [await stack.enter_async_context(neighbours(nats.url, router=False)) for _ in range(EDGES)]
        router = Router(around, edges, seen)
        around.finishes = router.finishes
        await until_served(around.bus)
        await prepare(around)
        watcher = Watcher(around.bus)
        watching = [asyncio.ensure_future(watcher.run()), asyncio.ensure_future(router.report())]
        until = time.monotonic() + SECONDS
        asking = [
            asyncio.ensure_future(keep_asking(edge, clock, seen, 7 * number + client, until))
            for number, edge in enumerate(edges)
            for client in range(CLIENTS)
        ]
        await asyncio.sleep(SECONDS * 0.3)
        policies["a"].kill()
        await asyncio.sleep(SECONDS * 0.3)
        policies["a"] = PolicyProcess(tmp_path, nats.url, "a", code=code)
        await asyncio.sleep(SECONDS * 0.1)
        policies["b"].kill()
        policies["b"] = PolicyProcess(tmp_path, nats.url, "b", code=code)
        await asyncio.gather(*asking)
        await until_served(around.bus)
        await around.outbox.drain(5)
        await asyncio.sleep(25 / SPEED + 1.5)
        await slots_are_free(edges[0], clock)
        await asyncio.sleep(0.5)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    journals = {subjects.journal(number) for number in range(PARTITIONS)}
    judge(taken_in([one.data for one in watcher.messages if one.subject in journals]), seen, router)


async def slots_are_free(edge: Neighbours, clock: Clock) -> None:
    """All ends are known, or given up: exactly three may run again."""
    now = clock.ms()
    asked = [
        edge.ask(edge.request("slots", max_tokens=50, received_ms=now, deadline_ms=now + 60_000), within_s=5.0)
        for _ in range(3)
    ]
    for answered in await asyncio.gather(*asked):
        assert answered.failure is None, answered.failure


def judge(taken: dict[str, list[Taken]], seen: Seen, router: Router) -> None:
    times = {account: [one.reservation.at_ms for one in entries] for account, entries in taken.items()}
    most = {account: most_in_a_window(times[account], [1] * len(times[account])) for account in RPM}
    tokens = [seen.used.get(one.request, one.reservation.tokens) for one in taken["tpm"]]
    most_tokens = most_in_a_window(times["tpm"], tokens)
    judged = [one for one in seen.refused if one[0] in ACCOUNTS]
    wrong = [
        (key, since, until)
        for key, since, until in judged
        if all(had_room_throughout(times[account], RPM[account], since, until) for account in ACCOUNTS[key])
    ]
    print(  # noqa: T201
        f"\n{dict(seen.outcomes)}; most in a window {most} of {RPM}, tokens {most_tokens} of 6000; "
        f"at a time {router.most['slots']} of 3, {router.most['user:ann']} of 4; "
        f"refused {len(judged)}, wrongly {len(wrong)}"
    )
    assert all(most[account] <= RPM[account] for account in RPM)
    assert all(most[account] == RPM[account] for account in RPM), "the load must reach every limit"
    assert 5_800 < most_tokens <= 6_000
    assert router.most["slots"] <= 3
    assert router.most["user:ann"] <= 4
    assert len(judged) > 100
    assert len(wrong) <= WRONG_SHARE_MAX * len(judged)
    written = {entry.request for entries in taken.values() for entry in entries}
    assert seen.sent <= written, "nothing is sent on that the journal does not have"
