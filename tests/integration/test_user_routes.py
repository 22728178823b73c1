"""The /user routes as LiteLLM's clients call them, with a real control plane and NATS behind them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus import Bus
from shared.config import Config, load_config
from shared.identity.holders import Limits, Window, account_of, member_id
from shared.identity.keys import token_of
from tests.admin_gateway import AdminGateway, admin_gateway
from tests.recorded_litellm import RECORDED, assert_as_recorded, assert_refused

USD = 10**12
USER = "u-c88532"


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus) as gateway:
        yield gateway


async def as_recorded(gateway: AdminGateway, name: str) -> Any:
    return await gateway.post(RECORDED[name]["path"], RECORDED[name]["request"])


async def test_a_user_with_its_first_key_answers_as_recorded(gateway: AdminGateway) -> None:
    answer = await as_recorded(gateway, "user.new")
    assert_as_recorded("user.new", answer)
    row, recorded = answer.json(), RECORDED["user.new"]["body"]
    own = {"key", "key_name", "token_id", "created_at", "updated_at"}
    assert {name: row[name] for name in recorded.keys() - own} == {
        name: recorded[name] for name in recorded.keys() - own
    }
    user, key = gateway.holder("user", USER), gateway.keys.entries[token_of(row["key"])]
    assert user is not None
    assert (user.budgets[0].limit_pico, user.budgets[0].duration, user.models) == (
        10 * USD,
        "1d",
        ("fake-openai-endpoint",),
    )
    assert (key.user_id, key.budgets, key.models) == (USER, (), ("fake-openai-endpoint",))


@pytest.mark.parametrize("name", ["nokey", "tiny"])
async def test_other_ways_to_make_a_user_answer_as_recorded(gateway: AdminGateway, name: str) -> None:
    assert_as_recorded(f"user.new.{name}", await as_recorded(gateway, f"user.new.{name}"))


async def test_an_id_and_an_e_mail_address_are_given_once(gateway: AdminGateway) -> None:
    await as_recorded(gateway, "user.new")
    again = await as_recorded(gateway, "user.new.dup")
    assert_refused(again, 409, "internal_server_error", None, f"User with id {USER} already exists")
    mail = await gateway.post("/user/new", {"user_email": "UC88532@x.com"})
    assert_refused(mail, 409, "internal_server_error", None, "User with email UC88532@x.com already exists")
    role = await as_recorded(gateway, "user.new.badrole")
    recorded = RECORDED["user.new.badrole"]
    assert role.status_code == recorded["status"]
    assert [{**fault, "msg": ""} for fault in role.json()["detail"]] == [
        {**fault, "msg": ""} for fault in recorded["body"]["detail"]
    ]


async def test_a_user_is_told_to_its_admin_and_to_itself_as_recorded(gateway: AdminGateway) -> None:
    key = (await as_recorded(gateway, "user.new")).json()["key"]
    created_by_is_known = {f"keys.0.{name}": "str" for name in ("created_by", "updated_by", "key_type")}
    by_admin = await gateway.get("/user/info", user_id=USER)
    assert_as_recorded("user.info", by_admin, but=created_by_is_known)
    assert_as_recorded("user.info.self", await gateway.get("/user/info", sender=key), but=created_by_is_known)
    assert_as_recorded("user.info.v2", await gateway.get("/v2/user/info", user_id=USER))
    other = await gateway.get("/user/info", sender=key, user_id="u2-c88532")
    assert (other.status_code, other.json()) == (403, RECORDED["user.info.other"]["body"])
    missing = await gateway.get("/user/info", user_id="nope")
    assert (missing.status_code, missing.json()) == (404, RECORDED["user.info.notfound"]["body"])
    of_nobody = (await gateway.done("/key/generate"))["key"]
    assert_refused(
        await gateway.get("/user/info", sender=of_nobody), 400, "invalid_request_error", "user_id", "belongs to no user"
    )
    everything = (await gateway.get("/user/info")).json()
    assert (everything["user_id"], everything["user_info"], len(everything["keys"])) == (None, None, 2)


async def test_what_a_user_spends_is_shown_with_its_keys_and_teams(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="t", team_alias="Search")
    await gateway.done("/user/new", user_id="u", teams=["t"], auto_create_key=False, max_budget=9)
    key = await gateway.done("/key/generate", user_id="u", team_id="t")
    gateway.spend(account_of("user", "u"), 5 * USD)
    gateway.spend(key["token"], 2 * USD)
    told = (await gateway.get("/user/info", user_id="u")).json()
    assert (told["user_info"]["spend"], told["user_info"]["teams"]) == (5, ["t"])
    assert [(row["spend"], row["team_alias"]) for row in told["keys"]] == [(2, "Search")]
    assert [team["team_id"] for team in told["teams"]] == ["t"]


async def test_a_new_user_begins_in_its_teams_all_or_none(gateway: AdminGateway) -> None:
    await gateway.done("/team/new", team_id="a")
    await gateway.done("/team/new", team_id="b")
    row = await gateway.done(
        "/user/new", user_id="u", teams=["a", {"team_id": "b", "max_budget_in_team": 3, "user_role": "admin"}]
    )
    assert row["teams"] == ["a", "b"]
    member = gateway.holder("member", member_id("b", "u"))
    assert member is not None
    assert (member.budgets, member.extra["role"]) == ((Window(3 * USD),), "admin")
    refused = await gateway.post("/user/new", {"user_id": "v", "teams": ["a", "nowhere"]})
    assert_refused(refused, 404, "not_found_error", "teams", "Team not found")
    assert gateway.holder("user", "v") is gateway.holder("member", member_id("a", "v")) is None


async def test_a_user_whose_first_key_cannot_be_made_is_not_made(gateway: AdminGateway) -> None:
    await gateway.done("/key/generate", key_alias="taken")
    refused = await gateway.post("/user/new", {"user_id": "u", "key_alias": "taken"})
    assert_refused(refused, 400, "bad_request_error", "key_alias", "already exists")
    assert (await gateway.get("/user/info", user_id="u")).status_code == 404
    assert (await gateway.done("/user/new", user_id="u"))["user_id"] == "u"


async def test_updates_change_what_is_given_and_make_who_is_not_there(gateway: AdminGateway) -> None:
    await as_recorded(gateway, "user.new")
    assert_as_recorded("user.update", await as_recorded(gateway, "user.update"))
    user = gateway.holder("user", USER)
    assert user is not None
    assert (user.budgets[0].limit_pico, user.extra["user_email"]) == (20 * USD, "uc88532@x.com")
    by_mail = await gateway.done("/user/update", user_email="uc88532@x.com", rpm_limit=3, max_budget=None)
    assert by_mail["user_id"] == USER
    user = gateway.holder("user", USER)
    assert user is not None
    assert (user.budgets, user.limits) == ((), Limits(rpm=3))
    await gateway.done("/user/update", user_id="new", max_budget=1)
    assert gateway.holder("user", "new") is not None


async def test_several_users_are_changed_each_by_itself(gateway: AdminGateway) -> None:
    await gateway.done("/user/new", user_id="a")
    told = await gateway.done(
        "/user/bulk_update", users=[{"user_id": "a", "max_budget": 2}, {"user_id": "a", "max_budget": -1}]
    )
    assert (told["total_requested"], told["successful_updates"], told["failed_updates"]) == (2, 1, 1)
    assert told["results"][0]["updated_user"]["max_budget"] == 2
    assert "non-negative" in told["results"][1]["error"]
    assert (await gateway.post("/user/bulk_update", {"users": []})).status_code == 400


async def test_lists_of_users_answer_as_recorded_filtered_and_in_pages(gateway: AdminGateway) -> None:
    await as_recorded(gateway, "user.new")
    await as_recorded(gateway, "user.new.nokey")
    await as_recorded(gateway, "user.update")
    answer = await gateway.get("/user/list", page_size=2)
    assert_as_recorded("user.list", answer)
    recorded = RECORDED["user.list"]["body"]
    for name in ("user_id", "key_count", "max_budget"):
        assert [user[name] for user in answer.json()["users"]] == [user[name] for user in recorded["users"]]
    await gateway.done("/team/new", team_id="t", members_with_roles=[{"role": "user", "user_id": USER}])
    for query, expected in (
        ({"team": "t"}, [USER]),
        ({"role": "internal_user"}, [USER]),
        ({"user_email": "UC88"}, [USER]),
        ({"user_ids": "u2-c88532,nobody"}, ["u2-c88532"]),
        ({"page": 2, "page_size": 1, "sort_order": "asc"}, ["u2-c88532"]),
    ):
        listed = (await gateway.get("/user/list", **query)).json()
        assert [user["user_id"] for user in listed["users"]] == expected, query
    assert (await gateway.get("/user/list", page_size=1000)).status_code == 422


async def test_a_deleted_user_takes_its_keys_and_memberships_along(gateway: AdminGateway) -> None:
    key = (await as_recorded(gateway, "user.new")).json()["key"]
    await gateway.done("/user/new", user_id="u2-c88532")
    await gateway.done("/team/new", team_id="t", members_with_roles=[{"role": "user", "user_id": USER}])
    answer = await as_recorded(gateway, "user.delete")
    assert (answer.status_code, answer.json()) == (200, 2)
    assert gateway.holder("user", USER) is gateway.holder("member", member_id("t", USER)) is None
    assert (await gateway.get("/key/info", key=key)).status_code == 404
    again = await as_recorded(gateway, "user.delete")
    assert_refused(again, 404, "not_found_error", "user_ids", f"User not found, passed user_id={USER}")


async def test_a_user_is_blocked_and_unblocked(gateway: AdminGateway) -> None:
    await gateway.done("/user/new", user_id="u")
    assert (await gateway.done("/user/block", user_id="u"))["blocked"] is True
    user = gateway.holder("user", "u")
    assert user is not None
    assert user.blocked
    assert "blocked" not in await gateway.done("/user/unblock", user_id="u")
    assert_refused(await gateway.post("/user/block", {"user_id": "no"}), 404, "not_found_error", "user_id", "not found")


async def test_defaults_of_the_configuration_fill_what_an_internal_user_leaves_out(bus: Bus) -> None:
    config = load_config(None, {})
    defaults = {"max_budget": 2, "budget_duration": "30d", "models": ["m"]}
    settings = config.litellm_settings.model_copy(update={"default_internal_user_params": defaults})
    async with admin_gateway(bus, Config(**{**dict(config), "litellm_settings": settings})) as gateway:
        row = await gateway.done("/user/new", user_role="internal_user", max_budget=1)
        assert (row["max_budget"], row["budget_duration"], row["models"]) == (1, "30d", ["m"])
        assert (await gateway.done("/user/new"))["max_budget"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "words"),
    [
        ("/user/new", {"max_budget": -1}, 400, "max_budget", "non-negative"),
        ("/user/new", {"budget_duration": "x"}, 400, "budget_duration", "'x'"),
        ("/user/new", {"rpm_limit": -1}, 400, "rpm_limit", "negative"),
        ("/user/new", {"budget_id": "no"}, 404, "budget_id", "Budget not found"),
        ("/user/update", {"user_id": "u", "budget_id": "no"}, 404, "budget_id", "Budget not found"),
        ("/user/new", {"duration": "x"}, 400, "duration", "Unsupported duration"),
        ("/user/update", {"user_email": "nobody@example.com"}, 404, "user_email", "not found"),
        ("/user/update", {"user_id": "u", "max_budget": -1}, 400, "max_budget", "non-negative"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    gateway: AdminGateway, path: str, body: Any, status: int, param: str, words: str
) -> None:
    answer = await gateway.post(path, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert words in answer.json()["error"]["message"]


async def test_a_key_may_make_and_list_no_users(gateway: AdminGateway) -> None:
    key = (await gateway.done("/user/new"))["key"]
    assert (await gateway.post("/user/new", {}, sender=key)).status_code == 401
    assert (await gateway.get("/user/list", sender=key)).status_code == 401
    roles = await gateway.get("/user/available_roles", sender=key)
    assert_as_recorded("user.available_roles", roles)
