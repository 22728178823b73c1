"""Budgets while policy and nats-server are killed again and again: journal, facts and figures are compared afterwards.

BUDGET_TORTURE_S sets how long the killing goes on.
"""

import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Expired, Held
from services.policy.budgets.loans import Lent
from services.policy.budgets.settled import Settled
from services.policy.partitions.journal import journal
from shared import subjects
from shared.bus import Bus, BusError, Reader, Stored, kv, read
from shared.calls import Complete
from shared.identity.holders import Holder, Window, encode_holder, entry_name
from tests.nats_server import NatsServer
from tests.policy_service import (
    CONFIG,
    INPUT_PICO,
    OFTEN,
    OUTPUT_PICO,
    PARTITIONS,
    USD,
    Neighbours,
    PolicyProcess,
    neighbours,
    until_served,
)

SECONDS = float(os.environ.get("BUDGET_TORTURE_S", "6"))
CLIENTS = 24
LASTS_S = 1.5
MOST = 100 * (INPUT_PICO + OUTPUT_PICO)  # what one request is held at
LIMITS = {"roomy": 10**6 * MOST, "tight": 40 * MOST, "narrow": 3 * MOST, "short": 8 * MOST}
WINDOWS = {"short": "3s"}
SHARED = {"team:core": 20 * MOST, "global": 60 * MOST}
"""Budgets of several keys, spent from several partitions, each in windows of three seconds."""

HOMES = {
    **{key: subjects.partition_of(key, PARTITIONS) for key in LIMITS},
    "team:core": subjects.partition_of("core", PARTITIONS),
    "global": subjects.partition_of("global", PARTITIONS),
}
WITH_GLOBAL = f"""{CONFIG}
litellm_settings: {{max_budget: {SHARED["global"] / USD}, budget_duration: 3s}}
"""


@dataclass
class Seen:
    """What clients and router saw."""

    answered: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    costs: dict[str, int] = field(default_factory=dict)


class Watcher:
    """Reads every message of the journals before a snapshot can remove it."""

    def __init__(self, bus: Bus) -> None:
        self._reader = Reader(bus, subjects.JOURNAL, deliver="all")
        self.messages: list[Stored] = []

    async def run(self) -> None:
        try:
            while True:
                self.messages += await self._reader.next_batch(1_000, 1.0)
        finally:
            await self._reader.close()


async def keep_asking(around: Neighbours, seen: Seen, chance: random.Random, until: float) -> None:
    while time.monotonic() < until:
        key = chance.choice(list(LIMITS))
        try:
            answered = await around.ask(around.request(key, lasts_s=LASTS_S), within_s=LASTS_S + 0.5)
        except TimeoutError:
            seen.answered["nobody"] += 1
            continue
        seen.answered["router" if answered.command else str((answered.failure or {})["status"])] += 1
        if answered.failure is not None:
            await asyncio.sleep(0.02)


async def kill_at_random(
    directory: Path,
    nats: NatsServer,
    policies: dict[str, PolicyProcess],
    seen: Seen,
    chance: random.Random,
    until: float,
) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(0.4, 2.0))
        victim = chance.choice(["nats", "a", "b"])
        seen.kills[victim] += 1
        if victim == "nats":
            nats.kill()
            await asyncio.sleep(chance.choice([0, 0.5]))
            await asyncio.to_thread(nats.start)
        else:
            policies[victim].kill()
            await asyncio.sleep(chance.choice([0, 1.0]))
            policies[victim] = PolicyProcess(directory, nats.url, victim, WITH_GLOBAL, code=OFTEN)


