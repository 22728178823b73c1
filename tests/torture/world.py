"""The budgets of a run, at all levels and across tenants, and who spends from which of them."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from shared import subjects
from shared.bus import Bus, KvView
from shared.holders import GLOBAL_ACCOUNT, Holder, account_of, decode_holder, entry_name, member_id
from shared.keys import Key, decode_key, token_of
from tests.torture.parts import MASTER_KEY, Gateway

MICRO_PICO = 10**6
COST_MICRO_USD = 90  # of a request, on average
WINDOW = "4s"
WINDOWED_SHARE = 0.15
GLOBAL_WINDOW_S = 5
SHARES = {"organization": 0.05, "team": 0.15, "member": 0.2, "user": 0.1, "end_user": 0.1, "tag": 0.05}
"""Of the budgets, by whose they are; the rest are keys'."""
NAMES_AN_END_USER, NAMES_A_TAG = 0.3, 0.25
AT_ONCE = 8


class Caller(NamedTuple):
    """A key as it is used for one request, with all the accounts that must have room."""

    secret: str
    end_user: str
    tags: tuple[str, ...]
    accounts: tuple[str, ...]


@dataclass
class World:
    """`limits` and `homes` (the partition that decides) by account; `keys` by token, with the secret of each."""

    limits: dict[str, int] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    end_users: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def caller(self, chance: random.Random) -> Caller:
        key = self.keys[chance.choice(list(self.keys))]
        end_user = chance.choice(self.end_users) if self.end_users and chance.random() < NAMES_AN_END_USER else ""
        tags = (chance.choice(self.tags),) if self.tags and chance.random() < NAMES_A_TAG else ()
        return Caller(self.secrets[key.token], end_user, tags, self._accounts(key, end_user, tags))

    def _accounts(self, key: Key, end_user: str, tags: tuple[str, ...]) -> tuple[str, ...]:
        named = [key.token, GLOBAL_ACCOUNT]
        named += [account_of("organization", key.organization_id)] if key.organization_id else []
        named += [account_of("team", key.team_id)] if key.team_id else []
        named += [account_of("user", key.user_id)] if key.user_id else []
        if key.team_id and key.user_id:
            named.append(account_of("member", member_id(key.team_id, key.user_id)))
        named += [account_of("end_user", end_user)] if end_user else []
        named += [account_of("tag", tag) for tag in tags]
        return tuple(account for account in named if account in self.limits)


def global_budget(requests_a_second: float) -> dict[str, Any]:
    """Return the settings of one budget for everything: it covers a little less than is expected."""
    micro_usd = int(COST_MICRO_USD * requests_a_second * GLOBAL_WINDOW_S)
    return {"max_budget": micro_usd / 10**6, "budget_duration": f"{GLOBAL_WINDOW_S}s"}


class _Maker:
    """Makes holders and keys by the admin API, a few at once."""

    def __init__(self, session: aiohttp.ClientSession, requests: float, chance: random.Random) -> None:
        self._session = session
        self._requests = requests
        self._chance = chance
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._slots, self._session.post(path, json=body) as answer:
            made: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 200, (path, made)
            return made

    def terms(self, share: float, loose: tuple[float, float], *, name: str = "max_budget") -> dict[str, Any]:
        """Return a budget for one that gets `share` of the requests."""
        expected = max(2.0, self._requests * share * self._chance.uniform(*loose))
        if name == "max_budget" and self._chance.random() < WINDOWED_SHARE:
            few = COST_MICRO_USD * self._chance.randint(3, 12)
            return {name: few / 10**6, "budget_duration": WINDOW}
        return {name: int(COST_MICRO_USD * expected) / 10**6}


