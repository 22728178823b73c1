"""What team, member, user, organisation and customer allow: the table that edge and policy both decide by."""

from typing import Any

import pytest

from shared.identity.holder_access import HolderAccess
from shared.identity.holders import Holder, HolderKind, entry_name, home_of, member_id
from shared.identity.keys import Key


def holder(kind: HolderKind, holder_id: str, **fields: Any) -> Holder:
    tenant = home_of(kind, holder_id)
    return Holder(kind=kind, id=holder_id, version=1, tenant=tenant, created_at=0.0, updated_at=0.0, **fields)


def access(*holders: Holder, **groups: frozenset[str]) -> HolderAccess:
    return HolderAccess({entry_name(one.kind, one.id): one for one in holders}, groups)


def key(**fields: Any) -> Key:
    return Key(token="t", version=1, tenant="t", key_name="sk-...abcd", created_at=0.0, updated_at=0.0, **fields)


def refused_type(found: HolderAccess, of: Key | None, model: str, end_user: str = "") -> str | None:
    refusal = found.model_refusal(of, end_user, model, model)
    if refusal is None:
        return None
    assert (refusal.status, refusal.param) == (403, "model")
    assert refusal.message == (
        f"The requested model '{model}' is not available for this API key, or the model name is invalid. "
        "Check the models available to you and try again."
    )
    return refusal.type


@pytest.mark.parametrize(
    ("kind", "of", "words"),
    [
        ("team", {"team_id": "x"}, "Authentication Error, Team=x is blocked. Update via `/team/unblock`"),
        ("user", {"user_id": "x"}, "Authentication Error, User=x is blocked. Update via `/user/unblock`"),
        ("user", {"user_id": "x", "team_id": "other"}, "User=x is blocked"),
        ("organization", {"organization_id": "x"}, "Organization=x is blocked. Update via `/organization/unblock`"),
    ],
)
def test_whoever_belongs_to_somebody_blocked_is_refused(kind: HolderKind, of: dict[str, str], words: str) -> None:
    refusal = access(holder(kind, "x", blocked=True)).refusal(key(**of), "")
    assert refusal is not None
    assert (refusal.status, refusal.type) == (401, "auth_error")
    assert words in refusal.message
    assert access(holder(kind, "x")).refusal(key(**of), "") is None
    assert access(holder(kind, "x", blocked=True)).refusal(key(), "") is None
    assert access(holder(kind, "x", blocked=True)).refusal(None, "") is None


def test_a_blocked_customer_is_refused_whosever_key_asks() -> None:
    found = access(holder("end_user", "c", blocked=True))
    for of in (key(), None):
        refusal = found.refusal(of, "c")
        assert refusal is not None
        assert (refusal.status, refusal.type) == (400, "invalid_request_error")
        assert refusal.message == "User blocked from making LLM API Calls. User=c"
        assert found.refusal(of, "d") is None


def test_a_request_with_a_blocked_tag_is_refused_but_for_the_master_key() -> None:
    found = access(holder("tag", "batch", blocked=True), holder("tag", "free"))
    refusal = found.refusal(key(), "", ("free", "batch"))
    assert refusal is not None
    assert (refusal.status, refusal.type) == (401, "auth_error")
    assert "Tag=batch is blocked. Update via `/tag/unblock`" in refusal.message
    assert found.refusal(key(), "", ("free", "unknown")) is None
    assert found.refusal(None, "", ("batch",)) is None


def test_a_team_of_a_blocked_organisation_is_refused_with_it() -> None:
    found = access(holder("organization", "o", blocked=True), holder("team", "t", organization_id="o"))
    assert found.refusal(key(team_id="t"), "") is not None


