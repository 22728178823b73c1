"""`router_settings`: which deployment serves a request, and what happens when it fails."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from shared.config.sections.section import NO_EFFECT, Section
from shared.config.sections.values import Count, Duration, Names, Number, Seconds, Usd, listed

RoutingStrategy = Literal[
    "ordered",
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "cost-based-routing",
]
"""`ordered` is ours; LiteLLM's other strategies are accepted and behave as `simple-shuffle`."""

Targets = Annotated[tuple[str | dict[str, Any], ...], BeforeValidator(listed)]
"""Model names to try in turn; a mapping also overrides parameters of the call."""

Fallbacks = tuple[dict[str, Targets], ...]
"""LiteLLM's form: `[{"a": ["b", "c"]}]`; "*" stands for any model."""


class ModelAlias(Section):
    model: str = Field(description="The model name that is meant.")
    hidden: bool = Field(False, description="Leave the alias out of /v1/models.")


def _alias(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class ProviderBudget(Section):
    budget_limit: Usd = Field(description="USD a window.")
    time_period: Duration = Field("1d", description="The window, such as 1d or 30d.")


class RouterSettings(Section):
    routing_strategy: RoutingStrategy = Field(
        "ordered",
        description="`ordered`: deployments of one name are tried in the order of the file. `simple-shuffle`: calls "
        "are balanced by `weight`, else `rpm`, else `tpm`, else evenly; so they are without a strategy where a "
        "deployment of the name has one of the three. The others balance as `simple-shuffle`.",
    )
    num_retries: Count = Field(2, description="Retries of a failed call before the fallbacks are tried.")
    retry_after: Number = Field(0, ge=0, description="Least seconds before a retry.")
    timeout: Seconds = Field(600, description="Seconds one attempt may take.")
    stream_timeout: Seconds | None = Field(None, description="The same for streamed answers; else `timeout`.")
    allowed_fails: Count = Field(3, description="Failures in a minute after which a deployment cools down.")
    cooldown_time: Seconds = Field(5, description="Seconds a deployment that failed is left alone.")
    fallbacks: Fallbacks = Field((), description="Models to try when one fails: `[{a: [b, c]}]`.")
    default_fallbacks: Names = Field((), description="Models to try when one without fallbacks fails.")
    context_window_fallbacks: Fallbacks = Field((), description="Models to try when a prompt is too long for one.")
    model_group_alias: dict[str, Annotated[ModelAlias, BeforeValidator(_alias)]] = Field(
        default_factory=dict, description="Other names of models: `alias: name` or `alias: {model, hidden}`."
    )
    content_policy_fallbacks: Fallbacks = Field(
        (), description="Models to try when a provider refuses what a request says."
    )
    max_fallbacks: Count = Field(5, json_schema_extra=NO_EFFECT, description="Most fallbacks tried for one request.")
    disable_cooldowns: bool = Field(False, json_schema_extra=NO_EFFECT, description="Never cool a deployment down.")
    enable_pre_call_checks: bool = Field(
        False, json_schema_extra=NO_EFFECT, description="Skip deployments whose context window is too small."
    )
    enable_tag_filtering: bool = Field(False, json_schema_extra=NO_EFFECT, description="Route by tags.")
    tag_filtering_match_any: bool = Field(
        True, json_schema_extra=NO_EFFECT, description="One matching tag is enough; else all must match."
    )
    retry_policy: dict[str, Count] = Field(
        default_factory=dict, json_schema_extra=NO_EFFECT, description="Retries by kind of failure."
    )
    model_group_retry_policy: dict[str, dict[str, Count]] = Field(
        default_factory=dict, json_schema_extra=NO_EFFECT, description="Retries by model and kind of failure."
    )
    allowed_fails_policy: dict[str, Count] = Field(
        default_factory=dict, json_schema_extra=NO_EFFECT, description="Failures before a cooldown, by kind."
    )
    provider_budget_config: dict[str, ProviderBudget] = Field(
        default_factory=dict, description="USD each provider may be paid in a window; one without money is skipped."
    )
    default_litellm_params: dict[str, Any] = Field(
        default_factory=dict, json_schema_extra=NO_EFFECT, description="Parameters added to every call."
    )
    routing_strategy_args: dict[str, Any] = Field(
        default_factory=dict, json_schema_extra=NO_EFFECT, description="Arguments of the strategy."
    )