async def make_world(
    gateway: Gateway, bus: Bus, *, budgets: int, requests: float, partitions: int, chance: random.Random
) -> World:
    """Make `budgets`, of sizes that `requests` in all use up about half of."""
    world = World()
    counts = {kind: max(1, round(budgets * share)) for kind, share in SHARES.items()}
    count_of_keys = budgets - sum(counts.values()) - 1  # and the global one
    users = [f"user-{number}" for number in range(counts["user"])]
    teams = [f"team-{number}" for number in range(counts["team"])]
    organizations = [f"org-{number}" for number in range(counts["organization"])]
    world.end_users = [f"customer-{number}" for number in range(counts["end_user"])]
    world.tags = [f"tag-{number}" for number in range(counts["tag"])]
    async with aiohttp.ClientSession(
        base_url=f"http://127.0.0.1:{gateway.ports[0]}", headers={"Authorization": f"Bearer {MASTER_KEY}"}
    ) as session:
        make = _Maker(session, requests, chance)

        def one(kind: str) -> float:
            return 1 / counts[kind]

        await asyncio.gather(
            *[
                make.post("/organization/new", {"organization_id": name, "organization_alias": name} | terms)
                for name in organizations
                for terms in [make.terms(one("organization") * 0.7, (0.4, 1.5))]
            ],
            *[
                make.post(
                    "/user/new", {"user_id": name, "auto_create_key": False} | make.terms(one("user"), (0.2, 1.5))
                )
                for name in users
            ],
            *[
                make.post("/customer/new", {"user_id": name} | make.terms(one("end_user") * 0.3, (0.2, 1.5)))
                for name in world.end_users
            ],
            *[make.post("/tag/new", {"name": name} | make.terms(one("tag") * 0.25, (0.2, 1.5))) for name in world.tags],
        )
        await asyncio.gather(
            *[
                make.post(
                    "/team/new",
                    {"team_id": name, "team_alias": name}
                    | ({} if number % 3 == 0 else {"organization_id": organizations[number % len(organizations)]})
                    | make.terms(one("team") * 0.8, (0.3, 1.5)),
                )
                for number, name in enumerate(teams)
            ]
        )
        members = [
            (teams[number % len(teams)], users[(number // len(teams) + number) % len(users)])
            for number in range(counts["member"])
        ]
        members = list(dict.fromkeys(members))
        for team, user in members:
            body = {"team_id": team, "member": {"user_id": user, "role": "user"}}
            await make.post("/team/member_add", body | make.terms(one("member"), (0.3, 1.5), name="max_budget_in_team"))
        count_of_keys += counts["member"] - len(members)
        owners = [{"team_id": team, "user_id": user} for team, user in members]
        owners += [{"user_id": chance.choice(users)} if chance.random() < 0.5 else {} for _ in range(count_of_keys)]
        made = await asyncio.gather(
            *[
                make.post("/key/generate", owner | make.terms(1 / count_of_keys, (0.2, 1.8)))
                for owner in [chance.choice(owners) for _ in range(count_of_keys)]
            ]
        )
    world.secrets = {token_of(answer["key"]): answer["key"] for answer in made}
    await _look_up(world, bus, partitions)
    return world


async def _look_up(world: World, bus: Bus, partitions: int) -> None:
    """Take limits and homes from what the control plane has written down."""
    keys, holders = KvView(bus, subjects.KEYS_BUCKET, decode_key), KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await keys.start()
    await holders.start()
    assert await keys.wait_until(lambda: world.secrets.keys() <= keys.entries.keys(), 10), "keys are missing"
    world.keys = {token: keys.entries[token] for token in world.secrets}
    for key in world.keys.values():
        assert key.max_budget_pico is not None
        _add(world, key.token, key.max_budget_pico, key.tenant, partitions)
    for holder in holders.entries.values():
        for window in holder.budgets:
            account = account_of(holder.kind, holder.id, window)
            _add(world, account, window.limit_pico, holder.tenant, partitions)
    _check_names(world, holders.entries)
    await keys.stop()
    await holders.stop()


def _check_names(world: World, holders: Mapping[str, Holder]) -> None:
    """Every end user and tag that clients will name has a budget."""
    for name in world.end_users:
        assert entry_name("end_user", name) in holders
    for name in world.tags:
        assert entry_name("tag", name) in holders


def _add(world: World, account: str, limit_pico: int, tenant: str, partitions: int) -> None:
    world.limits[account] = limit_pico
    world.homes[account] = subjects.partition_of(tenant, partitions)


def add_global(world: World, settings: dict[str, Any], partitions: int) -> None:
    _add(world, GLOBAL_ACCOUNT, round(settings["max_budget"] * 10**6) * MICRO_PICO, GLOBAL_ACCOUNT, partitions)
