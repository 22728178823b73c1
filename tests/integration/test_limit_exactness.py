"""Limits over four edges and two policies, which are killed, against a reference count of all that was admitted.

Policy's decisions and the clients share a clock that runs SPEED times as fast as the machine's: a window passes in
LIMITS_S / 2 or so, with everything that is decided by it. Leases, and whatever else NATS sees, run at their own pace.
"""

import asyncio
import contextlib
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from services.policy.limits.counters import Taken
from shared import subjects
from shared.bus import NotConnected, kv
from shared.calls import Complete
from shared.facts import encode_fact
from shared.identity.holders import Holder, HolderKind, Limits, encode_holder, entry_name
from tests.budgets import finished_fact
from tests.integration.test_budget_torture import Watcher
from tests.limit_reference import Ends, Limited, Reference, taken_in
from tests.nats_server import NatsServer
from tests.policy_service import PARTITIONS, Neighbours, PolicyProcess, neighbours, until_served

SECONDS = float(os.environ.get("LIMITS_S", "16"))
SPEED = 6
EDGES, CLIENTS = 4, 5
WRONG_SHARE_MAX = 0.01
REACHED_SHARE = 0.9  # the last tokens of a window cover no further request; and a busy machine asks less often

FAST_POLICY = """
import sys, time
from services.policy import admit, asking, counting, reserve
from services.policy.__main__ import main
from services.policy.partitions.owning import owner
from services.policy.partitions import taking
from services.policy.partitions.partition import Partition
def clock():
    return {began} + (time.time() - {began}) * {speed}
for module in (admit, asking, counting, reserve, owner, taking):
    module.time_ms = lambda: int(clock() * 1000)
Partition.__init__.__kwdefaults__["clock"] = clock
sys.exit(main())
"""

KEYS: dict[str, tuple[str, str | None, str | None, Limits]] = {
    # token: tenant, team, user, own limits
    "rpm": ("rpm", None, None, Limits(rpm=120)),
    "tpm": ("tpm", None, None, Limits(tpm=6_000)),
    "loose": ("loose", None, None, Limits(tpm=20_000)),  # asks without a maximum
    "slots": ("slots", None, None, Limits(parallel=3)),
    "core-1": ("core", "core", None, Limits()),
    "core-2": ("core", "core", None, Limits(rpm=50)),
    "words-1": ("words", "words", None, Limits(tpm=3_000)),
    "words-2": ("words", "words", None, Limits()),
    "ann-1": ("red", "red", "ann", Limits()),
    "ann-2": ("blue", "blue", "ann", Limits()),
    "ann-3": ("green", "green", "ann", Limits()),
    "bob-1": ("red", "red", "bob", Limits()),
    "bob-2": ("blue", "blue", "bob", Limits(rpm=12)),
}
HOLDERS: dict[tuple[HolderKind, str], tuple[str, Limits]] = {
    ("team", "core"): ("core", Limits(rpm=150)),
    ("team", "words"): ("words", Limits(tpm=8_000)),
    ("user", "ann"): ("user:ann", Limits(rpm=100, parallel=4)),
    ("user", "bob"): ("user:bob", Limits(tpm=5_000)),
}
_CORE, _WORDS = Limited("team:core", "requests", 150), Limited("team:words", "tokens", 8_000)
_ANN = [Limited("user:ann", "requests", 100), Limited("user:ann", "slots", 4)]
_BOB = Limited("user:bob", "tokens", 5_000)
CONCERNED: dict[str, list[Limited]] = {
    "rpm": [Limited("rpm", "requests", 120)],
    "tpm": [Limited("tpm", "tokens", 6_000)],
    "loose": [Limited("loose", "tokens", 20_000)],
    "slots": [Limited("slots", "slots", 3)],
    "core-1": [_CORE],
    "core-2": [Limited("core-2", "requests", 50), _CORE],
    "words-1": [Limited("words-1", "tokens", 3_000), _WORDS],
    "words-2": [_WORDS],
    **dict.fromkeys(("ann-1", "ann-2", "ann-3"), _ANN),
    "bob-1": [_BOB],
    "bob-2": [Limited("bob-2", "requests", 12), _BOB],
}
"""By key: what can refuse it."""

GROUPS = (
    ("rpm", "core-1", "core-2"),  # requests, of a key and a team
    ("tpm", "words-1", "words-2"),  # tokens, of a key and a team
    ("loose",),
    ("slots",),
    ("ann-1", "ann-2", "ann-3"),  # requests and slots of a user of several teams
    ("bob-1", "bob-2"),  # tokens of one
)
"""Wrong refusals are judged by kind of limit: under 1 % of each."""

