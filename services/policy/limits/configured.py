"""The limits that stand in the configuration: the whole gateway's, and each model's. Pure."""

from services.policy.limits.tree import LimitRules
from shared.config import Config
from shared.identity.holders import Limits


def limit_rules_of(config: Config) -> LimitRules:
    general = config.general_settings
    own = general.meterhouse
    return LimitRules(
        own.partitions,
        general.global_max_parallel_requests,
        general.token_rate_limit_type,
        own.unbounded_output_tokens,
        {
            model: Limits(limits.rpm_limit, limits.tpm_limit, limits.tpd_limit, limits.max_parallel_requests)
            for model, limits in own.model_limits.items()
        },
    )
