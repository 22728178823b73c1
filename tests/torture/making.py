"""Makes the holders and keys of a run by the admin API: budgets that are about used up, limits that are reached."""

import asyncio
import random
from typing import Any

import aiohttp

from shared.identity.keys import token_of
from tests.torture.parts import MASTER_KEY, Gateway
from tests.torture.world import COST_MICRO_USD, World

WINDOW, LONGER_WINDOW = "4s", "9s"
WINDOWED_SHARE, LISTED_SHARE = 0.15, 0.1
SOFT_SHARE, LIMITED_SHARE = 0.4, 0.25
SHARES = {"organization": 0.05, "team": 0.15, "member": 0.2, "user": 0.1, "end_user": 0.1, "tag": 0.05}
"""Of the budgets, by whose they are; the rest are keys'."""

RESERVED_TOKENS = 330
"""What a request reserves of a limit of tokens, about."""

AT_ONCE = 8


class _Maker:
    """Makes holders and keys, a few at once."""

    def __init__(
        self, session: aiohttp.ClientSession, seconds: float, a_second: float, window_s: float, chance: random.Random
    ) -> None:
        """`a_second`: how many requests are to be expected; `window_s` is the one of limits."""
        self._session = session
        self._requests = a_second * seconds
        self._in_window = a_second * window_s
        self._chance = chance
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._slots, self._session.post(path, json=body) as answer:
            made: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 200, (path, made)
            return made

    def budget(self, share: float, loose: tuple[float, float]) -> float:
        """Return USD for one that gets `share` of the requests."""
        expected = max(2.0, self._requests * share * self._chance.uniform(*loose))
        return int(COST_MICRO_USD * expected) / 10**6

    def terms(self, share: float, loose: tuple[float, float]) -> dict[str, Any]:
        """Return budgets, and now and then limits, for one that gets `share` of the requests."""
        draw = self._chance.random()
        if draw < WINDOWED_SHARE:
            terms: dict[str, Any] = {"max_budget": self._few(), "budget_duration": WINDOW}
        else:
            terms = {"max_budget": self.budget(share, loose)}
        if draw > 1 - LISTED_SHARE:
            terms["budget_limits"] = [
                {"budget_duration": duration, "max_budget": self._few()} for duration in (WINDOW, LONGER_WINDOW)
            ]
        if self._chance.random() < SOFT_SHARE:
            terms["soft_budget"] = round(terms["max_budget"] * self._chance.uniform(0.3, 0.9), 6)
        if self._chance.random() < LIMITED_SHARE:
            terms |= self._limit(share)
        return terms

    def _few(self) -> float:
        """Return USD for a short window."""
        return COST_MICRO_USD * self._chance.randint(3, 12) / 10**6

    def _limit(self, share: float) -> dict[str, int]:
        few = max(2, round(self._in_window * share * self._chance.uniform(0.3, 0.8)))
        match self._chance.randrange(3):
            case 0:
                return {"rpm_limit": few}
            case 1:
                return {"tpm_limit": few * RESERVED_TOKENS}
            case _:
                return {"max_parallel_requests": self._chance.randint(1, 3)}


async def make_world(
    gateway: Gateway, *, budgets: int, seconds: float, a_second: float, window_s: float, chance: random.Random
) -> World:
    """Make `budgets`, of sizes that `a_second` requests use up about half of in `seconds`."""
    world = World()
    counts = {kind: max(1, round(budgets * share)) for kind, share in SHARES.items()}
    users = [f"user-{number}" for number in range(counts["user"])]
    teams = [f"team-{number}" for number in range(counts["team"])]
    organizations = [f"org-{number}" for number in range(counts["organization"])]
    world.end_users = [f"customer-{number}" for number in range(counts["end_user"])]
    world.tags = [f"tag-{number}" for number in range(counts["tag"])]
    members = list(
        dict.fromkeys(
            (teams[number % len(teams)], users[(number // len(teams) + number) % len(users)])
            for number in range(counts["member"])
        )
    )
    count_of_keys = budgets - sum(counts.values()) - 1 + counts["member"] - len(members)  # one is the global one
    async with aiohttp.ClientSession(
        base_url=f"http://127.0.0.1:{gateway.ports[0]}", headers={"Authorization": f"Bearer {MASTER_KEY}"}
    ) as session:
        make = _Maker(session, seconds, a_second, window_s, chance)

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
            *[make.post("/tag/new", {"name": name} | make.terms(one("tag") * 0.35, (0.2, 1.5))) for name in world.tags],
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
        for team, user in members:
            body = {"team_id": team, "member": {"user_id": user, "role": "user"}}
            await make.post("/team/member_add", body | {"max_budget_in_team": make.budget(one("member"), (0.3, 1.5))})
        owners = [{"team_id": team, "user_id": user} for team, user in members]
        owners += [{"user_id": chance.choice(users)} if chance.random() < 0.5 else {} for _ in range(count_of_keys)]
        made = await asyncio.gather(
            *[
                make.post("/key/generate", owner | make.terms(1 / count_of_keys, (0.2, 1.8)))
                for owner in [chance.choice(owners) for _ in range(count_of_keys)]
            ]
        )
    world.secrets = {token_of(answer["key"]): answer["key"] for answer in made}
    return world