INPUT, OUTPUT, LEAST_OUTPUT = 100, 50, 1_024
"""Tokens that a request needs: of its input, of an answer with a maximum, and at least of one without."""


@dataclass
class Seen:
    """What clients saw, by the fast clock in milliseconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, int, int]] = field(default_factory=list)  # key, asked and answered
    used: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)


class Clock:
    def __init__(self) -> None:
        self.began = time.time()

    def ms(self) -> int:
        return int((self.began + (time.time() - self.began) * SPEED) * 1000)


class Router:
    """Takes every command, and ends it after a while; says all the time what it still works on."""

    def __init__(self, around: Neighbours, edges: list[Neighbours], seen: Seen, clock: Clock) -> None:
        self._around = around
        self._edges = {edge.bus.process: edge for edge in edges}
        self._seen = seen
        self._clock = clock
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
        written = OUTPUT * (command.admitted_ms % 7) // 6
        if request.max_tokens is None:
            assert command.max_tokens is not None, "the limit sets a maximum"
            written = command.max_tokens * (command.admitted_ms % 7) // 6
        read = INPUT - command.admitted_ms % 5 * 15
        self._seen.used[request.request_id] = read + written
        fact = finished_fact(
            request.request_id,
            0,
            key=request.caller.key,
            partition=command.partition,
            held=False,
            prompt_tokens=read,
            completion_tokens=written,
            homes=command.homes,
        )
        stored = self._around.outbox.put(fact.subject, encode_fact(fact), fact.id)
        del self._running[request.request_id]
        await stored
        self._seen.stored[request.request_id] = self._clock.ms()
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
        request = edge.request(
            token,
            tenant=tenant,
            max_tokens=None if token == "loose" else OUTPUT,
            received_ms=asked_ms,
            deadline_ms=asked_ms + 60_000,
        )
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


async def test_no_window_has_too_many_and_hardly_anybody_is_refused_wrongly(nats: NatsServer, tmp_path: Path) -> None:
    clock, seen = Clock(), Seen()
    code = FAST_POLICY.format(began=clock.began, speed=SPEED)
    policies = {name: PolicyProcess(tmp_path, nats.url, name, code=code) for name in ("a", "b")}
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(lambda: [process.close() for process in policies.values()])
        around = await stack.enter_async_context(neighbours(nats.url))
        edges = [await stack.enter_async_context(neighbours(nats.url, router=False)) for _ in range(EDGES)]
        router = Router(around, edges, seen, clock)
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
        edge.ask(edge.request("slots", max_tokens=OUTPUT, received_ms=now, deadline_ms=now + 60_000), within_s=5.0)
        for _ in range(3)
    ]
    for answered in await asyncio.gather(*asked):
        assert answered.failure is None, answered.failure


def judge(taken: dict[str, list[Taken]], seen: Seen, router: Router) -> None:
    reference = Reference(taken, Ends(seen.used, seen.stored))
    limits = {limit for concerned in CONCERNED.values() for limit in concerned}
    most = {
        limit: router.most[limit.account] if limit.type == "slots" else reference.most(limit.account, limit.type)
        for limit in sorted(limits)
    }
    judged, wrong = Counter[str](), Counter[str]()
    for key, since, until in seen.refused:
        judged[key] += 1
        needed = INPUT + (LEAST_OUTPUT if key == "loose" else OUTPUT)
        wrong[key] += reference.had_room(CONCERNED[key], needed, since, until)
    print(f"\n{dict(seen.outcomes)}")  # noqa: T201
    for limit, found in most.items():
        print(f"{limit.account}: at most {found} of {limit.maximum} {limit.type}")  # noqa: T201
    print(f"refused {dict(judged)}, wrongly {dict(+wrong)}")  # noqa: T201
    for limit, found in most.items():
        assert found <= limit.maximum, limit
        assert found > limit.maximum * REACHED_SHARE, f"the load must reach {limit}"
    for keys in GROUPS:
        refusals = sum(judged[key] for key in keys)
        assert refusals > 50, keys
        assert sum(wrong[key] for key in keys) <= WRONG_SHARE_MAX * refusals, keys
    written = {entry.request for entries in taken.values() for entry in entries}
    assert seen.sent <= written, "nothing is sent on that the journal does not have"
