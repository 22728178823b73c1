"""The budgets that stand in the configuration: the whole gateway's, the providers', and every end user's. Pure."""

from services.policy.budgets.tree import TreeRules
from shared.config import Config
from shared.identity.holders import GLOBAL_ACCOUNT, Window, account_of
from shared.money import usd_to_pico


def tree_rules_of(config: Config) -> TreeRules:
    litellm, general = config.litellm_settings, config.general_settings
    whole = litellm.max_budget
    end_user = litellm.max_end_user_budget
    return TreeRules(
        partitions=general.meterhouse.partitions,
        global_budget=Window(usd_to_pico(whole), litellm.budget_duration or "") if whole is not None else None,
        providers={
            provider: Window(usd_to_pico(budget.budget_limit), budget.time_period)
            for provider, budget in config.router_settings.provider_budget_config.items()
        },
        end_user_budget=Window(usd_to_pico(end_user)) if end_user is not None else None,
        user_budget_on_team_keys=general.apply_user_budget_to_team_keys,
        timezone=litellm.timezone,
        soft=_soft_budgets(config),
    )


def _soft_budgets(config: Config) -> dict[str, Window]:
    """Return the soft budgets of the whole gateway and of providers, by account, each with the window it counts in."""
    own = config.general_settings.meterhouse
    found: dict[str, Window] = {}
    if own.global_soft_budget is not None:
        duration = config.litellm_settings.budget_duration or ""
        found[GLOBAL_ACCOUNT] = Window(usd_to_pico(own.global_soft_budget), duration)
    for provider, budget in own.provider_soft_budgets.items():
        hard = config.router_settings.provider_budget_config.get(provider)
        duration = hard.time_period if hard is not None else budget.time_period
        found[account_of("provider", provider)] = Window(usd_to_pico(budget.soft_budget), duration)
    return found
