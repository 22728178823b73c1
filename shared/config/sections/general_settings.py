"""`general_settings`: the gateway itself, and Meterhouse's own block in it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from shared.config.sections.section import Section
from shared.config.sections.values import Count, Duration, Names, Number, Percent, Seconds, Text, Usd
from shared.interrupted import CAP_S, Mode


class SoftBudget(Section):
    soft_budget: Usd = Field(description="USD a window past which somebody is told; nobody is refused.")
    time_period: Duration = Field("1d", description="The window; where the provider has a budget, that one's counts.")


class ModelLimits(Section):
    """What all keys together may use of a model. 0 allows nothing."""

    rpm_limit: Count | None = Field(None, description="Requests a minute.")
    tpm_limit: Count | None = Field(None, description="Tokens a minute.")
    tpd_limit: Count | None = Field(None, description="Tokens a day.")
    max_parallel_requests: Count | None = Field(None, description="Requests at a time.")


class HeaderRole(Section):
    header_name: str = Field(description="A header of requests.")
    litellm_user_role: str = Field(description="`customer` for the end user.")


def _mappings(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


HeaderRoles = Annotated[tuple[HeaderRole, ...], BeforeValidator(_mappings)]


class MeterhouseSettings(Section):
    """`general_settings.meterhouse`: what LiteLLM has no setting for."""

    store_prompts: Literal["none", "masked", "full"] = Field(
        "none", description="Whether facts keep requests and answers: not, as guardrails masked them, or in full."
    )
    partitions: Count = Field(
        8, ge=1, description="Parts the tenants are divided into, each with one owner in policy; set once."
    )
    admission_timeout_s: Seconds = Field(1.0, description="Seconds edge waits for an answer from policy before a 503.")
    request_timeout_s: Seconds = Field(600, description="Seconds a request may take, retries and fallbacks included.")
    client_disconnect: Literal["drain", "cancel"] = Field(
        "drain",
        description="When a client leaves: read the answer to its end and count it exactly, or cancel the call.",
    )
    interrupted_stream: Mode | None = Field(
        None,
        description="What becomes of a stream whose client leaves, where its key says nothing: as `client_disconnect`, "
        "or `drain_capped`, read on up to the caps below. Else `client_disconnect` says it.",
    )
    interrupted_stream_cap_s: Seconds = Field(CAP_S, description="Seconds a `drain_capped` stream is read on.")
    interrupted_stream_cap_tokens: Count | None = Field(
        None, ge=1, description="Tokens a `drain_capped` stream is read on; else only the seconds count."
    )
    default_max_output_tokens: Count = Field(
        4096, ge=1, description="Answer size a hold covers where neither request nor model sets a maximum."
    )
    allow_unpriced_models_on_budgets: bool = Field(
        False, description="Serve models without a price on keys with a budget; their cost counts as 0."
    )
    price_refresh_s: float | None = Field(
        None,
        ge=60,
        allow_inf_nan=False,
        description="Seconds after which the price catalogue is fetched anew; without it, it is the one installed.",
    )
    price_refresh_url: str | None = Field(
        None, description="Where it is fetched; else where genai-prices publishes it."
    )
    hold_grace_s: Number = Field(
        30, ge=0, description="Seconds past its deadline before a hold nobody settled counts as spent."
    )
    batch_hold_s: Seconds = Field(
        172_800,
        description="Seconds after which a batch of whose end nobody has heard counts as spent, as far as it is held.",
    )
    batch_poll_s: Seconds = Field(60, description="Seconds between two questions to a provider for an open batch.")
    unbounded_output_tokens: Count = Field(
        1_024,
        ge=1,
        description="Shortest answer a token limit lets a request go for that sets no maximum; it is given more where "
        "there is room.",
    )
    model_limits: dict[str, ModelLimits] = Field(
        default_factory=dict, description="Limits by model name, of all keys together."
    )
    budget_thresholds: tuple[Percent, ...] = Field(
        (50, 80, 100), description="Percentages of a hard budget that are told when spend reaches them."
    )
    global_soft_budget: Usd | None = Field(
        None, description="USD of the whole gateway past which somebody is told, in `litellm_settings.budget_duration`."
    )
    provider_soft_budgets: dict[str, SoftBudget] = Field(
        default_factory=dict, description="The same by provider: `{openai: {soft_budget: 80, time_period: 1d}}`."
    )
    ledger_flush_ms: Count = Field(500, ge=1, description="Milliseconds the ledger gathers facts before an insert.")


class GeneralSettings(Section):
    master_key: str | None = Field(
        None,
        min_length=1,
        repr=False,
        description="The administrator's key; else LITELLM_MASTER_KEY, else made at the first start.",
    )
    database_url: Text | None = Field(
        None,
        repr=False,
        json_schema_extra={"effect": False, "reason": "Meterhouse keeps its records in NATS and ClickHouse"},
        description="LiteLLM's SQL database; Meterhouse keeps its records in NATS and ClickHouse.",
    )
    max_request_size_mb: Number = Field(32, gt=0, description="Largest request body in MB; a larger one is a 413.")
    max_file_size_mb: Number = Field(
        512,
        gt=0,
        description="Largest file of `POST /v1/files` in MB; it is read piece by piece. A larger one is a 413.",
    )
    max_batch_file_size_mb: Number = Field(
        200, gt=0, description="Largest input file of a batch in MB; a larger one is a 413."
    )
    max_batch_file_records: Count = Field(50_000, ge=1, description="Most requests in a batch's input file.")
    litellm_key_header_name: str | None = Field(None, description="One more header a key may come in.")
    user_header_name: str | None = Field(None, description="One more header that may name the end user.")
    user_header_mappings: HeaderRoles = Field(
        (),
        description="Headers, each with the `litellm_user_role` of whom it names: those of a `customer` may name the "
        "end user, others have no effect.",
    )
    store_prompts_in_spend_logs: bool = Field(
        False, description="As `meterhouse.store_prompts: full`, where that is not set."
    )
    global_max_parallel_requests: Count | None = Field(
        None, ge=0, description="Requests served at a time, of all keys together."
    )
    token_rate_limit_type: Literal["total", "input", "output"] = Field(
        "total", description="Which tokens count against tpm_limit and tpd_limit."
    )
    cancel_on_disconnect: bool = Field(
        False, description="As `meterhouse.client_disconnect: cancel`, where that is not set."
    )
    apply_user_budget_to_team_keys: bool = Field(
        False, description="A user's own budget also counts what is spent with the user's keys of teams."
    )
    alerting: Names = Field(
        (), description="How to tell of budgets: `webhook` (WEBHOOK_URL), `slack` (SLACK_WEBHOOK_URL)."
    )
    alert_types: Names | None = Field(None, description="Where given, budgets are told of only with `budget_alerts`.")
    alert_to_webhook_url: dict[str, Text | tuple[Text, ...]] = Field(
        default_factory=dict,
        repr=False,
        description="Slack addresses by type of alert, `budget_alerts`; else SLACK_WEBHOOK_URL.",
    )
    meterhouse: MeterhouseSettings = Field(default_factory=MeterhouseSettings, description="Meterhouse's own settings.")

    def end_user_headers(self) -> tuple[str, ...]:
        """Return which headers may name an end user besides LiteLLM's own, the first one first."""
        mapped = [one.header_name for one in self.user_header_mappings if one.litellm_user_role.lower() == "customer"]
        return (*mapped, *([self.user_header_name] if self.user_header_name else ()))
