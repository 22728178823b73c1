"""What a run leaves behind, collected: journals as they are written, facts, policy's figures, ClickHouse's rows."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from shared import subjects
from shared.bus import Bus, BusError, Reader, Stored, read
from shared.identity.holders import GLOBAL_ACCOUNT, AccountKind, account_of, member_id
from tests.integration.embedded.embedded_process import EmbeddedClickHouse
from tests.torture.history import Row
from tests.torture.parts import DATABASE

WITHIN_S = 45.0
_ENDS = "kind IN ('completion.finished', 'completion.lost')"
_COLUMNS: dict[AccountKind, str] = {
    "key": "key",
    "organization": "organization_id",
    "team": "team_id",
    "user": "user_id",
    "end_user": "end_user",
    "tag": "arrayJoin(tags)",
    "member": "team_id || ' ' || user_id",
}
_CROSSED = subjects.facts_of_kind("budget.threshold_crossed").removesuffix(">")
_SET = subjects.facts_of_kind("key.spend_reset").removesuffix(">")
_SUM = "toString(sum(toInt128(cost * 1000000000000)))"
_COST = "toString(toInt128(cost * 1000000000000))"


class JournalWatch:
    """Reads every message of the journals before a snapshot can remove it; `missed` says how many it did not."""

    def __init__(self, bus: Bus) -> None:
        self._reader = Reader(bus, subjects.JOURNAL, deliver="all")
        self.messages: list[Stored] = []
        self.missed = 0

    async def run(self) -> None:
        try:
            while True:
                for message in await self._reader.next_batch(1_000, 1.0):
                    if self.messages:
                        self.missed += message.seq - self.messages[-1].seq - 1
                    self.messages.append(message)
        finally:
            await self._reader.close()

    async def has_all(self, bus: Bus) -> None:
        """Wait until everything is read that is stored by now."""
        last = (await bus.api(f"STREAM.INFO.{subjects.JOURNAL}", None))["state"]["last_seq"]

        async def has() -> bool:
            return bool(self.messages) and self.messages[-1].seq >= last

        await until(has, WITHIN_S)


async def facts_of(bus: Bus) -> list[Stored]:
    """Return the facts of admitted, finished and lost requests, of thresholds, of windows that ended, of spend set."""
    ends = await read(bus, subjects.FACTS, subject=subjects.facts_of_kind("completion"), at_most=None)
    for kind in ("request.admitted", "budget.threshold_crossed", "budget.reset", "key.spend_reset"):
        ends += await read(bus, subjects.FACTS, subject=subjects.facts_of_kind(kind), at_most=None)
    return ends


def crossing_ids(facts: Iterable[Stored]) -> list[str]:
    """Return the ids of those facts that say that a threshold was reached."""
    crossings = (fact for fact in facts if fact.subject.startswith(_CROSSED))
    return [json.loads(fact.data)["id"] for fact in crossings]


def said_of(facts: Iterable[Stored]) -> dict[tuple[str, int], int]:
    """Return what the spend of keys was set to, by key and the version of its event."""
    said = [json.loads(fact.data) for fact in facts if fact.subject.startswith(_SET)]
    return {(fact["key"], fact["key_version"]): fact["spend_pico"] for fact in said}


class Figure(NamedTuple):
    """What policy says was spent in an account's present window, and when that began. Pico-dollars, milliseconds."""

    spent: int
    starts_ms: int


async def settled_figures(bus: Bus, homes: Mapping[str, int], within_s: float) -> dict[str, Figure]:
    """Return what policy says of each account, once nothing is held in any. `homes`: account to partition."""
    found: dict[str, Figure] = {}
    give_up = time.monotonic() + within_s
    while True:
        for partition in sorted(set(homes.values())):
            wanted = [account for account, home in homes.items() if home == partition and account not in found]
            if not wanted:
                continue
            with contextlib.suppress(BusError, TimeoutError):
                question = json.dumps({"accounts": wanted}).encode()
                answer = json.loads(await bus.request(subjects.account(partition), question, timeout_s=3))
                for name, told in answer.items():
                    if told["held_pico"] == 0:
                        found[name] = Figure(told["spend_pico"], round((told["window_start"] or 0) * 1000))
        if len(found) == len(homes) or time.monotonic() > give_up:
            return found
        await asyncio.sleep(0.25)


async def ledger_has_all(bus: Bus, clickhouse: EmbeddedClickHouse) -> None:
    """Wait until ClickHouse has every fact that is stored by now."""
    last = (await bus.api(f"STREAM.INFO.{subjects.FACTS}", None))["state"]["last_seq"]

    async def has_all() -> bool:
        return int(_select(clickhouse, f"SELECT toString(max(seq)) AS seq FROM {DATABASE}.facts")[0]["seq"]) >= last

    await until(has_all, WITHIN_S)


def rows_of(clickhouse: EmbeddedClickHouse) -> list[Row]:
    """Return all ends of requests in the archive."""
    found = _select(
        clickhouse,
        f"SELECT toString(seq) AS seq, kind, JSONExtractString(payload, 'request_id') AS request, {_COST} AS cost, "
        "JSONExtractString(payload, 'provider') AS provider "
        f"FROM {DATABASE}.facts FINAL WHERE {_ENDS} ORDER BY facts.seq",
    )
    return [
        Row(int(row["seq"]), row["request"], int(row["cost"]), row["kind"].endswith("lost"), row["provider"])
        for row in found
    ]


def totals_of(clickhouse: EmbeddedClickHouse) -> dict[str, int]:
    """Return the cost of each request that has ended, as reports see it."""
    found = _select(clickhouse, f"SELECT request_id, {_COST} AS cost FROM {DATABASE}.requests WHERE stage = ''")
    return {row["request_id"]: int(row["cost"]) for row in found}


def sums_of(clickhouse: EmbeddedClickHouse) -> dict[str, int]:
    """Return the cost of all that each account has counted, by whom the rows of requests name."""
    sums: dict[str, int] = {}
    for kind, column in _COLUMNS.items():
        found = _select(
            clickhouse,
            f"SELECT {column} AS name, {_SUM} AS cost FROM {DATABASE}.requests WHERE stage = '' GROUP BY name",
        )
        for row in found:
            name = member_id(*row["name"].split(" ")) if kind == "member" else row["name"]
            sums[account_of(kind, name)] = int(row["cost"])
    paid = _select(
        clickhouse,
        f"SELECT provider, {_SUM} AS cost FROM {DATABASE}.requests WHERE stage = '' GROUP BY provider",
    )
    sums |= {account_of("provider", row["provider"]): int(row["cost"]) for row in paid if row["provider"]}
    everything = _select(clickhouse, f"SELECT {_SUM} AS cost FROM {DATABASE}.requests WHERE stage = ''")
    return sums | {GLOBAL_ACCOUNT: int(everything[0]["cost"])}


def _select(clickhouse: EmbeddedClickHouse, query: str) -> list[dict[str, Any]]:
    answer = clickhouse.ask(f"{query} FORMAT JSONEachRow")
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def until(condition: Callable[[], Awaitable[bool]], within_s: float, *, every_s: float = 0.05) -> None:
    """Wait until it is so.

    Raises:
        TimeoutError: it is not so within that time.
    """
    give_up = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not so within {within_s:g} s")
        await asyncio.sleep(every_s)
