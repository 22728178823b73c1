"""Budgets that stand in the configuration, as admission keeps them."""

from pathlib import Path

import pytest

from services.policy.budgets.configured import tree_rules_of
from services.policy.budgets.tree import TreeRules
from shared.config import ConfigError, load_config
from shared.identity.holders import Window

USD = 10**12
SETTINGS = """
litellm_settings: {max_budget: 100.5, budget_duration: 30d, max_end_user_budget: 0.25}
router_settings:
  provider_budget_config:
    openai: {budget_limit: 12, time_period: 7d}
    azure: {budget_limit: 0}
general_settings:
  apply_user_budget_to_team_keys: true
  meterhouse: {partitions: 4}
"""


def test_a_configuration_without_budgets_has_none(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model_list: []")
    assert tree_rules_of(load_config(path, {})) == TreeRules(8)


def test_days_begin_in_the_time_zone_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("litellm_settings: {timezone: US/Eastern}")
    assert tree_rules_of(load_config(path, {})).timezone == "US/Eastern"
    path.write_text("litellm_settings: {timezone: Mars/Olympus}")
    with pytest.raises(ConfigError, match=r"litellm_settings\.timezone must name a time zone by region and city"):
        load_config(path, {})


def test_each_budget_of_the_configuration_is_a_window(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SETTINGS)
    assert tree_rules_of(load_config(path, {})) == TreeRules(
        4,
        global_budget=Window(100 * USD + USD // 2, "30d"),
        providers={"openai": Window(12 * USD, "7d"), "azure": Window(0, "1d")},
        end_user_budget=Window(USD // 4),
        user_budget_on_team_keys=True,
    )