@pytest.mark.timeout(90 + 2 * SECONDS)
async def test_no_budget_is_passed_and_no_end_is_lost_or_counted_twice(
    tmp_path: Path, nats: NatsServer, bus: Bus
) -> None:
    seed = int(os.environ.get("BUDGET_TORTURE_SEED", str(time.time_ns() % 10_000)))
    print(f"BUDGET_TORTURE_SEED={seed}")  # noqa: T201  to do it again
    chance, seen = random.Random(seed), Seen()
    policies = {name: PolicyProcess(tmp_path, nats.url, name, WITH_GLOBAL, code=OFTEN) for name in ("a", "b")}
    watcher = Watcher(bus)
    watching = asyncio.create_task(watcher.run())
    try:
        async with neighbours(nats.url) as around:
            await _put_team(bus)
            for key, limit in LIMITS.items():
                await around.put_key(
                    limit,
                    token=key,
                    budget_duration=WINDOWS.get(key),
                    budget_anchor=time.time(),
                    team_id="core" if key in ("roomy", "tight") else None,
                )
            await until_served(bus)
            around.finishes = _router(seen, chance)
            until = time.monotonic() + SECONDS
            await asyncio.gather(
                kill_at_random(tmp_path, nats, policies, seen, chance, until),
                *[keep_asking(around, seen, random.Random(seed + number), until) for number in range(CLIENTS)],
            )
            await until_served(bus, within_s=30)
            figures = await _settled_figures(bus, around)
            assert await around.outbox.drain(10) == 0
    finally:
        for policy in policies.values():
            policy.close()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    facts = await read(bus, subjects.FACTS, subject=subjects.facts_of_kind("completion"), at_most=None)
    _check(watcher.messages, facts, figures, seen)


async def _put_team(bus: Bus) -> None:
    team = Holder(
        kind="team",
        id="core",
        version=1,
        tenant="core",
        created_at=0.0,
        updated_at=0.0,
        budgets=(Window(SHARED["team:core"], "3s", time.time()),),
    )
    await kv.put(bus, subjects.HOLDERS_BUCKET, entry_name("team", "core"), encode_holder(team))


def _router(seen: Seen, chance: random.Random):  # type: ignore[no-untyped-def]
    async def finishes(command: Complete) -> int | None:
        """Most end soon, some after their holds have expired, some never."""
        request = command.request.request_id
        seen.commands[request] += 1
        fate = chance.random()
        if fate < 0.03:
            return None
        await asyncio.sleep(chance.uniform(0, 0.05) if fate < 0.95 else chance.uniform(2, 5))
        assert command.hold_pico is not None
        seen.costs[request] = chance.randint(0, command.hold_pico)
        return seen.costs[request]

    return finishes


async def _settled_figures(bus: Bus, around: Neighbours) -> dict[str, int]:
    """What every account has spent, once nothing is held any more."""
    await asyncio.sleep(5.5)  # the latest end of a request
    give_up = time.monotonic() + 20
    while True:
        spent: dict[str, int] = {}
        for key, home in HOMES.items():
            with contextlib.suppress(BusError, TimeoutError):
                question = json.dumps({"accounts": [key]}).encode()
                answer = json.loads(await bus.request(subjects.account(home), question, timeout_s=2))
                if answer[key]["held_pico"] == 0 and around.outbox.waiting == 0:
                    spent[key] = answer[key]["spend_pico"]
        if spent.keys() == HOMES.keys():
            return spent
        assert time.monotonic() < give_up, f"money is held that nobody settles; free are {sorted(spent)}"
        await asyncio.sleep(0.25)


