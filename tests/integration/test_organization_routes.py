"""The /organization routes, in LiteLLM's shapes, with a real control plane and NATS behind them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus import Bus
from shared.identity.holders import Limits, Window, account_of
from shared.identity.keys import token_of
from tests.admin_gateway import AdminGateway, admin_gateway
from tests.recorded_litellm import assert_refused

USD = 10**12


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus) as gateway:
        yield gateway


async def test_an_organisation_is_made_told_and_listed(gateway: AdminGateway) -> None:
    row = await gateway.done(
        "/organization/new",
        organization_alias="Research",
        max_budget=100,
        budget_duration="30d",
        models=["gpt-4"],
        tpm_limit=9,
    )
    organization_id = row["organization_id"]
    assert (row["organization_alias"], row["models"], row["spend"]) == ("Research", ["gpt-4"], 0)
    table = row["litellm_budget_table"]
    assert (table["max_budget"], table["tpm_limit"], table["budget_id"]) == (100, 9, row["budget_id"])
    entry = gateway.holder("organization", organization_id)
    assert entry is not None
    assert (entry.budgets[0].limit_pico, entry.limits, entry.tenant) == (100 * USD, Limits(tpm=9), organization_id)
    gateway.spend(account_of("organization", organization_id), 3 * USD)
    told = (await gateway.get("/organization/info", organization_id=organization_id)).json()
    assert told["spend"] == 3
    assert told.keys() >= {"members", "teams", "users", "created_by", "updated_by", "metadata", "object_permission"}
    assert [one["organization_id"] for one in (await gateway.get("/organization/list")).json()] == [organization_id]
    assert (await gateway.get("/organization/list", org_alias="other")).json() == []
    assert len((await gateway.get("/organization/list", org_alias="RESEARCH")).json()) == 1


async def test_teams_and_keys_of_an_organisation_are_counted_where_it_is(gateway: AdminGateway) -> None:
    await gateway.done("/organization/new", organization_id="o")
    team = await gateway.done("/team/new", team_id="t", organization_id="o")
    assert team["organization_id"] == "o"
    of_team = gateway.keys.entries[token_of((await gateway.done("/key/generate", team_id="t"))["key"])]
    own = gateway.keys.entries[token_of((await gateway.done("/key/generate", organization_id="o"))["key"])]
    loose = gateway.keys.entries[token_of((await gateway.done("/key/generate", team_id="unknown"))["key"])]
    assert (of_team.organization_id, of_team.tenant, own.tenant) == ("o", "o", "o")
    assert (loose.organization_id, loose.tenant) == (None, "unknown")
    entry = gateway.holder("team", "t")
    assert entry is not None
    assert (entry.tenant, entry.organization_id) == ("o", "o")
    told = (await gateway.get("/organization/info", organization_id="o")).json()
    assert [one["team_id"] for one in told["teams"]] == ["t"]


async def test_keys_follow_their_team_into_another_organisation(gateway: AdminGateway) -> None:
    for organization_id in ("o", "p"):
        await gateway.done("/organization/new", organization_id=organization_id)
    await gateway.done("/team/new", team_id="t")
    token = (await gateway.done("/key/generate", team_id="t"))["token"]
    for organization_id in ("o", "p", None):
        await gateway.done("/team/update", team_id="t", organization_id=organization_id)
        await gateway.keys.wait_until(
            lambda wanted=organization_id: gateway.keys.entries[token].organization_id == wanted,
            2,  # type: ignore[misc]
        )
        assert gateway.keys.entries[token].organization_id == organization_id
        assert gateway.keys.entries[token].tenant == "t"


async def test_updates_blocks_and_shared_budgets(gateway: AdminGateway) -> None:
    await gateway.done("/organization/new", organization_id="o", max_budget=1)
    changed = await gateway.call(
        "PATCH", "/organization/update", json={"organization_id": "o", "organization_alias": "A", "max_budget": None}
    )
    assert (changed.status_code, changed.json()["organization_alias"]) == (200, "A")
    assert changed.json()["litellm_budget_table"] is None
    assert (await gateway.done("/organization/block", organization_id="o"))["blocked"] is True
    entry = gateway.holder("organization", "o")
    assert entry is not None
    assert (entry.blocked, entry.budgets) == (True, ())
    assert "blocked" not in await gateway.done("/organization/unblock", organization_id="o")
    await gateway.done("/budget/new", budget_id="b", max_budget=7)
    shared = await gateway.done("/organization/new", organization_id="p", budget_id="b")
    assert shared["litellm_budget_table"]["max_budget"] == 7


async def test_an_amount_that_cannot_be_meant_is_refused_by_its_own_name(gateway: AdminGateway) -> None:
    await gateway.done("/organization/new", organization_id="o")
    await gateway.done("/team/new", team_id="t")
    in_team = {"team_id": "t", "member": {"role": "user", "user_id": "a"}, "max_budget_in_team": -1}
    refused = await gateway.post("/team/member_add", in_team)
    assert_refused(refused, 400, "bad_request_error", "max_budget_in_team", "non-negative finite number")
    member = {"role": "internal_user", "user_id": "a"}
    in_organization = {"organization_id": "o", "member": member, "max_budget_in_organization": -0.5}
    refused = await gateway.post("/organization/member_add", in_organization)
    assert_refused(refused, 400, "bad_request_error", "max_budget_in_organization", "Received: -0.5")


async def test_members_come_and_go(gateway: AdminGateway) -> None:
    await gateway.done("/organization/new", organization_id="o")
    added = await gateway.done(
        "/organization/member_add",
        organization_id="o",
        member=[{"role": "internal_user", "user_id": "a"}, {"role": "org_admin", "user_email": "b@example.com"}],
        max_budget_in_organization=5,
    )
    assert [row["user_role"] for row in added["updated_organization_memberships"]] == ["internal_user", "org_admin"]
    assert added["updated_organization_memberships"][0]["litellm_budget_table"]["max_budget"] == 5
    assert added["updated_users"][1]["user_email"] == "b@example.com"
    again = await gateway.post(
        "/organization/member_add", {"organization_id": "o", "member": {"role": "org_admin", "user_id": "a"}}
    )
    assert_refused(again, 400, "bad_request", "member", "already a member")
    changed = await gateway.call(
        "PATCH", "/organization/member_update", json={"organization_id": "o", "user_id": "a", "role": "org_admin"}
    )
    assert (changed.status_code, changed.json()["user_role"]) == (200, "org_admin")
    gone = await gateway.call(
        "DELETE", "/organization/member_delete", json={"organization_id": "o", "user_email": "b@example.com"}
    )
    assert gone.status_code == 200
    told = (await gateway.get("/organization/info", organization_id="o")).json()
    assert [member["user_id"] for member in told["members"]] == ["a"]
    user = await gateway.done("/user/new", user_id="c", organizations=["o"])
    assert user["teams"] is None
    told = (await gateway.get("/organization/info", organization_id="o", sender=user["key"])).json()
    assert [member["user_id"] for member in told["members"]] == ["a", "c"]
    await gateway.done("/user/delete", user_ids=["a"])
    told = (await gateway.get("/organization/info", organization_id="o")).json()
    assert [member["user_id"] for member in told["members"]] == ["c"]


async def test_a_deleted_organisation_takes_its_teams_keys_and_members_along(gateway: AdminGateway) -> None:
    await gateway.done("/organization/new", organization_id="o")
    await gateway.done("/team/new", team_id="t", organization_id="o")
    await gateway.done(
        "/organization/member_add", organization_id="o", member={"role": "internal_user", "user_id": "a"}
    )
    keys = [
        (await gateway.done("/key/generate", **fields))["key"]
        for fields in ({"team_id": "t"}, {"organization_id": "o"})
    ]
    gone = await gateway.call("DELETE", "/organization/delete", json={"organization_ids": ["o"]})
    assert [one["organization_id"] for one in gone.json()] == ["o"]
    assert gateway.holder("organization", "o") is gateway.holder("team", "t") is None
    for key in keys:
        assert (await gateway.get("/key/info", key=key)).status_code == 404
    assert all(entry.organization_id != "o" for entry in gateway.holders.entries.values())
    again = await gateway.call("DELETE", "/organization/delete", json={"organization_ids": ["o"]})
    assert_refused(again, 404, "not_found_error", "organization_ids", "Organization not found")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "param", "words"),
    [
        ("POST", "/organization/new", {"max_budget": -1}, 400, "max_budget", "non-negative"),
        ("POST", "/organization/new", {"budget_id": "no"}, 404, "budget_id", "Budget not found"),
        ("POST", "/organization/new", {"organization_id": "there"}, 400, "organization_id", "already exists"),
        ("PATCH", "/organization/update", {"organization_id": "no"}, 404, "organization_id", "Organization not found"),
        ("POST", "/organization/block", {"organization_id": "no"}, 404, "organization_id", "Organization not found"),
        ("POST", "/organization/member_add", {"organization_id": "no", "member": {"role": "org_admin", "user_id": "a"}},
         404, "organization_id", "Organization not found"),
        ("PATCH", "/organization/member_update", {"organization_id": "there", "user_id": "x"}, 404, "user_id",
         "Member not found"),
        ("PATCH", "/organization/member_update", {"organization_id": "there"}, 400, "user_id", "Either user_id"),
        ("DELETE", "/organization/member_delete", {"organization_id": "there", "user_id": "x"}, 404, "user_id",
         "Member not found"),
        ("POST", "/user/new", {"organizations": ["no"]}, 404, "organizations", "Organization not found"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_by_name(
    gateway: AdminGateway, method: str, path: str, body: Any, status: int, param: str, words: str
) -> None:
    await gateway.done("/organization/new", organization_id="there")
    answer = await gateway.call(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert words in answer.json()["error"]["message"]


async def test_a_body_of_the_wrong_shape_is_a_422_and_a_key_may_not_manage(gateway: AdminGateway) -> None:
    member = {"role": "king", "user_id": "a"}
    assert (
        await gateway.post("/organization/member_add", {"organization_id": "o", "member": member})
    ).status_code == 422
    assert (await gateway.post("/organization/new", {"models": "all"})).status_code == 422
    await gateway.done("/organization/new", organization_id="o", max_budget=1)
    assert (gateway.holder("organization", "o") or pytest.fail("it is not there")).budgets == (Window(USD),)
    key = (await gateway.done("/key/generate"))["key"]
    assert (await gateway.post("/organization/new", {}, sender=key)).status_code == 401
    assert (await gateway.get("/organization/list", sender=key)).status_code == 401
    answer = await gateway.get("/organization/info", sender=key, organization_id="o")
    assert_refused(answer, 403, "auth_error", "None", "not allowed to access this organization's info")
