"""GET /provider/budgets as LiteLLM's clients call it."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.bus import Bus
from shared.config import Config, parse_config
from tests.admin_gateway import admin_gateway
from tests.recorded_litellm import assert_refused


def config_of(**general: object) -> Config:
    budgets = {
        "openai": {"budget_limit": 12.5, "time_period": "1d"},
        "azure": {"budget_limit": 0, "time_period": "30d"},
    }
    settings = {"router_settings": {"provider_budget_config": budgets}, "general_settings": {"meterhouse": general}}
    return parse_config(settings, {})


async def test_each_provider_with_a_budget_is_told_in_litellms_shape(bus: Bus) -> None:
    async with admin_gateway(bus, config_of()) as gateway:
        gateway.spend("provider:openai", 3_250_000_000_001)
        answer = await gateway.get("/provider/budgets")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    providers = answer.json()["providers"]
    assert (answer.status_code, list(providers)) == (200, ["openai", "azure"])
    assert providers["openai"] == {
        "budget_limit": 12.5,
        "time_period": "1d",
        "spend": 3.250000000001,
        "budget_reset_at": midnight.isoformat(),
    }
    assert '"spend":3.250000000001' in answer.text
    assert (providers["azure"]["budget_limit"], providers["azure"]["spend"]) == (0.0, 0.0)
    assert datetime.fromisoformat(providers["azure"]["budget_reset_at"]).day == 1


async def test_a_soft_budget_is_told_beside_a_hard_one_and_alone(bus: Bus) -> None:
    soft = {"openai": {"soft_budget": 10}, "anthropic": {"soft_budget": 5, "time_period": "7d"}}
    async with admin_gateway(bus, config_of(provider_soft_budgets=soft)) as gateway:
        providers = (await gateway.get("/provider/budgets")).json()["providers"]
    assert (providers["openai"]["soft_budget"], providers["openai"]["budget_limit"]) == (10.0, 12.5)
    assert (providers["anthropic"]["soft_budget"], providers["anthropic"]["budget_limit"]) == (5.0, None)
    assert providers["anthropic"]["time_period"] == "7d"
    assert "soft_budget" not in providers["azure"]


async def test_without_budgets_there_are_none_and_keys_may_not_ask(bus: Bus) -> None:
    async with admin_gateway(bus) as gateway:
        assert (await gateway.get("/provider/budgets")).json() == {"providers": {}}
        key = await gateway.done("/key/generate")
        assert_refused(
            await gateway.get("/provider/budgets", sender=key["key"]), 401, "auth_error", "None", "Only proxy admin"
        )


async def test_what_nobody_can_say_is_null_and_not_nothing(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.policy.control.figures.TIMEOUT_S", 0.05)
    async with admin_gateway(bus, config_of()) as gateway:
        gateway.silent = True
        openai = (await gateway.get("/provider/budgets")).json()["providers"]["openai"]
    assert (openai["spend"], openai["spend_unavailable"]) == (None, True)
