"""`litellm_settings`: how calls behave, whatever their deployment."""

from typing import Any

from pydantic import Field

from shared.config.sections.router_settings import Fallbacks
from shared.config.sections.section import Section
from shared.config.sections.values import Count, Duration, Names, Number, Seconds, Share, Timezone, Usd


class Margin(Section):
    """What is added to a provider's costs."""

    percentage: Number = Field(0.0, ge=0, description="Share of the cost that is added.")
    fixed_amount: Usd = Field(0.0, description="USD that are added to each request.")


class LiteLLMSettings(Section):
    """What `router_settings` has under the same name wins over what stands here."""

    drop_params: bool = Field(False, description="Drop parameters the provider does not know instead of refusing them.")
    num_retries: Count | None = Field(None, description="As `router_settings.num_retries`.")
    request_timeout: Seconds | None = Field(None, description="As `router_settings.timeout`.")
    fallbacks: Fallbacks = Field((), description="As `router_settings.fallbacks`.")
    default_fallbacks: Names = Field((), description="As `router_settings.default_fallbacks`.")
    context_window_fallbacks: Fallbacks = Field((), description="As `router_settings.context_window_fallbacks`.")
    content_policy_fallbacks: Fallbacks = Field((), description="As `router_settings.content_policy_fallbacks`.")
    set_verbose: bool = Field(False, description="Log at debug level.")
    json_logs: bool = Field(False, description="Log one JSON object a line.")
    callbacks: Names = Field((), description="Where calls are reported; `prometheus` is always on, at /metrics.")
    budget_exceeded_status_code: int = Field(
        422, ge=400, le=599, description="Status that answers a request over budget; older LiteLLM used 400 and 429."
    )
    default_key_generate_params: dict[str, Any] = Field(
        default_factory=dict, description="Fields of /key/generate, for callers who leave them out."
    )
    upperbound_key_generate_params: dict[str, Any] = Field(
        default_factory=dict, description="Most that /key/generate gives: max_budget, duration, tpm_limit, ..."
    )
    default_team_params: dict[str, Any] = Field(
        default_factory=dict, description="Fields of /team/new, for callers who leave them out."
    )
    default_internal_user_params: dict[str, Any] = Field(
        default_factory=dict, description="Fields of /user/new for users whose `user_role` is `internal_user`."
    )
    cost_discount_config: dict[str, Share] = Field(
        default_factory=dict,
        description="Share of the cost that is taken off, by provider: `openai: 0.05` counts 95 % of OpenAI's prices.",
    )
    cost_margin_config: dict[str, Margin | Number] = Field(
        default_factory=dict,
        description="Share added after that, by provider or `global`: `0.1`, or `percentage` and `fixed_amount`.",
    )
    include_cost_in_streaming_usage: bool = Field(
        False, description="Tell the cost in the usage of every stream that tells its client the usage."
    )
    max_budget: Usd | None = Field(None, description="USD the whole gateway may spend.")
    budget_duration: Duration | None = Field(
        None, description="Window of that budget, such as 30d; without one it never resets."
    )
    timezone: Timezone = Field("UTC", description="Where days and months of budgets begin, such as US/Eastern.")
    max_end_user_budget: Usd | None = Field(
        None, description="USD each end user may spend who has no budget of its own."
    )