@pytest.mark.parametrize(
    ("of", "model", "expected"),
    [
        ({"models": ("a",)}, "b", "key_model_access_denied"),
        ({"team_id": "t"}, "a", None),
        ({"team_id": "t"}, "z", "team_model_access_denied"),
        ({"team_id": "t", "models": ("all-team-models",)}, "a", None),
        ({"team_id": "t", "models": ("all-team-models",)}, "z", "team_model_access_denied"),
        ({"team_id": "t", "models": ("z",)}, "z", "team_model_access_denied"),
        ({"team_id": "t", "models": ("all-proxy-models",)}, "z", "team_model_access_denied"),
        ({"team_id": "t", "models": ("no-default-models",)}, "a", "key_model_access_denied"),
        ({"team_id": "t", "user_id": "m"}, "a", None),
        ({"team_id": "t", "user_id": "m"}, "b", "team_member_model_access_denied"),
        ({"team_id": "t", "user_id": "d"}, "b", None),
        ({"team_id": "t", "user_id": "d"}, "a", "team_member_model_access_denied"),
        ({"user_id": "u"}, "u-model", None),
        ({"user_id": "u"}, "a", "user_model_access_denied"),
        ({"user_id": "u", "team_id": "t"}, "a", None),
        ({"user_id": "nothing"}, "a", "user_model_access_denied"),
        ({"organization_id": "o"}, "beta-model", None),
        ({"organization_id": "o"}, "a", "org_model_access_denied"),
        ({"team_id": "in-o"}, "a", "org_model_access_denied"),
        ({"team_id": "unknown", "user_id": "unknown", "organization_id": "unknown"}, "a", None),
        ({}, "anything", None),
    ],
)
def test_every_level_must_allow_a_model(of: dict[str, Any], model: str, expected: str | None) -> None:
    found = access(
        holder("team", "t", models=("a", "b", "c"), extra={"default_team_member_models": ["b"]}),
        holder("team", "in-o", organization_id="o"),
        holder("member", member_id("t", "m"), models=("a",)),
        holder("member", member_id("t", "u"), models=("a",)),
        holder("member", member_id("t", "d")),
        holder("user", "u", models=("u-model",)),
        holder("user", "nothing", models=("no-default-models",)),
        holder("organization", "o", models=("beta",)),
        beta=frozenset({"beta-model"}),
    )
    assert refused_type(found, key(**of), model) == expected
    assert found.allows(key(**of), model) is (expected is None)


def test_a_member_has_the_models_of_its_shared_budget_where_it_has_none_of_its_own() -> None:
    found = access(
        holder("team", "t"),
        holder("member", member_id("t", "m"), budget_id="b"),
        holder("budget", "b", models=("a",)),
    )
    assert refused_type(found, key(team_id="t", user_id="m"), "z") == "team_member_model_access_denied"
    assert refused_type(found, key(team_id="t", user_id="m"), "a") is None


def test_a_customers_models_bind_every_key_and_the_master() -> None:
    found = access(holder("end_user", "c", models=("a",)))
    for of in (key(), key(models=("b",)), None):
        assert refused_type(found, of, "b", "c") == "customer_model_access_denied"
        assert refused_type(found, of, "b", "d") is None
    assert refused_type(found, key(), "a", "c") is None


def test_a_team_gives_its_keys_aliases_tags_and_guardrails() -> None:
    found = access(
        holder(
            "team",
            "t",
            tags=("team-tag",),
            metadata={"guardrails": ["words"]},
            extra={"model_aliases": {"fast": "theirs", "slow": "x"}},
        )
    )
    mine = key(team_id="t", aliases={"fast": "mine"}, tags=("own",), guardrails=("numbers",))
    assert found.aliases_of(mine) == {"fast": "mine", "slow": "x"}
    assert found.tags_of(mine) == ("own", "team-tag")
    assert found.guardrails_of(mine) == ("numbers", "words")
    plain = key(aliases={"a": "b"}, tags=("own",))
    assert (found.aliases_of(plain), found.tags_of(plain), found.guardrails_of(plain)) == ({"a": "b"}, ("own",), ())
    assert (found.aliases_of(None), found.tags_of(None), found.guardrails_of(None)) == ({}, (), ())


def test_what_is_known_of_a_key_is_found_anew_when_it_or_a_holder_has_changed() -> None:
    holders = {entry_name("team", "t"): holder("team", "t", models=("a",))}
    found = HolderAccess(holders, {})
    mine = key(team_id="t")
    assert refused_type(found, mine, "b") == "team_model_access_denied"
    holders[entry_name("team", "t")] = holder("team", "t", models=("b",), tags=("new",), blocked=True)
    found.changed()
    assert refused_type(found, mine, "b") is None
    assert found.tags_of(mine) == ("new",)
    assert found.refusal(mine, "") is not None
    assert found.refusal(key(team_id=None), "") is None
    assert refused_type(found, key(team_id=None, models=("c",)), "b") == "key_model_access_denied"
