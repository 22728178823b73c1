"""The /budget, /customer and /tag routes as LiteLLM's clients call them, with a real control plane behind them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus import Bus
from shared.identity.holders import Limits, Window, account_of
from tests.admin_gateway import AdminGateway, admin_gateway
from tests.recorded_litellm import RECORDED, assert_as_recorded, assert_refused

USD = 10**12


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus) as gateway:
        yield gateway


async def called(gateway: AdminGateway, name: str) -> Any:
    recorded = RECORDED[name]
    if recorded["method"] == "GET":
        return await gateway.get(recorded["path"], **(recorded["request"] or {}))
    return await gateway.post(recorded["path"], recorded["request"])


async def test_shared_budgets_answer_as_recorded(gateway: AdminGateway) -> None:
    for name in ("new", "info", "update", "settings"):
        answer = await called(gateway, f"budget.{name}")
        assert_as_recorded(f"budget.{name}", answer)
    values = {field["field_name"]: field["field_value"] for field in answer.json()}
    assert values == {field["field_name"]: field["field_value"] for field in RECORDED["budget.settings"]["body"]}
    listed = (await called(gateway, "budget.list")).json()
    assert listed[0].keys() == RECORDED["budget.list"]["body"][0].keys()
    entry = gateway.holder("budget", "b-c88532")
    assert entry is not None
    assert (entry.budgets[0].limit_pico, entry.budgets[0].duration, entry.limits) == (11 * USD, "1d", Limits(rpm=5))
    assert_as_recorded("budget.delete", await called(gateway, "budget.delete"))
    assert gateway.holder("budget", "b-c88532") is None
    assert (await called(gateway, "budget.info")).json() == []


async def test_a_tag_and_a_shared_budget_are_blocked_and_unblocked(gateway: AdminGateway) -> None:
    await gateway.done("/tag/new", name="batch")
    assert (await gateway.done("/tag/block", name="batch"))["blocked"] is True
    entry = gateway.holder("tag", "batch")
    assert entry is not None
    assert entry.blocked
    assert "blocked" not in await gateway.done("/tag/unblock", name="batch")
    missing = await gateway.post("/tag/block", {"name": "nobody"})
    assert_refused(missing, 404, "not_found_error", "name", "Tag not found: nobody")
    await gateway.done("/budget/new", budget_id="small", max_budget=1)
    assert (await gateway.done("/budget/block", id="small"))["blocked"] is True
    assert "blocked" not in await gateway.done("/budget/unblock", id="small")
    missing = await gateway.post("/budget/unblock", {"id": "nobody"})
    assert_refused(missing, 404, "not_found_error", "id", "Budget not found: nobody")


async def test_a_shared_budget_and_a_member_have_several_windows(gateway: AdminGateway) -> None:
    limits = [{"budget_duration": "1h", "max_budget": 2.0}, {"budget_duration": "1d", "max_budget": 9.0}]
    budget = await gateway.done("/budget/new", budget_id="several", budget_limits=limits)
    assert [limit["budget_duration"] for limit in budget["budget_limits"]] == ["1h", "1d"]
    shared = gateway.holder("budget", "several")
    assert shared is not None
    assert [(window.limit_pico, window.duration, window.listed) for window in shared.budgets] == [
        (2 * USD, "1h", True),
        (9 * USD, "1d", True),
    ]
    await gateway.done("/team/new", team_id="t")
    added = await gateway.done(
        "/team/member_add", team_id="t", member={"role": "user", "user_id": "ann"}, budget_limits=limits
    )
    [member] = added["updated_team_memberships"]
    assert [limit["max_budget"] for limit in member["budget_limits"]] == [2.0, 9.0]
    assert set(member["budget_limits_usage"]) == {"1h", "1d"}


async def test_a_budget_without_an_id_gets_one(gateway: AdminGateway) -> None:
    row = await gateway.done("/budget/new", max_budget=1, allowed_models=["m"])
    entry = gateway.holder("budget", row["budget_id"])
    assert entry is not None
    assert (entry.models, row["allowed_models"]) == (("m",), ["m"])


async def test_customers_answer_as_recorded_under_both_names(gateway: AdminGateway) -> None:
    for name in ("new", "info", "list", "update"):
        assert_as_recorded(f"customer.{name}", await called(gateway, f"customer.{name}"))
    entry = gateway.holder("end_user", "c-c88532")
    assert entry is not None
    assert (entry.alias, entry.budgets, entry.tenant) == ("B", (Window(100_000),), "end_user:c-c88532")
    gateway.spend(account_of("end_user", "c-c88532"), 39_999_999)
    assert '"spend":0.000039999999' in (await gateway.get("/end_user/info", end_user_id="c-c88532")).text
    gone = await called(gateway, "customer.delete")
    assert (gone.status_code, gone.json()) == (200, RECORDED["customer.delete"]["body"])
    assert gateway.holder("end_user", "c-c88532") is None
    missing = await gateway.get("/customer/info", end_user_id="c-c88532")
    assert_refused(missing, 404, "not_found_error", "end_user_id", "End User Id=c-c88532 does not exist in db")


async def test_customers_are_blocked_and_unblocked_known_or_not(gateway: AdminGateway) -> None:
    await gateway.done("/customer/new", user_id="known", max_budget=1)
    blocked = await gateway.done("/customer/block", user_ids=["known", "stranger"])
    assert [(row["user_id"], row["blocked"]) for row in blocked["blocked_users"]] == [
        ("known", True),
        ("stranger", True),
    ]
    for customer in ("known", "stranger"):
        entry = gateway.holder("end_user", customer)
        assert entry is not None
        assert entry.blocked
    unblocked = await gateway.done("/customer/unblock", user_ids=["known"])
    assert [row["blocked"] for row in unblocked["unblocked_users"]] == [False]
    entry = gateway.holder("end_user", "known")
    assert entry is not None
    assert (entry.blocked, entry.budgets) == (False, (Window(USD),))


async def test_a_customer_of_a_shared_budget_shows_its_terms(gateway: AdminGateway) -> None:
    await gateway.done("/budget/new", budget_id="free-tier", max_budget=2, budget_duration="1d", rpm_limit=3)
    row = await gateway.done("/customer/new", user_id="c", budget_id="free-tier")
    assert row["budget_id"] == row["litellm_budget_table"]["budget_id"] == "free-tier"
    assert (row["litellm_budget_table"]["max_budget"], row["litellm_budget_table"]["rpm_limit"]) == (2, 3)
    entry = gateway.holder("end_user", "c")
    assert entry is not None
    assert (entry.budget_id, entry.budgets) == ("free-tier", ())


async def test_tags_answer_as_recorded_and_have_budgets(gateway: AdminGateway) -> None:
    for name in ("new", "info"):
        assert_as_recorded(f"tag.{name}", await called(gateway, f"tag.{name}"))
    listed = (await called(gateway, "tag.list")).json()
    assert listed[0].keys() == RECORDED["tag.list"]["body"][0].keys()
    changed = await gateway.done(
        "/tag/update",
        name="tag-c88532",
        max_budget=5,
        budget_limits=[{"budget_duration": "1h", "max_budget": 1}],
        model_max_budget={"m": {"budget_limit": 2}},
    )
    assert changed["message"] == "Tag tag-c88532 updated successfully"
    hour = Window(USD, "1h", listed=True)
    gateway.spend(account_of("tag", "tag-c88532", hour), 250 * 10**9, window_end=4e9)
    gateway.spend(account_of("tag", "tag-c88532", Window(2 * USD, model="m")), 10**11)
    tag = (await called(gateway, "tag.info")).json()["tag-c88532"]
    assert (tag["description"], tag["litellm_budget_table"]["max_budget"]) == ("d", 5)
    assert tag["budget_limits_usage"] == {"1h": {"current_spend": 0.25}}
    assert tag["budget_limits"] == [{"budget_duration": "1h", "max_budget": 1, "reset_at": "2096-10-02T07:06:40Z"}]
    assert tag["model_max_budget_usage"]["m"]["current_spend"] == 0.1
    assert (await called(gateway, "tag.delete")).json() == RECORDED["tag.delete"]["body"]
    assert gateway.holder("tag", "tag-c88532") is None


async def test_a_name_is_given_once_whoever_asks_at_the_same_time(gateway: AdminGateway) -> None:
    for path, body in (
        ("/budget/new", {"budget_id": "x"}),
        ("/customer/new", {"user_id": "x"}),
        ("/tag/new", {"name": "x"}),
    ):
        answers = await asyncio.gather(*(gateway.post(path, body) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
        error = next(answer for answer in answers if answer.status_code == 400).json()["error"]
        assert (error["type"], error["param"]) == ("bad_request", next(iter(body)))
        assert "already exists" in error["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "error_type", "param", "words"),
    [
        ("/budget/new", {"max_budget": -1}, 400, "bad_request_error", "max_budget", "non-negative"),
        ("/budget/new", {"budget_duration": "x"}, 400, "bad_request_error", "budget_duration", "'x'"),
        ("/budget/new", {"budget_id": "a" * 2001}, 400, "bad_request_error", "budget_id", "1 to 2000 characters"),
        ("/budget/update", {"budget_id": "no"}, 404, "not_found_error", "budget_id", "Budget not found: no"),
        ("/budget/delete", {"id": "no"}, 404, "not_found_error", "id", "Budget not found: no"),
        ("/customer/new", {"user_id": "c", "budget_id": "no"}, 404, "not_found_error", "budget_id", "Budget not found"),
        ("/customer/new", {"user_id": "c", "rpm_limit": -1}, 400, "bad_request_error", "rpm_limit", "negative"),
        ("/customer/update", {"user_id": "no"}, 404, "not_found_error", "user_id", "Customer not found: no"),
        ("/customer/delete", {"user_ids": ["no"]}, 404, "not_found_error", "user_ids", "Customer not found: no"),
        ("/tag/new", {"name": "t", "max_budget": -1}, 400, "bad_request_error", "max_budget", "non-negative"),
        ("/tag/update", {"name": "no"}, 404, "not_found_error", "name", "Tag not found: no"),
        ("/tag/delete", {"name": "no"}, 404, "not_found_error", "name", "Tag not found: no"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    gateway: AdminGateway, path: str, body: Any, status: int, error_type: str, param: str, words: str
) -> None:
    assert_refused(await gateway.post(path, body), status, error_type, param, words)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/budget/new", {"max_budget": "much"}),
        ("/budget/info", {"budgets": "b"}),
        ("/customer/new", {}),
        ("/customer/new", {"user_id": "", "alias": "a"}),
        ("/customer/new", {"user_id": "c", "allowed_model_region": "moon"}),
        ("/customer/block", {}),
        ("/tag/new", {"description": "d"}),
        ("/tag/info", {"names": "t"}),
    ],
)
async def test_a_body_of_the_wrong_shape_is_a_422_with_its_place(gateway: AdminGateway, path: str, body: Any) -> None:
    answer = await gateway.post(path, body)
    assert answer.status_code == 422
    assert all(fault.keys() == {"type", "loc", "msg"} for fault in answer.json()["detail"])


async def test_only_an_administrator_may_see_or_change_them(gateway: AdminGateway) -> None:
    key = (await gateway.done("/key/generate"))["key"]
    for path in ("/budget/list", "/customer/list", "/tag/list"):
        assert (await gateway.get(path, sender=key)).status_code == 401
    for path, body in (("/budget/new", {}), ("/customer/new", {"user_id": "c"}), ("/tag/new", {"name": "t"})):
        answer = await gateway.post(path, body, sender=key)
        assert answer.status_code == 401
        assert "Only proxy admin can be used" in answer.json()["error"]["message"]
