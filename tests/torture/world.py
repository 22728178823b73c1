"""The budgets and limits of a run, at all levels and across tenants, and who spends from which of them."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared import subjects
from shared.bus import Bus, KvView
from shared.identity.holders import (
    GLOBAL_ACCOUNT,
    AccountKind,
    Holder,
    Limits,
    Window,
    account_of,
    decode_holder,
    entry_name,
    home_of_provider,
    member_id,
)
from shared.identity.keys import Key, decode_key
from tests.torture.history import Limit
from tests.torture.set_spend import Attempt

MICRO_PICO = 10**6
COST_MICRO_USD = 90  # of a request, on average
GLOBAL_WINDOW_S, PROVIDERS_WINDOW_S = 5, 7
PROVIDERS = {"simulated": 0.3, "openai": 0.5}
"""What their budgets cover of all that is expected: less than all of it, so that both are spent now and then."""

NAMES_AN_END_USER, NAMES_A_TAG = 0.3, 0.25


class Caller(NamedTuple):
    """A key as it is used for one request: the budgets that must have room, and the limits."""

    secret: str
    end_user: str
    tags: tuple[str, ...]
    accounts: tuple[str, ...]
    limited: tuple[str, ...]


@dataclass
class World:
    """Limits in pico-dollars, soft budgets, rate limits, homes (the partition that decides): by account.

    `keys` by token, with the present secret of each; `windows` are the accounts of a holder, by its main one.
    """

    limits: dict[str, int] = field(default_factory=dict)
    soft: dict[str, int] = field(default_factory=dict)
    rates: dict[str, Limit] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    windows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    end_users: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    providers: tuple[str, ...] = ()
    rotations: int = 0  # how often a key got another secret
    attempts: list[Attempt] = field(default_factory=list)  # to set what a key has spent

    def caller(self, chance: random.Random) -> Caller:
        key = self.keys[chance.choice(list(self.keys))]
        end_user = chance.choice(self.end_users) if self.end_users and chance.random() < NAMES_AN_END_USER else ""
        tags: tuple[str, ...] = ()
        if self.tags and chance.random() < NAMES_A_TAG:
            tags = tuple(chance.sample(self.tags, min(len(self.tags), chance.randint(1, 2))))
        holders = _holders(key, end_user, tags)
        return Caller(
            self.secrets[key.token],
            end_user,
            tags,
            tuple(account for holder in holders for account in self.windows.get(holder, ())),
            tuple(holder for holder in holders if holder in self.rates),
        )


def _holders(key: Key, end_user: str, tags: Iterable[str]) -> list[str]:
    """Return the main accounts of all whose budgets and limits concern a request."""
    named = [key.token, GLOBAL_ACCOUNT]
    named += [account_of("organization", key.organization_id)] if key.organization_id else []
    named += [account_of("team", key.team_id)] if key.team_id else []
    named += [account_of("user", key.user_id)] if key.user_id else []
    if key.team_id and key.user_id:
        named.append(account_of("member", member_id(key.team_id, key.user_id)))
    named += [account_of("end_user", end_user)] if end_user else []
    return named + [account_of("tag", tag) for tag in tags]


def configured_budgets(requests_a_second: float) -> dict[str, Any]:
    """Return the settings of one budget for everything, and of the providers': they cover less than is expected."""
    everything = int(COST_MICRO_USD * requests_a_second * GLOBAL_WINDOW_S)
    paid = COST_MICRO_USD * requests_a_second * PROVIDERS_WINDOW_S
    return {
        "litellm_settings": {"max_budget": everything / 10**6, "budget_duration": f"{GLOBAL_WINDOW_S}s"},
        "router_settings": {
            "provider_budget_config": {
                name: {"budget_limit": int(paid * share) / 10**6, "time_period": f"{PROVIDERS_WINDOW_S}s"}
                for name, share in PROVIDERS.items()
            }
        },
    }


async def look_up(world: World, bus: Bus, settings: Mapping[str, Any], partitions: int) -> None:
    """Take budgets, limits and homes from what the control plane has written down, and from the configuration."""
    keys, holders = KvView(bus, subjects.KEYS_BUCKET, decode_key), KvView(bus, subjects.HOLDERS_BUCKET, decode_holder)
    await keys.start()
    await holders.start()
    assert await keys.wait_until(lambda: world.secrets.keys() <= keys.entries.keys(), 10), "keys are missing"
    world.keys = {token: keys.entries[token] for token in world.secrets}
    for key in world.keys.values():
        _add(world, "key", key.token, key.tenant, key.budgets, key.soft_budget_pico, key.limits, partitions)
    for one in holders.entries.values():
        _add(world, one.kind, one.id, one.tenant, one.budgets, one.soft_budget_pico, one.limits, partitions)
    _check_names(world, holders.entries)
    await keys.stop()
    await holders.stop()
    _add_configured(world, settings, partitions)


def _add_configured(world: World, settings: Mapping[str, Any], partitions: int) -> None:
    def add(account: str, tenant: str, usd: float) -> None:
        world.limits[account] = round(usd * 10**6) * MICRO_PICO
        world.homes[account] = subjects.partition_of(tenant, partitions)

    add(GLOBAL_ACCOUNT, GLOBAL_ACCOUNT, settings["litellm_settings"]["max_budget"])
    world.windows[GLOBAL_ACCOUNT] = (GLOBAL_ACCOUNT,)
    for name, budget in settings["router_settings"]["provider_budget_config"].items():
        add(account_of("provider", name), home_of_provider(name), budget["budget_limit"])
        world.providers += (account_of("provider", name),)


def _check_names(world: World, holders: Mapping[str, Holder]) -> None:
    """Every end user and tag that clients will name has a budget."""
    for name in world.end_users:
        assert entry_name("end_user", name) in holders
    for name in world.tags:
        assert entry_name("tag", name) in holders


def _add(
    world: World,
    kind: AccountKind,
    holder_id: str,
    tenant: str,
    windows: tuple[Window, ...],
    soft_pico: int | None,
    limits: Limits,
    partitions: int,
) -> None:
    main = account_of(kind, holder_id)
    for window in windows:
        account = account_of(kind, holder_id, window)
        world.limits[account] = window.limit_pico
        world.homes[account] = subjects.partition_of(tenant, partitions)
        world.windows[main] = (*world.windows.get(main, ()), account)
    if soft_pico is not None:
        world.soft[main] = soft_pico
    limit = Limit(limits.rpm, limits.tpm, limits.parallel)
    if limit != Limit():
        world.rates[main] = limit
