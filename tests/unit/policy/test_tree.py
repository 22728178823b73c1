"""From a caller to the accounts a request is counted in, each with its limit, and only those that LiteLLM counts."""

from typing import Any

import pytest

from services.policy.budgets.charges import Charge, Charges
from services.policy.budgets.tree import BudgetTree, TreeRules, counted_without_hold
from shared.identity.holders import Holder, HolderKind, Window, entry_name, home_of, member_id, organization_member_id
from shared.identity.keys import MASTER_KEY_ID, Key
from shared.subjects import partition_of
from tests.budgets import caller_of, key_of_budget

PARTITIONS = 8
DAY, HOUR = Window(500, "1d"), Window(50, "1h", listed=True)
GPT = Window(70, "1d", model="gpt")
MEMBER = member_id("core", "ann")


def holder(kind: HolderKind, holder_id: str, *windows: Window, tenant: str = "", **fields: Any) -> Holder:
    return Holder(
        kind=kind,
        id=holder_id,
        version=1,
        tenant=tenant or home_of(kind, holder_id),
        created_at=0.0,
        updated_at=0.0,
        budgets=windows,
        **fields,
    )


def entries(*holders: Holder) -> dict[str, Holder]:
    return {entry_name(one.kind, one.id): one for one in holders}


ALL = entries(
    holder("organization", "acme", DAY),
    holder("team", "core", Window(100, "30d"), HOUR, tenant="acme"),
    holder("member", MEMBER, Window(20), tenant="acme"),
    holder("user", "ann", Window(30)),
    holder("end_user", "bob", Window(5)),
    holder("tag", "batch", Window(7)),
)
OF_TEAM = key_of_budget(10, token="k", tenant="acme", organization_id="acme", team_id="core", user_id="ann")


def charges(
    key: Key | None = OF_TEAM, holders: dict[str, Holder] = ALL, *, model: str = "gpt", group: str = "", **given: Any
) -> Charges:
    tree = BudgetTree(holders, TreeRules(PARTITIONS, **given.pop("rules", {})))
    providers = given.pop("providers", ())
    caller = caller_of(key or key_of_budget(None, token=MASTER_KEY_ID), **given)
    return tree.charges(caller, key, model, group or model, providers)


def told(found: tuple[Charge, ...]) -> dict[str, int | None]:
    return {charge.account: charge.limit for charge in found}


def test_a_request_is_counted_at_every_level_above_its_key() -> None:
    assert told(charges(end_user="bob", tags=("batch", "batch", "free")).must) == {
        "k": 10,
        "organization:acme": 500,
        "team:core": 100,
        "team@1h:core": 50,
        f"member:{MEMBER}": 20,
        "tag:batch": 7,
        "end_user:bob": 5,
    }


def test_each_account_says_where_it_is_at_home() -> None:
    homes = {charge.account: charge.home for charge in charges(end_user="bob", tags=("batch",)).must}
    assert homes["team:core"] == homes["k"] == partition_of("acme", PARTITIONS)
    assert homes["end_user:bob"] == partition_of("end_user:bob", PARTITIONS)
    assert homes["tag:batch"] == partition_of("tag:batch", PARTITIONS)


def test_a_users_own_budget_counts_own_keys_and_those_of_teams_only_where_that_is_set() -> None:
    own = key_of_budget(None, token="k", user_id="ann")
    assert told(charges(own).must) == {"k": None, "user:ann": 30}
    assert "user:ann" not in told(charges().must)
    assert told(charges(rules={"user_budget_on_team_keys": True}).must)["user:ann"] == 30


def test_without_a_limit_an_account_counts_where_it_is_at_home() -> None:
    unlimited = entries(holder("team", "core", tenant="acme"), holder("organization", "acme"))
    key = key_of_budget(None, token="k", tenant="acme", organization_id="acme", team_id="core", user_id="ann")
    found = charges(key, unlimited)
    every = {"k": None, "organization:acme": None, "team:core": None, f"member:{MEMBER}": None}
    assert told(found.must) == every
    assert not found.budgeted
    assert not found.windows
    assert not charges(key, {}).budgeted
    moved = charges(key, entries(holder("team", "core"), holder("organization", "acme")))
    assert told(moved.must) == every
    assert moved.budgeted
    assert not moved.limited
    assert {charge.account for charge in moved.must if charge.tracked} == {"team:core"}


