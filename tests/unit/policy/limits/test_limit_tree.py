"""Which limits concern a request, by its key and everybody around it."""

from typing import Any

from services.policy.limits.room import Limit
from services.policy.limits.tree import LimitRules, LimitTree
from shared import subjects
from shared.calls import Caller
from shared.identity.holders import Holder, HolderKind, Limits, entry_name, home_of, member_id
from shared.identity.keys import MASTER_KEY_ID, Key

PARTITIONS = 8


def key(limits: Limits | None = None, **fields: Any) -> Key:
    values: dict[str, Any] = {"tenant": "tok", "version": 1, "key_name": "sk-...abcd"}
    return Key(token="tok", created_at=0.0, updated_at=0.0, limits=limits or Limits(), **{**values, **fields})


def holders(*entries: Holder) -> dict[str, Holder]:
    return {entry_name(one.kind, one.id): one for one in entries}


def holder(kind: HolderKind, name: str, limits: Limits, **fields: Any) -> Holder:
    values: dict[str, Any] = {"tenant": home_of(kind, name), "version": 1, "created_at": 0.0, "updated_at": 0.0}
    return Holder(kind=kind, id=name, limits=limits, **{**values, **fields})


def caller(of: Key | None, end_user: str = "", tags: tuple[str, ...] = ()) -> Caller:
    token, tenant = (of.token, of.tenant) if of is not None else (MASTER_KEY_ID, MASTER_KEY_ID)
    return Caller(token, "", tenant, "", "", "", end_user, tags, "", "", "", b"")


def found(tree: LimitTree, of: Key | None, model: str = "gpt", group: str = "gpt", **who: Any) -> tuple[Limit, ...]:
    return tree.limits(caller(of, **who), of, model, group)


def tree(*entries: Holder, **rules: Any) -> LimitTree:
    return LimitTree(holders(*entries), LimitRules(PARTITIONS, **rules))


def test_a_key_without_limits_has_none() -> None:
    assert found(tree(), key(team_id="t", user_id="u", organization_id="o"), end_user="e", tags=("x",)) == ()


def test_a_limit_of_a_key_is_counted_where_its_tenant_is() -> None:
    (limit,) = found(tree(), key(Limits(rpm=5, tpm=0, tpd=7, parallel=2), tenant="org"))
    home = subjects.partition_of("org", PARTITIONS)
    assert limit == Limit("tok", home, "api_key", "tok", 5, 0, 7, 2)


def test_everybody_above_a_key_counts_and_each_at_home() -> None:
    member = holder("member", member_id("t", "u"), Limits(rpm=4), tenant="o")
    every = tree(
        holder("organization", "o", Limits(rpm=1)),
        holder("team", "t", Limits(tpm=2), tenant="o"),
        holder("user", "u", Limits(parallel=3)),
        member,
    )
    limits = found(every, key(team_id="t", user_id="u", organization_id="o", tenant="o"))
    assert [(limit.account, limit.kind, limit.holder) for limit in limits] == [
        ("team:t", "team", "t"),
        (f"member:{member.id}", "team_member", "t:u"),
        ("user:u", "user", "u"),
        ("organization:o", "organization", "o"),
    ]
    assert [limit.home for limit in limits] == [
        subjects.partition_of(tenant, PARTITIONS) for tenant in ("o", "o", "user:u", "o")
    ]


def test_limits_by_model_count_calls_to_it_alone_by_either_name() -> None:
    limits = Limits(model_rpm={"gpt": 3, "other": 1}, model_tpm={"gpt": 100})
    one = tree()
    expected = ("key~gpt:tok", "model_per_key", "tok:gpt", 3, 100)
    for model, group in (("gpt", "gpt"), ("alias", "gpt"), ("gpt", "real")):
        (limit,) = found(one, key(limits), model, group)
        assert (limit.account, limit.kind, limit.holder, limit.rpm, limit.tpm) == expected
    assert found(one, key(limits), "third", "third") == ()


def test_end_users_and_tags_are_found_by_what_the_request_says() -> None:
    one = tree(
        holder("end_user", "e", Limits(rpm=1)),
        holder("tag", "x", Limits(rpm=2, model_rpm={"gpt": 1, "other": 1})),
    )
    limits = found(one, key(), end_user="e", tags=("x", "y", "x"))
    assert [limit.account for limit in limits] == ["tag:x", "tag~gpt:x", "end_user:e"]
    assert [limit.kind for limit in limits] == ["tag", "model_per_tag", "end_user"]
    assert found(one, key()) == ()


def test_the_master_key_is_bound_by_the_global_limit_and_the_end_users() -> None:
    one = tree(holder("end_user", "e", Limits(rpm=1)), holder("tag", "x", Limits(rpm=1)), global_parallel=9)
    kinds = [limit.kind for limit in found(one, None, end_user="e", tags=("x",))]
    assert kinds == ["global", "end_user"]
    assert [limit.parallel for limit in found(one, key())] == [9]


def test_a_shared_budget_fills_in_what_is_not_said() -> None:
    one = tree(holder("budget", "b", Limits(rpm=1, tpm=2, model_rpm={"gpt": 7})))
    plain, by_model = found(one, key(Limits(tpm=50), budget_id="b"))
    assert (plain.rpm, plain.tpm) == (1, 50)
    assert by_model.rpm == 7


def test_a_model_has_limits_of_its_own_whoever_calls_it() -> None:
    one = LimitTree({}, LimitRules(PARTITIONS, models={"gpt": Limits(rpm=9, tpd=5)}))
    for caller in (key(Limits()), None):
        (limit,) = found(one, caller)
        assert (limit.account, limit.kind, limit.holder, limit.rpm, limit.tpd) == ("model:gpt", "model", "gpt", 9, 5)
        assert limit.spans_tenants
        assert limit.home == subjects.partition_of("model:gpt", PARTITIONS)


def test_a_change_is_seen_by_the_next_request() -> None:
    entries = holders(holder("team", "t", Limits(rpm=1)))
    one = LimitTree(entries, LimitRules(PARTITIONS))
    of = key(team_id="t")
    assert [limit.rpm for limit in found(one, of)] == [1]
    entries.update(holders(holder("team", "t", Limits(rpm=2))))
    one.changed()
    assert [limit.rpm for limit in found(one, of)] == [2]
    assert found(one, key(Limits(rpm=8)))[0].rpm == 8
