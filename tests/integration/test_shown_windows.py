"""How a budget's windows begin is shown by every call that shows the budget, where somebody has said it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.bus import Bus
from shared.config import parse_config
from tests.admin_gateway import AdminGateway, admin_gateway

OURS = {"budget_timezone": "Europe/Berlin", "budget_rolling": True}
BUDGET = {"max_budget": 1, "budget_duration": "1d"}


@pytest.fixture
async def gateway(bus: Bus) -> AsyncIterator[AdminGateway]:
    async with admin_gateway(bus, parse_config({"litellm_settings": {"timezone": "Asia/Tokyo"}}, {})) as gateway:
        yield gateway


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in OURS if name in row}


async def rows(gateway: AdminGateway, fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Every row that shows a key's, a team's or another holder's budget with `fields`."""
    team_id, user_id = f"team-{name}", f"user-{name}"
    key = await gateway.done("/key/generate", **fields)
    team = await gateway.done("/team/new", team_id=team_id, **fields)
    user = await gateway.done("/user/new", user_id=user_id, auto_create_key=False, **fields)
    info = (await gateway.get("/key/info", key=key["key"])).json()["info"]
    listed = (await gateway.get("/key/list", return_full_object=True, size=100)).json()["keys"]
    team_info = (await gateway.get("/team/info", team_id=team_id)).json()["team_info"]
    teams = (await gateway.get("/team/list")).json()
    user_info = (await gateway.get("/user/info", user_id=user_id)).json()["user_info"]
    flat = (await gateway.get("/v2/user/info", user_id=user_id)).json()
    organization = await gateway.done("/organization/new", organization_alias=name, **fields)
    budget = await gateway.done("/budget/new", budget_id=f"budget-{name}", **fields)
    customer = await gateway.done("/customer/new", user_id=f"customer-{name}", **fields)
    tag = (await gateway.done("/tag/new", name=f"tag-{name}", **fields))["tag"]
    found = [key, info, *(row for row in listed if row["token"] == key["token"]), team, team_info]
    found += [row for row in teams if row["team_id"] == team_id]
    found += [user, user_info, flat, organization["litellm_budget_table"], budget]
    return [*found, customer["litellm_budget_table"], tag["litellm_budget_table"]]


async def test_a_time_zone_and_rolling_windows_are_shown_where_they_are_set(gateway: AdminGateway) -> None:
    found = await rows(gateway, {**BUDGET, **OURS}, "said")
    assert [shown(row) for row in found] == [OURS] * 13


async def test_rows_without_them_have_litellms_fields_alone(gateway: AdminGateway) -> None:
    found = await rows(gateway, BUDGET, "unsaid")
    assert [shown(row) for row in found] == [{}] * 13


async def test_budgets_begin_anew_at_midnight_in_the_time_zone_of_the_configuration(gateway: AdminGateway) -> None:
    key = await gateway.done("/key/generate", **BUDGET)
    team = await gateway.done("/team/new", **BUDGET)
    here = await gateway.done("/team/new", **BUDGET, budget_timezone="UTC")
    info = (await gateway.get("/key/info", key=key["key"])).json()["info"]
    tokyo = [datetime.fromisoformat(row["budget_reset_at"]).astimezone(ZoneInfo("Asia/Tokyo")) for row in (info, team)]
    assert [(reset.hour, reset.minute) for reset in tokyo] == [(0, 0)] * 2
    utc = datetime.fromisoformat(here["budget_reset_at"]).astimezone(UTC)
    assert (utc.hour, utc.minute) == (0, 0)