def test_windows_go_on_while_a_budget_is_taken_away() -> None:
    team = holder("team", "core", tenant="t", extra={"budget_duration": "1d", "budget_anchor": 4.0})
    found = charges(key_of_budget(None, tenant="t", team_id="core"), entries(team))
    [charge] = [charge for charge in found.must if charge.account == "team:core"]
    assert (charge.limit, charge.pattern, charge.anchor, charge.tracked) == (None, "1d", 4.0, False)
    assert found.windows
    assert not found.budgeted


def test_who_had_a_budget_is_counted_without_one_too() -> None:
    extra = {"budget_duration": "1d", "budget_anchor": 4.0}
    gone = [
        holder("user", "ann", counted=True, extra=extra),
        holder("end_user", "bob", counted=True, budget_id="empty"),
        holder("tag", "batch", counted=True, budget_id="deleted"),
    ]
    shared = holder("budget", "empty", extra={"budget_duration": "1h", "budget_anchor": 5.0})
    key = key_of_budget(None, token="k", user_id="ann")
    found = charges(key, entries(*gone, shared), end_user="bob", tags=("batch", "free"))
    assert told(found.must) == {"k": None, "user:ann": None, "end_user:bob": None, "tag:batch": None}
    assert [charge.pattern for charge in found.must if charge.tracked] == ["1d", "", "1h"]
    assert found.budgeted
    assert not found.limited
    never = entries(holder("user", "ann", extra=extra), holder("end_user", "bob"), holder("tag", "batch"))
    assert told(charges(key, never, end_user="bob", tags=("batch",)).must) == {"k": None}


def test_the_budget_of_all_end_users_binds_who_is_known_and_has_none() -> None:
    rules = {"end_user_budget": Window(4)}
    own = holder("end_user", "bob", Window(5))
    shared = holder("end_user", "bob", budget_id="small")
    blocked_once = holder("end_user", "bob", tenant="elsewhere", soft_budget_pico=1, extra={"budget_duration": "1d"})
    found = []
    for one in (own, shared, blocked_once):
        entry = entries(one, holder("budget", "small", Window(6)))
        found.append(charges(None, entry, end_user="bob", rules=rules).must[1:])
    assert [told(must) for must in found] == [{"end_user:bob": limit} for limit in (5, 6, 4)]
    [charge] = found[-1]
    assert (charge.pattern, charge.home, charge.tracked) == ("1d", partition_of("elsewhere", PARTITIONS), False)


def test_a_key_has_its_windows_and_those_of_one_model() -> None:
    key = key_of_budget(10, token="k", budgets=(Window(10, "30d", 5.0), HOUR, GPT), increase_pico=3, increase_until=9.0)
    found = charges(key, {})
    assert told(found.must) == {"k": 10, "key@1h:k": 50, "key~gpt:k": 70}
    assert [charge.pattern for charge in found.must] == ["30d", "1h", "1d"]
    assert [charge.limit_at(8_999) for charge in found.must] == [13, 53, 73]
    assert [charge.limit_at(9_000) for charge in found.must] == [10, 50, 70]
    assert told(charges(key, {}, model="other").must) == {"k": 10, "key@1h:k": 50}
    assert "key~gpt:k" in told(charges(key, {}, model="alias", group="gpt").must)
    assert "key~gpt:k" in told(charges(key, {}, model="gpt", group="target").must)


