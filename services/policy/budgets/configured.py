"""The budgets that stand in the configuration: the whole gateway's, the providers', and every end user's. Pure."""

from services.policy.budgets.tree import TreeRules
from shared.config import Config
from shared.holders import Window
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
    )
