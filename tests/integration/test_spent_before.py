"""What was spent before the first budget counts against it, once: asked of the ledger when the budget is set."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from services.policy.budgets.admission import Placed
from services.policy.budgets.tree import TreeRules
from services.policy.partitions.correcting import NOT_STORED, STORED, correct
from shared import subjects
from shared.bus import Bus
from shared.config import parse_config
from shared.identity.holders import Correction, Holder, Window, entry_name
from tests import budgets
from tests.admin_gateway import AdminGateway, admin_gateway
from tests.budgets import Opened, answered, cost, decided, finish, key_of_budget, opened, until, wanted
from tests.loans import PARTITIONS, charges_under, key_at, partitions
from tests.recorded_litellm import assert_refused

USD = 10**12
NOW = 1_795_415_200.0


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus) as gateway:
        yield gateway


WAYS: list[Any] = [
    ("user", "/user", "user_id", {"auto_create_key": False}, "spend_users", "user_id", "spend"),
    ("end_user", "/customer", "user_id", {}, "spend_end_users", "end_user", "spend"),
    ("tag", "/tag", "name", {}, "spend_tags", "individual_request_tag", "total_spend"),
]


@pytest.mark.parametrize(("kind", "path", "field", "more", "query", "named", "spend"), WAYS)
async def test_the_ledgers_figure_goes_into_the_first_budget_and_no_other(
    gateway: AdminGateway, kind: str, path: str, field: str, more: Any, query: str, named: str, spend: str
) -> None:
    gateway.logged[query] = [{named: "ann", spend: 7.25}, {named: "another", spend: 99}]
    await gateway.done(f"{path}/new", **{field: "ann"}, **more)
    entry = gateway.holder(kind, "ann")
    assert entry is not None
    assert entry.correction is None
    await gateway.done(f"{path}/update", **{field: "ann", "max_budget": 10})
    first = gateway.holder(kind, "ann")
    assert first is not None
    assert first.correction == Correction(1, 7 * USD + USD // 4, round(first.updated_at * 1000), at_least=True)
    assert query in [name for name, _ in gateway.asked]
    gateway.logged[query] = [{named: "ann", spend: 50}]
    await gateway.done(f"{path}/update", **{field: "ann", "max_budget": None})
    await gateway.done(f"{path}/update", **{field: "ann", "max_budget": 20})
    again = gateway.holder(kind, "ann")
    assert again is not None
    assert again.correction == first.correction
    at_once = await gateway.done(f"{path}/new", **{field: "eve", "soft_budget": 3}, **more)
    assert "spent_before" not in str(at_once)


async def test_a_shared_budget_that_gets_its_first_limit_finds_its_holders_counted(gateway: AdminGateway) -> None:
    await gateway.done("/budget/new", budget_id="starter")
    gateway.logged["spend_users"] = [{"user_id": "ann", "spend": 2}]
    await gateway.done("/user/new", user_id="ann", budget_id="starter", auto_create_key=False)
    await gateway.done("/user/new", user_id="eve", auto_create_key=False)
    ann, eve = gateway.holder("user", "ann"), gateway.holder("user", "eve")
    assert ann is not None
    assert eve is not None
    assert (ann.counted, eve.counted) == (True, False)
    assert ann.correction == Correction(1, 2 * USD, round(ann.updated_at * 1000), at_least=True)
    asked = list(gateway.asked)
    await gateway.done("/budget/update", budget_id="starter", max_budget=10)
    assert gateway.asked == asked
    assert gateway.holder("user", "ann") == ann


async def test_a_budget_that_the_configuration_gives_counts_what_was_spent_before(bus: Bus) -> None:
    config = parse_config({"litellm_settings": {"default_internal_user_params": {"max_budget": 5}}}, {})
    async with admin_gateway(bus, config) as gateway:
        gateway.logged["spend_users"] = [{"user_id": "ann", "spend": 2}]
        await gateway.done("/user/new", user_id="ann", user_role="internal_user", auto_create_key=False)
        ann = gateway.holder("user", "ann")
        assert ann is not None
        assert ann.budgets[0].limit_pico == 5 * USD
        assert ann.correction == Correction(1, 2 * USD, round(ann.updated_at * 1000), at_least=True)
        gateway.asked.clear()
        await gateway.done("/user/new", user_id="eve", user_role="internal_user_viewer", auto_create_key=False)
        assert gateway.asked == []


async def test_a_users_figure_is_that_of_own_keys_unless_teams_count(bus: Bus) -> None:
    async with admin_gateway(bus, parse_config({}, {})) as gateway:
        await gateway.done("/user/new", user_id="ann", max_budget=1, auto_create_key=False)
        assert gateway.asked == [("spend_users", {"users": ["ann"], "teams": [""]})]


async def test_without_the_ledger_a_first_budget_is_refused_and_a_block_is_not(
    gateway: AdminGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.done("/user/new", user_id="ann", auto_create_key=False)
    monkeypatch.setattr("services.edge.admin.spent_before.WITHIN_S", 0.0)
    refused = await gateway.post("/user/update", {"user_id": "ann", "max_budget": 1})
    assert_refused(refused, 503, "service_unavailable", None, "try again, or block it meanwhile")
    assert refused.headers.get("retry-after") in ("2", None)
    entry = gateway.holder("user", "ann")
    assert entry is not None
    assert entry.budgets == ()
    assert (await gateway.post("/user/block", {"user_id": "ann"})).status_code == 200


def ann(limit: int | None, correction: Correction | None = None, **window: Any) -> Holder:
    """Without a `limit` she had one before."""
    values: dict[str, Any] = {"version": 1, "tenant": "user:ann", "created_at": 0.0, "updated_at": 0.0}
    budgets = () if limit is None else (Window(limit, **window),)
    extra = {f"budget_{name}": value for name, value in window.items()}
    return Holder(kind="user", id="ann", budgets=budgets, correction=correction, counted=True, extra=extra, **values)


async def test_admission_counts_it_once_wherever_the_user_spends(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = ann(100, Correction(1, 70, round(NOW * 1000), at_least=True))
    holders = {entry_name("user", "ann"): holder}
    home = subjects.partition_of("user:ann", PARTITIONS)
    made = [key_at(number) for number in range(PARTITIONS)]
    keys = [key_of_budget(None, token=key.token, tenant=key.tenant, user_id="ann") for key in made]
    monkeypatch.setattr(budgets, "_keys", {key.token: key for key in keys})
    charges = charges_under(None, rules=TreeRules(PARTITIONS), holders=holders)
    async with partitions(bus) as owners:
        answers = [
            await answered(owners[number], wanted(keys[number], cost(10), charges=charges, waits_s=3))
            for number in (*range(PARTITIONS), home)
        ]
        assert [isinstance(answer, Placed) for answer in answers] == [True, True, True, False, False]
        assert owners[home].standing("user:ann").spent == 70
        await owners.replace(home)
        assert owners[home].standing("user:ann").spent == 70


async def test_what_counts_already_is_not_counted_again(bus: Bus) -> None:
    """A customer that the budget of all end users has counted gets one of its own."""
    key = key_of_budget(None, token="k", tenant="user:ann", user_id="ann")
    said = b'{"account":"user:ann","serial":1,"pico":%d,"at_ms":%d,"at_least":true}'
    async with opened(bus, key) as owner:
        charges = charges_under(None, rules=TreeRules(1), holders={entry_name("user", "ann"): ann(100)})
        await decided(owner.partition, wanted(key, cost(30), request="r", charges=charges))
        await finish(bus, "r", 30, key="k")
        await until(lambda: owner.figures("user:ann") == (30, 0))
        assert await correct(owner.partition, said % (28, round(NOW * 1000))) == STORED
        assert owner.figures("user:ann") == (30, 0)
        assert await correct(owner.partition, (said % (70, round(NOW * 1000))).replace(b":1,", b":2,", 1)) == STORED
        assert owner.figures("user:ann") == (70, 0)


async def test_what_is_spent_while_a_budget_is_away_counts_when_it_comes_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = subjects.partition_of("user:ann", PARTITIONS)
    made = [key_at(number) for number in range(PARTITIONS)]
    keys = [key_of_budget(None, token=key.token, tenant=key.tenant, user_id="ann") for key in made]
    monkeypatch.setattr(budgets, "_keys", {key.token: key for key in keys})

    def under(limit: int | None) -> Any:
        return charges_under(None, rules=TreeRules(PARTITIONS), holders={entry_name("user", "ann"): ann(limit)})

    async with partitions(bus) as owners:
        for number, (key, limit) in enumerate(zip(keys, (100, None, None, None), strict=True)):
            request = wanted(key, cost(15), request=f"req_{number}", charges=under(limit), waits_s=3)
            assert isinstance(await answered(owners[number], request), Placed)
            await finish(bus, request.request, 15, key=key.token, partition=number)
        await until(lambda: owners.figures(home, "user:ann")[0] == 60)
        late = await answered(owners[home], wanted(keys[home], cost(41), charges=under(100), waits_s=1))
        assert not isinstance(late, Placed)
        fits = await answered(owners[home], wanted(keys[home], cost(40), charges=under(100), waits_s=3))
        assert isinstance(fits, Placed)


async def test_windows_of_a_budget_that_is_away_turn_where_its_duration_stays(bus: Bus) -> None:
    clock = [NOW]
    key = key_of_budget(None, token="k", tenant="user:ann", user_id="ann")

    def under(limit: int | None, **window: Any) -> Any:
        return charges_under(None, rules=TreeRules(1), holders={entry_name("user", "ann"): ann(limit, **window)})

    async def spent(owner: Opened, pico: int, charges: Any) -> int:
        request = wanted(key, cost(pico), now=clock[0], charges=charges)
        assert isinstance(await decided(owner.partition, request), Placed)
        await finish(bus, request.request, pico, key="k")
        await until(lambda: owner.figures("user:ann")[1] == 0)
        return owner.figures("user:ann")[0]

    minute = {"duration": "1m", "anchor": NOW}
    async with opened(bus, key, clock=lambda: clock[0]) as owner:
        assert await spent(owner, 10, under(100, **minute)) == 10
        assert await spent(owner, 10, under(None, **minute)) == 20
        clock[0] += 60
        assert await spent(owner, 30, under(None, **minute)) == 30
        assert await spent(owner, 5, under(None)) == 35
        clock[0] += 600
        assert await spent(owner, 5, under(None)) == 40
        assert await spent(owner, 5, under(100, duration="1m", anchor=clock[0])) == 45
        clock[0] += 60
        assert await spent(owner, 1, under(100, duration="1m", anchor=clock[0] - 60)) == 1


@pytest.mark.parametrize("away", ["blocked", "left", "deleted", "exchanged"])
async def test_a_shared_budget_that_comes_back_forgets_nothing_of_its_window(bus: Bus, away: str) -> None:
    """It was set long ago: nobody may get a second window by being given it again."""
    values: dict[str, Any] = {"version": 1, "created_at": 0.0, "updated_at": 0.0}
    long_ago = NOW - 20 * 86_400
    terms = {"budget_duration": "1d", "budget_anchor": long_ago}
    shared = Holder(
        kind="budget", id="small", tenant="b", budgets=(Window(100, "1d", long_ago),), extra=terms, **values
    )
    hourly = Holder(kind="budget", id="hourly", tenant="b", budgets=(Window(1_000, "1h", long_ago),), **values)
    team = Holder(kind="team", id="core", tenant="core", budget_id="small", counted=True, **values)
    key = key_of_budget(None, token="k", tenant="core", team_id="core")
    clock = [NOW]

    def under(*holders: Holder) -> Any:
        return charges_under(
            None, rules=TreeRules(1), holders={entry_name(one.kind, one.id): one for one in (hourly, *holders)}
        )

    async with opened(bus, key, clock=lambda: clock[0]) as owner:

        async def ask(pico: int, charges: Any) -> bool:
            clock[0] += 1
            request = wanted(key, cost(pico), now=clock[0], charges=charges)
            placed = isinstance(await decided(owner.partition, request), Placed)
            if placed:
                await finish(bus, request.request, pico, key="k")
                await until(lambda: not owner.books.holds)
            return placed

        given = under(shared, team)
        assert await ask(90, given)
        meanwhile = {
            "blocked": under(replace(shared, blocked=True), team),
            "left": under(shared, replace(team, budget_id=None)),
            "deleted": under(team),
            "exchanged": under(shared, replace(team, budget_id="hourly")),
        }[away]
        assert await ask(5, meanwhile) == (away != "blocked")
        assert not await ask(11, given)
        assert await ask(5, given)
        assert owner.figures("team:core")[0] == (95 if away == "blocked" else 100)
        clock[0] += 86_400
        assert await ask(100, given)


async def test_it_belongs_to_the_window_in_which_the_budget_was_set(bus: Bus) -> None:
    clock = [NOW]
    holder = ann(100, Correction(1, 90, round(NOW * 1000), at_least=True), duration="1m", anchor=NOW)
    key = key_of_budget(None, token="k", tenant="user:ann", user_id="ann")
    charges = charges_under(None, rules=TreeRules(1), holders={entry_name("user", "ann"): holder})
    async with opened(bus, key, clock=lambda: clock[0]) as owner:
        assert not isinstance(await decided(owner.partition, wanted(key, cost(20), now=NOW, charges=charges)), Placed)
        clock[0] += 60
        request = wanted(key, cost(20), now=clock[0], charges=charges)
        assert isinstance(await decided(owner.partition, request), Placed)
        assert owner.partition.standing("user:ann").spent == 0


async def test_a_first_request_that_comes_a_window_later_counts_none_of_it(bus: Bus) -> None:
    clock = [NOW]
    holder = ann(100, Correction(1, 90, round((NOW - 3_600) * 1000), at_least=True), duration="1m", anchor=NOW - 3_600)
    key = key_of_budget(None, token="k", tenant="user:ann", user_id="ann")
    charges = charges_under(None, rules=TreeRules(1), holders={entry_name("user", "ann"): holder})
    async with opened(bus, key, clock=lambda: clock[0]) as owner:
        request = wanted(key, cost(20), now=NOW, charges=charges)
        assert isinstance(await decided(owner.partition, request), Placed)


async def test_an_owner_that_is_told_has_written_it_down_before_it_says_so(bus: Bus) -> None:
    key = key_of_budget(100)
    said = b'{"account":"key","serial":7,"pico":40,"at_ms":%d}' % round(NOW * 1000)
    async with opened(bus, key) as owner:
        assert await asyncio.wait_for(correct(owner.partition, said), 5) == STORED
        assert await correct(owner.partition, said) == STORED
        assert await correct(owner.partition, b"{}") == NOT_STORED
        assert owner.figures() == (40, 0)
    assert await correct(owner.partition, said) == NOT_STORED
    async with opened(bus, key) as owner:
        assert owner.figures() == (40, 0)
        await until(lambda: owner.partition.standing("key").corrected == 7)