@pytest.mark.parametrize(
    ("budgeted", "model", "group", "counted"),
    [
        (("gpt-4o",), "gpt-4o", "gpt-4o", ("gpt-4o",)),
        (("gpt-4o",), "openai/gpt-4o", "openai/gpt-4o", ("gpt-4o",)),
        (("gpt-4o", "openai/gpt-4o"), "openai/gpt-4o", "openai/gpt-4o", ("openai/gpt-4o",)),
        (("gpt-4o",), "fast", "openai/gpt-4o", ("gpt-4o",)),
        (("fast", "gpt-4o"), "fast", "gpt-4o", ("gpt-4o", "fast")),
        (("openai/*", "*"), "openai/gpt-4o", "openai/gpt-4o", ("openai/*", "*")),
        (("openai/*",), "gpt-4o", "gpt-4o", ("openai/*",)),
        (("anthropic/*", "gpt-4", "4o"), "openai/gpt-4o", "openai/gpt-4o", ()),
        (("claude",), "bedrock/anthropic/claude", "bedrock/anthropic/claude", ()),
    ],
)
def test_a_budget_of_one_model_counts_it_by_whatever_name_it_is_called(
    budgeted: tuple[str, ...], model: str, group: str, counted: tuple[str, ...]
) -> None:
    windows = [Window(7, "1d", model=name) for name in budgeted]
    holders = entries(holder("end_user", "bob", *windows), holder("user", "ann", *windows))
    key = key_of_budget(None, token="k", user_id="ann", budgets=tuple(windows))
    found = charges(key, holders, model=model, group=group, end_user="bob").must
    for kind in ("key", "user", "end_user"):
        models = [charge.model for charge in found if charge.kind == kind and charge.model]
        assert sorted(models) == sorted(counted)


def test_a_key_written_before_windows_were_named_has_its_budget() -> None:
    key = key_of_budget(10, token="k", budgets=(), budget_duration="1d", budget_anchor=4.0)
    [charge] = charges(key, {}).must
    assert (charge.limit, charge.pattern, charge.anchor) == (10, "1d", 4.0)


def test_a_key_without_a_limit_keeps_its_windows() -> None:
    [charge] = charges(key_of_budget(None, budget_duration="1d"), {}).must
    assert (charge.limit, charge.pattern) == (None, "1d")


def test_a_shared_budget_fills_in_what_a_holder_does_not_say() -> None:
    shared = holder("budget", "small", Window(1, "1d"), HOUR)
    team = holder("team", "core", budget_id="small", tenant="t")
    found = told(charges(key_of_budget(None, tenant="t", team_id="core"), entries(shared, team)).must)
    assert found == {"key": None, "team:core": 1, "team@1h:core": 50}
    key = key_of_budget(None, budget_id="small")
    assert told(charges(key, entries(shared)).must) == {"key": 1, "key@1h:key": 50}
    assert told(charges(key, {}).must) == {"key": None}


def test_a_member_of_an_organisation_is_counted_once_it_is_one() -> None:
    member = organization_member_id("acme", "ann")
    key = key_of_budget(None, token="k", tenant="acme", organization_id="acme", user_id="ann")
    account = f"member:{member}"
    assert account not in told(charges(key, {}).must)
    assert told(charges(key, entries(holder("member", member, tenant="acme"))).must)[account] is None
    limited = entries(holder("member", member, Window(7), tenant="acme"))
    assert told(charges(key, limited).must)[account] == 7
    assert told(charges(OF_TEAM, limited).must)[account] == 7
    assert account not in told(charges(key_of_budget(None, token="k", user_id="ann"), limited).must)
    assert account in counted_without_hold("acme", "", "ann")
    assert account not in counted_without_hold("acme", "", "")


def test_an_increase_of_a_shared_budget_counts_for_who_has_its_terms() -> None:
    shared = holder("budget", "small", Window(10), increase_pico=5, increase_until=9.0)
    team = holder("team", "core", tenant="t", budget_id="small")
    own = holder("user", "ann", Window(3), budget_id="small", tenant="t")
    more = holder("tag", "batch", tenant="t", budget_id="small", increase_pico=1, increase_until=9.0)
    rules = {"user_budget_on_team_keys": True}
    key = key_of_budget(None, token="k", tenant="t", team_id="core", user_id="ann", budget_id="small")
    found = charges(key, entries(shared, team, own, more), tags=("batch",), rules=rules)
    limits = {charge.account: (charge.limit_at(8_999), charge.limit_at(9_000)) for charge in found.must if charge.limit}
    assert limits == {"k": (15, 10), "team:core": (15, 10), "user:ann": (3, 3), "tag:batch": (11, 10)}


