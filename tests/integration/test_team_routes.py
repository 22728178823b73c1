"""The /team routes as LiteLLM's clients call them, with a real control plane and NATS behind them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.bus import Bus
from shared.config import Config, load_config
from shared.identity.holders import Limits, Window, account_of, member_id
from tests.admin_gateway import AdminGateway, admin_gateway
from tests.recorded_litellm import RECORDED, assert_as_recorded, assert_refused

USD = 10**12
USER = "u-c88532"


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus) as gateway:
        yield gateway


async def team_as_recorded(gateway: AdminGateway) -> Any:
    """The team that the recorded calls are about; its user is not known before."""
    return (await gateway.post("/team/new", RECORDED["team.new"]["request"])).json()


async def test_a_team_answers_as_recorded_and_stands_in_the_bucket(gateway: AdminGateway) -> None:
    answer = await gateway.post("/team/new", RECORDED["team.new"]["request"])
    assert_as_recorded("team.new", answer, but={"members_with_roles.0.user_email": "NoneType"})
    row, recorded = answer.json(), RECORDED["team.new"]["body"]
    own = {"team_id", "created_at", "updated_at", "members_with_roles", "budget_reset_at"}
    assert {name: row[name] for name in recorded.keys() - own} == {
        name: recorded[name] for name in recorded.keys() - own
    }
    assert row["members_with_roles"] == [
        {"user_id": USER, "user_email": None, "role": "user"},
        {"user_id": "default_user_id", "user_email": None, "role": "admin"},
    ]
    entry = gateway.holder("team", row["team_id"])
    assert entry is not None
    assert (entry.alias, entry.models, entry.metadata, entry.tenant) == (
        "t-c88532",
        ("fake-openai-endpoint", "gpt-4"),
        {"a": 1},
        row["team_id"],
    )
    assert entry.budgets == (Window(10 * USD, "30d", entry.budgets[0].anchor),)
    assert entry.budgets[0].anchor == pytest.approx(entry.created_at, abs=1e-3)
    assert entry.limits == Limits(rpm=1000, tpm=1_000_000)
    member = gateway.holder("member", member_id(row["team_id"], USER))
    assert member is not None
    assert (member.team_id, member.user_id, member.tenant, member.extra["role"]) == (
        row["team_id"],
        USER,
        row["team_id"],
        "user",
    )


async def test_a_smallest_team_answers_as_recorded(gateway: AdminGateway) -> None:
    answer = await gateway.post("/team/new", RECORDED["team.new.tiny"]["request"])
    assert_as_recorded("team.new.tiny", answer)
    assert answer.json()["max_budget"] == 1e-07


async def test_a_team_id_is_given_once_whoever_asks_at_the_same_time(gateway: AdminGateway) -> None:
    answers = await asyncio.gather(*(gateway.post("/team/new", {"team_id": "one"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
    refused = next(answer for answer in answers if answer.status_code == 400).json()["error"]
    recorded = RECORDED["team.new.dup"]["body"]["error"]
    assert (refused["type"], refused["param"], refused["code"]) == (
        recorded["type"],
        recorded["param"],
        recorded["code"],
    )
    assert refused["message"] == "Team id = one already exists. Please use a different team id."


async def test_a_team_tells_its_keys_members_and_what_they_have_spent(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    team_id = row["team_id"]
    assert_as_recorded(
        "team.info",
        await gateway.get("/team/info", team_id=team_id),
        but={"team_info.members_with_roles.0.user_email": "NoneType"},
    )
    made = await gateway.done("/key/generate", team_id=team_id)
    gateway.spend(account_of("team", team_id), 1_500_000, window_start=1.0, window_end=2e9)
    gateway.spend(account_of("member", member_id(team_id, USER)), 7)
    gateway.spend(made["token"], 11)
    answer = await gateway.get("/team/info", team_id=team_id)
    assert '"spend":0.0000015' in answer.text
    told = answer.json()
    assert told["keys"][0]["token"] == made["token"]
    assert told["keys"][0]["spend"] == 11e-12
    assert told["team_memberships"][0]["spend"] == told["team_memberships"][0]["total_spend"] == 7e-12
    assert told["team_info"]["budget_reset_at"] == datetime.fromtimestamp(2e9, UTC).isoformat().replace("+00:00", "Z")


async def test_lists_of_teams_answer_as_recorded_filtered_and_in_pages(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    but = {"0.members_with_roles.0.user_email": "NoneType"}
    assert_as_recorded("team.list", await gateway.get("/team/list"), but=but)
    but = {"teams.0.members_with_roles.0.user_email": "NoneType"}
    assert_as_recorded("team.list.v2", await gateway.get("/v2/team/list", page_size=1), but=but)
    for number in range(3):
        await gateway.done("/team/new", team_id=f"team-{number}", team_alias=f"Alpha {number}")
    page = (await gateway.get("/v2/team/list", page_size=2, page=2, team_alias="alpha")).json()
    assert [team["team_id"] for team in page["teams"]] == ["team-2"]
    assert (page["total"], page["total_pages"]) == (3, 2)
    mine = (await gateway.get("/team/list", user_id=USER)).json()
    assert [team["team_id"] for team in mine] == [row["team_id"]]
    assert (await gateway.get("/v2/team/list", page=0)).status_code == 422


async def test_updates_change_what_is_given_and_null_clears(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    body = {**RECORDED["team.update"]["request"], "team_id": row["team_id"]}
    answer = await gateway.post("/team/update", body)
    assert_as_recorded("team.update", answer, but={"data.members_with_roles.0.user_email": "NoneType"})
    assert answer.json()["data"]["team_alias"] == "t2-c88532"
    assert answer.json()["data"]["max_budget"] == 10
    cleared = await gateway.done(
        "/team/update", team_id=row["team_id"], max_budget=None, budget_duration=None, tpm_limit=None, models=[]
    )
    assert cleared["data"]["max_budget"] is cleared["data"]["tpm_limit"] is None
    entry = gateway.holder("team", row["team_id"])
    assert entry is not None
    assert (entry.budgets, entry.models, entry.limits) == ((), (), Limits(rpm=1000))


async def test_models_of_a_team_are_added_and_taken_away(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    but = {"members_with_roles.0.user_email": "NoneType"}
    for name in ("team.model_add", "team.model_delete"):
        body = {**RECORDED[name]["request"], "team_id": row["team_id"]}
        answer = await gateway.post(RECORDED[name]["path"], body)
        assert_as_recorded(name, answer, but=but)
        assert sorted(answer.json()["models"]) == sorted(RECORDED[name]["body"]["models"])


async def test_blocking_and_unblocking_a_team_answer_as_recorded(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    but = {"members_with_roles.0.user_email": "NoneType"}
    for name, blocked in (("team.block", True), ("team.unblock", False)):
        answer = await gateway.post(RECORDED[name]["path"], {"team_id": row["team_id"]})
        assert_as_recorded(name, answer, but=but)
        entry = gateway.holder("team", row["team_id"])
        assert entry is not None
        assert entry.blocked is answer.json()["blocked"] is blocked


async def test_a_deleted_team_takes_its_keys_and_members_along(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    team_id = row["team_id"]
    key = await gateway.done("/key/generate", team_id=team_id)
    answer = await gateway.post("/team/delete", {"team_ids": [team_id]})
    assert answer.json() == {"deleted_teams": [team_id]}
    assert gateway.holder("team", team_id) is gateway.holder("member", member_id(team_id, USER)) is None
    assert (await gateway.get("/key/info", key=key["key"])).status_code == 404
    again = await gateway.post("/team/delete", {"team_ids": [team_id]})
    recorded = RECORDED["team.delete.again"]
    assert (again.status_code, again.json()) == (
        recorded["status"],
        {"detail": {"error": f"Team not found, passed team_id={team_id}"}},
    )
    assert (await gateway.post("/team/block", {"team_id": team_id})).status_code == 404
    anew = await gateway.done("/team/new", team_id=team_id, max_budget=3)
    assert (anew["max_budget"], anew["models"], len(anew["members_with_roles"])) == (3, [], 1)
    entry = gateway.holder("team", team_id)
    assert entry is not None
    assert entry.version > 2


async def test_members_come_and_go_as_recorded(gateway: AdminGateway) -> None:
    row = await team_as_recorded(gateway)
    team_id = row["team_id"]
    body = {**RECORDED["team.member_add"]["request"], "team_id": team_id}
    added = await gateway.post("/team/member_add", body)
    but = {"members_with_roles.0.user_email": "NoneType"}
    assert_as_recorded("team.member_add", added, but=but)
    member = gateway.holder("member", member_id(team_id, "u2-c88532"))
    assert member is not None
    assert member.budgets == (Window(3 * USD),)
    again = await gateway.post("/team/member_add", {**body, "max_budget_in_team": None})
    assert_refused(
        again, 400, "team_member_already_in_team", "member", "User already in team. Member: user_id=u2-c88532"
    )
    changed = await gateway.post(
        "/team/member_update", {**RECORDED["team.member_update"]["request"], "team_id": team_id, "rpm_limit": 5}
    )
    assert changed.json() == {**RECORDED["team.member_update"]["body"], "team_id": team_id, "rpm_limit": 5}
    member = gateway.holder("member", member_id(team_id, "u2-c88532"))
    assert member is not None
    assert (member.budgets, member.limits, member.extra["role"]) == ((Window(4 * USD),), Limits(rpm=5), "user")
    key = await gateway.done("/key/generate", team_id=team_id, user_id="u2-c88532")
    gone = await gateway.post("/team/member_delete", {"team_id": team_id, "user_id": "u2-c88532"})
    assert_as_recorded("team.member_delete", gone, but={"members_with_roles.0.user_email": "NoneType"})
    assert (await gateway.get("/key/info", key=key["key"])).status_code == 404
    missing = await gateway.post("/team/member_delete", {"team_id": team_id, "user_id": "zzz"})
    assert (missing.status_code, missing.json()) == (400, RECORDED["team.member_delete.missing"]["body"])


async def test_a_member_may_be_named_by_e_mail_and_several_are_added_or_none(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="t")
    mail = {"role": "user", "user_email": "a@example.com"}
    added = await gateway.done("/team/member_add", team_id="t", member=mail)
    user_id = added["updated_users"][0]["user_id"]
    assert added["updated_users"][0]["user_email"] == "a@example.com"
    await gateway.done("/team/new", team_id="other")
    same = await gateway.done("/team/member_add", team_id="other", member=mail)
    assert same["updated_users"][0]["user_id"] == user_id
    members = [{"role": "user", "user_id": "new"}, {"role": "user", "user_id": user_id}]
    refused = await gateway.post("/team/member_add", {"team_id": "t", "member": members})
    assert refused.status_code == 400
    assert gateway.holder("user", "new") is None
    changed = await gateway.done("/team/member_update", team_id="t", user_email="a@example.com", role="admin")
    assert changed["user_id"] == user_id


async def test_members_without_terms_of_their_own_have_those_of_the_team(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="t", team_member_budget=5, team_member_rpm_limit=2)
    await gateway.done("/team/member_add", team_id="t", member={"role": "user", "user_id": "a"})
    member = gateway.holder("member", member_id("t", "a"))
    assert member is not None
    shared = gateway.holder("budget", member.budget_id or "")
    assert shared is not None
    assert (shared.budgets, shared.limits, member.budgets) == ((Window(5 * USD),), Limits(rpm=2), ())
    told = (await gateway.get("/team/info", team_id="t")).json()
    assert told["team_info"]["team_member_budget_table"]["max_budget"] == 5
    source = {one["user_id"]: one["budget_source"] for one in told["team_memberships"]}
    assert source["a"] == "team_default"
    await gateway.done("/team/update", team_id="t", team_member_budget=7)
    shared = gateway.holder("budget", member.budget_id or "")
    assert shared is not None
    assert (shared.budgets, shared.limits) == ((Window(7 * USD),), Limits(rpm=2))


async def test_defaults_of_the_configuration_fill_what_a_new_team_leaves_out(bus: Bus) -> None:
    config = load_config(None, {})
    defaults = {"max_budget": 2, "models": ["m"], "rpm_limit": 9}
    settings = config.litellm_settings.model_copy(update={"default_team_params": defaults})
    async with admin_gateway(bus, Config(**{**dict(config), "litellm_settings": settings})) as gateway:
        row = await gateway.done("/team/new", rpm_limit=1)
        assert (row["max_budget"], row["models"], row["rpm_limit"]) == (2, ["m"], 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "error_type", "param", "words"),
    [
        ("/team/new", {"max_budget": -1}, 400, "bad_request_error", "max_budget", "non-negative"),
        ("/team/new", {"budget_duration": "5x"}, 400, "bad_request_error", "budget_duration", "'5x'"),
        ("/team/new", {"team_member_budget_duration": "5x"}, 400, "bad_request_error", "team_member_budget_duration",
         "'5x'"),
        ("/team/new", {"rpm_limit": -1}, 400, "bad_request_error", "rpm_limit", "not be negative"),
        ("/team/new", {"model_max_budget": {"m": "x"}}, 400, "bad_request_error", "model_max_budget", "non-negative"),
        ("/team/new", {"organization_id": "no"}, 404, "not_found_error", "organization_id", "Organization not found"),
        ("/team/new", {"budget_limits": [{"budget_duration": "x", "max_budget": 1}]}, 400, "bad_request_error",
         "budget_limits", "'x'"),
        ("/team/update", {"team_id": "nope"}, 404, "auth_error", "team_id", "Team not found, passed team id: nope."),
        ("/team/update", {"team_id": "t", "max_budget": -1}, 400, "bad_request_error", "max_budget", "non-negative"),
        ("/team/block", {"team_id": "nope"}, 404, "auth_error", "team_id", "Team not found"),
        ("/team/model/add", {"team_id": "nope", "models": []}, 404, "auth_error", "team_id", "Team not found"),
        ("/team/member_add", {"team_id": "nope", "member": {"role": "user", "user_id": "a"}}, 404, "auth_error",
         "team_id", "Team not found"),
        ("/team/member_add", {"team_id": "t", "member": {"role": "user", "user_id": "b"}, "max_budget_in_team": -1},
         400, "bad_request_error", "max_budget_in_team", "non-negative"),
        ("/team/member_update", {"team_id": "t"}, 400, "invalid_request_error", "user_id", "Either user_id"),
        ("/team/member_update", {"team_id": "t", "user_id": "x"}, 400, "invalid_request_error", "user_id",
         "User not found in team"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_by_name(
    gateway: AdminGateway, path: str, body: Any, status: int, error_type: str, param: str, words: str
) -> None:
    await gateway.done("/team/new", team_id="t")
    assert_refused(await gateway.post(path, body), status, error_type, param, words)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/team/new", {"models": "gpt-4"}),
        ("/team/new", {"members_with_roles": [{"role": "king", "user_id": "a"}]}),
        ("/team/new", {"members_with_roles": [{"role": "user"}]}),
        ("/team/new", []),
        ("/team/update", {"team_alias": "a"}),
        ("/team/delete", {"team_ids": "a"}),
        ("/team/block", {}),
        ("/team/member_add", {"team_id": "t"}),
        ("/team/member_update", {"team_id": "t", "user_id": "a", "role": "king"}),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_422_with_its_place(gateway: AdminGateway, path: str, body: Any) -> None:
    answer = await gateway.post(path, body)
    assert answer.status_code == 422
    assert all(fault.keys() == {"type", "loc", "msg"} for fault in answer.json()["detail"])


async def test_a_team_that_is_not_there_is_told_as_recorded(gateway: AdminGateway) -> None:
    answer = await gateway.get("/team/info", team_id="nope")
    recorded = RECORDED["team.info.notfound"]
    assert answer.status_code == recorded["status"]
    error = answer.json()["error"]
    assert {**error, "message": ""} == {**recorded["body"]["error"], "message": "", "param": "team_id"}
    assert error["message"] == "Team not found, passed team id: nope."


async def test_a_key_may_read_its_own_team_alone_and_change_none(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="mine", members_with_roles=[{"role": "user", "user_id": "me"}])
    await gateway.done("/team/new", team_id="theirs")
    of_team = (await gateway.done("/key/generate", team_id="mine"))["key"]
    of_member = (await gateway.done("/key/generate", user_id="me"))["key"]
    for sender in (of_team, of_member):
        assert (await gateway.get("/team/info", sender=sender, team_id="mine")).status_code == 200
        other = await gateway.get("/team/info", sender=sender, team_id="theirs")
        assert_refused(other, 403, "auth_error", "None", "key not allowed to access this team's info")
    answer = await gateway.post("/team/new", {}, sender=of_team)
    recorded = RECORDED["mgmt.nonadmin.team"]
    assert answer.status_code == recorded["status"]
    assert answer.json()["error"]["type"] == recorded["body"]["error"]["type"]
    assert "Only proxy admin can be used" in answer.json()["error"]["message"]
    assert (await gateway.get("/team/list", sender=of_team)).status_code == 401


async def test_permissions_and_joinable_teams_answer_as_recorded(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="t")
    assert_as_recorded("team.permissions_list", await gateway.get("/team/permissions_list", team_id="t"))
    assert_as_recorded("team.available", await gateway.get("/team/available"))