class Audit:
    """Folds journals and facts in the order in which the server stored them, and looks at every step."""

    def __init__(self) -> None:
        self.books = {number: Books() for number in range(PARTITIONS)}
        self.held: dict[str, int] = {}
        self.expired: set[str] = set()
        self.finished: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.overshoot = self.groups = self.snapshots = self.loans = 0
        self._snapshots = {number: journal.Replay() for number in range(PARTITIONS)}
        self._facts: list[Stored] = []

    def add(self, message: Stored) -> None:
        if message.subject.startswith("evt."):
            self._facts.append(message)
            fact = json.loads(message.data)
            (self.lost if ".lost." in message.subject else self.finished)[fact["request_id"]] += 1
            _fold(self.books[fact["partition"]], message)
        elif not message.subject.endswith(".layout"):
            number = int(message.subject.rsplit(".", 1)[1])
            decoded = journal.decode(message.data)
            if isinstance(decoded, journal.Group):
                self._group(number, decoded)
            else:
                self._snapshot(number, decoded)

    def _group(self, number: int, group: journal.Group) -> None:
        self.groups += 1
        self._snapshots[number] = journal.Replay()
        for entry in group.entries:
            self.books[number].apply(entry)
            if isinstance(entry, Expired):
                self.expired.add(entry.request)
            if isinstance(entry, Held):
                assert entry.hold.request not in self.held, "a request was admitted twice"
                self.held[entry.hold.request] = entry.hold.amount
                for account in entry.hold.accounts:
                    self._look_at(number, account)
            if isinstance(entry, Lent):
                self.loans += 1
                self._look_at(number, entry.account)

    def _snapshot(self, number: int, part: journal.Snapshot) -> None:
        """It stands for entries, too, that were decided when it was written and are in no group."""
        self._snapshots[number].add(part)
        if part.part + 1 < part.parts:
            return
        self.snapshots += 1
        books = self.books[number] = self._snapshots[number].books
        self._snapshots[number] = journal.Replay()
        for account in books.accounts:
            self._look_at(number, account)
        self.held |= {request: hold.amount for request, hold in books.holds.items()}
        self.expired |= books.lost.keys()
        for fact in self._facts:
            if fact.seq > books.facts_seq and json.loads(fact.data)["partition"] == number:
                _fold(books, fact)

    def _look_at(self, number: int, name: str) -> None:
        """At home: against the limit. Elsewhere: against what was lent; and all partitions together."""
        books = self.books[number]
        if name not in HOMES:
            return
        limit, account = {**LIMITS, **SHARED}[name], books.account(name)
        if number != HOMES[name]:
            self.overshoot = max(self.overshoot, account.spent + account.held - books.credits[name].limit)
        else:
            self.overshoot = max(self.overshoot, account.spent + account.held - limit)
        if name in SHARED:
            self.overshoot = max(self.overshoot, self._everywhere(name) - limit)

    def _everywhere(self, name: str) -> int:
        """What all partitions together have spent and hold in the present window."""
        home = self.books[HOMES[name]]
        account = home.account(name)
        total = account.spent + account.held - sum(loan.spent + loan.held for loan in home.loans.get(name, {}).values())
        for number, books in self.books.items():
            there = books.account(name)
            if number != HOMES[name] and name in books.credits and there.window == account.window:
                total += there.spent + there.held
        return total


def _fold(books: Books, message: Stored) -> None:
    fact = json.loads(message.data)
    if ".lost." in message.subject:
        books.told(fact["request_id"])
    else:
        end = (fact["request_id"], fact["key"], fact["held"], fact["cost_pico"], fact["admitted_ms"])
        books.settle(Settled(*end, message.time_ns // 1_000_000))


def _check(messages: list[Stored], facts: list[Stored], figures: dict[str, int], seen: Seen) -> None:
    audit = Audit()
    for message in sorted([*messages, *facts], key=lambda one: one.time_ns):
        audit.add(message)
    finished, lost, held = audit.finished, audit.lost, audit.held
    print(  # noqa: T201
        f"requests {sum(seen.answered.values())} {dict(seen.answered)}, kills {dict(seen.kills)}, "
        f"groups {audit.groups}, snapshots {audit.snapshots}, loans {audit.loans}, holds {len(held)}, "
        f"expired {len(audit.expired)}, "
        f"late ends {len(audit.expired & finished.keys())}, overshoot {max(0, audit.overshoot)}"
    )
    assert audit.overshoot <= 0, "a budget was passed"
    assert set(seen.commands.values()) <= {1}, "a request reached a router twice"
    assert seen.commands.keys() <= held.keys(), "a router got what the journal does not have"
    assert finished == Counter(dict.fromkeys(seen.costs, 1)), "an end is not in the stream, or twice"
    assert lost == Counter(dict.fromkeys(audit.expired, 1)), "a loss is not in the stream, or twice"
    assert not [request for books in audit.books.values() for request in books.holds], "money is held for ever"
    for key, spent in figures.items():
        account = audit.books[HOMES[key]].account(key)
        assert spent == account.spent, f"{key}: policy counts {spent}, journal and facts {account.spent}"
    assert len(held) > 50, "too few requests to say anything"