def test_a_blocked_shared_budget_lets_nothing_be_spent_by_who_has_its_terms() -> None:
    shared = holder("budget", "small", Window(10), HOUR, blocked=True, increase_pico=5, increase_until=9.0)
    own = holder("user", "ann", Window(3), budget_id="small")
    key = key_of_budget(None, token="k", user_id="ann", budget_id="small")
    found = charges(key, entries(shared, own)).must
    assert {charge.account: charge.limit_at(8_999) for charge in found} == {"k": 0, "user:ann": 3}


def test_end_users_without_a_budget_of_their_own_have_the_default() -> None:
    rules = {"end_user_budget": Window(9)}
    assert told(charges(None, end_user="eve", rules=rules).must) == {MASTER_KEY_ID: None, "end_user:eve": 9}
    assert told(charges(None, end_user="bob", rules=rules).must)["end_user:bob"] == 5
    known = entries(holder("end_user", "eve"))
    assert told(charges(None, known, end_user="eve", rules=rules).must)["end_user:eve"] == 9
    assert not charges(None, known, end_user="eve").budgeted


def test_the_master_key_is_bound_by_end_user_provider_and_global_budgets_alone() -> None:
    found = charges(
        None,
        end_user="bob",
        tags=("batch",),
        providers=("openai",),
        rules={"global_budget": Window(99, "30d"), "providers": {"openai": Window(8, "1d")}},
    )
    assert told(found.must) == {MASTER_KEY_ID: None, "end_user:bob": 5, "global": 99}
    assert told(found.providers) == {"provider:openai": 8}


def test_providers_without_a_budget_are_an_alternative_where_another_has_one() -> None:
    rules = {"providers": {"openai": Window(8, "1d")}}
    assert told(charges(providers=("azure", "openai"), rules=rules).providers) == {
        "provider:azure": None,
        "provider:openai": 8,
    }
    assert charges(providers=("azure",), rules=rules).providers == ()


@pytest.mark.parametrize(
    ("window", "pattern"),
    [
        (Window(1), ""),
        (Window(1, "1d"), "1d"),
        (Window(1, "1d", timezone="Europe/Berlin"), "1d Europe/Berlin"),
        (Window(1, "5h", rolling=True), "5h rolling"),
        (Window(1, "5h", rolling=True, timezone="Europe/Berlin"), "5h rolling"),
    ],
)
def test_how_windows_follow_each_other_is_one_text(window: Window, pattern: str) -> None:
    assert charges(key_of_budget(None, token="k", budgets=(window,)), {}).must[0].pattern == pattern


def test_windows_that_name_no_time_zone_have_that_of_the_configuration() -> None:
    shanghai = {
        "timezone": "Asia/Shanghai",
        "global_budget": Window(9, "1mo"),
        "providers": {"openai": Window(8, "1d")},
    }
    windows = (
        Window(1, "1d"),
        Window(1, "1d", timezone="UTC", listed=True),
        Window(1, "1d", rolling=True, model="gpt"),
    )
    found = charges(key_of_budget(None, token="k", budgets=windows), providers=("openai",), rules=shanghai)
    assert [charge.pattern for charge in (*found.must, *found.providers)] == [
        *("1d Asia/Shanghai", "1d", "1d rolling"),
        *("1mo Asia/Shanghai", "1d Asia/Shanghai"),
    ]
    unlimited = key_of_budget(None, budget_duration="1d", extra={"budget_timezone": "Europe/Berlin"})
    assert charges(unlimited, {}).must[0].pattern == "1d Europe/Berlin"


def test_what_is_known_of_a_key_is_found_anew_when_key_or_holders_change() -> None:
    holders = dict(ALL)
    tree = BudgetTree(holders, TreeRules(PARTITIONS))

    def limits(key: Key) -> dict[str, int | None]:
        return told(tree.charges(caller_of(key), key, "m", "m").must)

    assert limits(OF_TEAM)["team:core"] == 100
    assert tree.charges(caller_of(OF_TEAM), OF_TEAM, "m", "m") is tree.charges(caller_of(OF_TEAM), OF_TEAM, "m", "m")
    name = entry_name("team", "core")
    holders[name] = holder("team", "core", Window(7), tenant="acme")
    tree.changed(name, holders[name])
    assert limits(OF_TEAM)["team:core"] == 7
    assert limits(key_of_budget(11, token="k"))["k"] == 11
