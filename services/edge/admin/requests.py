"""What the /key routes take: LiteLLM's fields. Unknown ones are ignored, a wrong type is a 422."""

from math import isfinite
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from shared.errors import InvalidRequest

Whole = int | None
Text = str | None
Names = list[str] | None
Object = dict[str, Any] | None

NOT_YET = " Kept and shown; it has no effect yet."


class BudgetLimit(BaseModel):
    """One of several budgets of a key."""

    model_config = ConfigDict(extra="ignore")

    budget_duration: str = Field(description="The window: 1h, 1d, 7d, 30d, 1mo.")
    max_budget: float = Field(description="USD that may be spent in it.")


class KeyFields(BaseModel):
    """What a key can be given. Durations: 30s, 30m, 24h, 7d, 1w, 1mo."""

    model_config = ConfigDict(extra="ignore")

    key_alias: Text = Field(None, description="A name for people; no two keys have the same.")
    duration: Text = Field(None, description="How long the key counts from now on; null or -1: for ever.")
    models: Names = Field(None, description="Model names it may call, wildcards included; empty: all.")
    aliases: dict[str, str] | None = Field(None, description="Model names that mean another one for this key.")
    max_budget: float | None = Field(None, description="USD it may spend, in each budget_duration if there is one.")
    soft_budget: float | None = Field(None, description="USD past which somebody is told, once a window.")
    budget_duration: Text = Field(None, description="When its spend begins anew: 1d, 7d, 30d, 1mo, ...")
    budget_limits: list[BudgetLimit] | None = Field(None, description="Several windows at once.")
    budget_id: Text = Field(None, description="A shared budget.")
    model_max_budget: Object = Field(None, description="Budgets by model.")
    budget_timezone: Text = Field(None, description="Where a day begins, such as Europe/Berlin.")
    budget_rolling: bool | None = Field(None, description="Begin windows with the first request in them.")
    temp_budget_increase: float | None = Field(None, description="USD more on each budget, for a time.")
    temp_budget_expiry: Text = Field(None, description="Until when: a date, or a date and time.")
    budget_fallbacks: Object = Field(None, description="Cheaper models for when a model's budget is gone." + NOT_YET)
    spend: float | None = Field(None, description="Cannot be set; 0 is accepted because LiteLLM's clients send it.")
    tpm_limit: Whole = Field(None, description="Tokens a minute.")
    rpm_limit: Whole = Field(None, description="Requests a minute.")
    tpd_limit: Whole = Field(None, description="Tokens a day.")
    max_parallel_requests: Whole = Field(None, description="Requests at a time.")
    max_wait_s: float | None = Field(None, description="Seconds a request may wait for a limit.")
    priority: Literal["high", "normal", "low"] | None = Field(None, description="Who goes first of those.")
    tpm_limit_type: Text = Field(None, description="How tpm_limit is meant." + NOT_YET)
    rpm_limit_type: Text = Field(None, description="How rpm_limit is meant." + NOT_YET)
    model_rpm_limit: Object = Field(None, description="Requests a minute by model; kept in metadata.")
    model_tpm_limit: Object = Field(None, description="Tokens a minute by model; kept in metadata.")
    mcp_rpm_limit: Object = Field(None, description="Requests a minute by MCP server." + NOT_YET)
    tag_rpm_limit: Object = Field(None, description="Requests a minute by tag." + NOT_YET)
    user_id: Text = Field(None, description="Whose key it is.")
    team_id: Text = Field(None, description="Which team's key it is.")
    organization_id: Text = Field(None, description="Which organisation's key it is.")
    project_id: Text = Field(None, description="Which project's key it is." + NOT_YET)
    agent_id: Text = Field(None, description="Which agent's key it is." + NOT_YET)
    blocked: bool | None = Field(None, description="Refused everywhere while true.")
    metadata: Object = Field(None, description="Anything; tags and guardrails in it count as the fields.")
    tags: Names = Field(None, description="Put on every request of the key; kept in metadata.")
    guardrails: Names = Field(None, description="Guardrails run on its requests; kept in metadata.")
    policies: Names = Field(None, description="Guardrail policies." + NOT_YET)
    prompts: Names = Field(None, description="Prompts it may use." + NOT_YET)
    disable_global_guardrails: bool | None = Field(None, description="Leave out the global ones." + NOT_YET)
    allowed_routes: Names = Field(None, description="Paths, prefixes with *, or groups such as llm_api_routes.")
    allowed_passthrough_routes: list[Any] | None = Field(None, description="Pass-through paths." + NOT_YET)
    denied_passthrough_routes: list[Any] | None = Field(None, description="Pass-through paths." + NOT_YET)
    permissions: Object = Field(None, description="Free-form." + NOT_YET)
    config: Object = Field(None, description="Free-form." + NOT_YET)
    object_permission: Object = Field(None, description="MCP servers, vector stores, agents it may use." + NOT_YET)
    router_settings: Object = Field(None, description="Routing of this key's requests." + NOT_YET)
    access_group_ids: Names = Field(None, description="Access groups of models." + NOT_YET)
    allowed_cache_controls: Names = Field(None, description="Cache controls it may send." + NOT_YET)
    allowed_vector_store_indexes: list[Any] | None = Field(None, description="Vector store indexes." + NOT_YET)
    enforced_params: Names = Field(None, description="Parameters a request must have." + NOT_YET)
    interrupted_stream: Any = Field(
        None, description="What becomes of a stream whose client leaves: drain, cancel or drain_capped, or an object."
    )
    end_user_budget_id: Text = Field(None, description="Budget of its end users." + NOT_YET)
    enable_prompt_caching: bool | None = Field(None, description="Add cache points to prompts." + NOT_YET)
    throttle_on_budget_exceeded: bool | None = Field(None, description="Slow down, do not refuse." + NOT_YET)
    default_estimated_output_tokens: Whole = Field(None, description="Answer size for estimates." + NOT_YET)
    default_estimated_output_tokens_per_model: Object = Field(None, description="The same by model." + NOT_YET)
    auto_rotate: bool | None = Field(None, description="Exchange the key from time to time." + NOT_YET)
    rotation_interval: Text = Field(None, description="How often." + NOT_YET)

    @field_validator("max_budget", "soft_budget")
    @classmethod
    def _is_finite(cls, amount: float | None, info: ValidationInfo) -> float | None:
        if amount is not None and not isfinite(amount):
            name = info.field_name or ""
            raise _refused(name, f"{name} must be a non-negative finite number. Received: {amount}")
        return amount


class GenerateKey(KeyFields):
    key: Text = Field(None, description="A key of your own: sk- and at least 16 characters. Without it one is made.")
    key_type: Literal["default", "llm_api", "management", "read_only"] | None = Field(
        None, description="Sets allowed_routes where there are none: all, model calls, management, reading."
    )


class UpdateKey(KeyFields):
    """Fields that are left out stay as they are, null clears one. Metadata is replaced, not merged."""

    key: Text = Field(None, description="The key, or its SHA-256. Without it, key_alias names the key.")

    @model_validator(mode="after")
    def _names_a_key(self) -> Self:
        if self.key is None and self.key_alias is None:
            raise ValueError("either key or key_alias must be provided")
        return self


class RegenerateKey(KeyFields):
    """What is given changes with the secret; the rest stays."""

    key: Text = Field(None, description="The key, or its SHA-256. Without it, key_alias names the key.")
    new_key: Text = Field(None, description="A secret of your own: sk- and at least 16 characters.")
    grace_period: Text = Field(None, description="How long the former secret counts yet: 24h, 7d; at once else.")
    new_master_key: Any = Field(None, description="Refused: the master key stands in the configuration.")


class ResetSpend(BaseModel):
    reset_to: Any = Field(description="USD that count as spent from now on: 0, or at most what counts now.")


class UpdateKeys(BaseModel):
    keys: list[UpdateKey] = Field(description="Up to 500 updates; each is made or fails by itself.")


class OneKey(BaseModel):
    key: str = Field(description="The key, or its SHA-256.")


class SomeKeys(BaseModel):
    """Keys by themselves, or by their aliases."""

    keys: Names = Field(None, description="The keys, or their SHA-256s.")
    key_aliases: Names = Field(None, description="Their aliases.")

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if not self.keys and not self.key_aliases:
            raise ValueError("either keys or key_aliases must be provided")
        return self


class ListKeys(BaseModel):
    """Query of /key/list. `include_team_keys` has no effect: an administrator sees the keys of all teams."""

    model_config = ConfigDict(extra="ignore")

    page: int = Field(1, ge=1, description="Page number, from 1.")
    size: int = Field(10, ge=1, le=100, description="Keys on a page.")
    user_id: Text = Field(None, description="Whose keys.")
    team_id: Text = Field(None, description="Which team's keys.")
    organization_id: Text = Field(None, description="Which organisation's keys.")
    project_id: Text = Field(None, description="Which project's keys.")
    agent_id: Text = Field(None, description="Which agent's keys.")
    access_group_id: Text = Field(None, description="Keys with this access group.")
    key_hash: Text = Field(None, description="The key with this SHA-256.")
    key_alias: Text = Field(None, description="The key with this alias.")
    search: Text = Field(None, description="Part of an alias, of a shown name or of a SHA-256.")
    substring_matching: bool = Field(False, description="user_id and key_alias may be parts.")
    return_full_object: bool = Field(False, description="Whole rows instead of SHA-256s.")
    include_team_keys: bool = Field(False, description="Accepted; an administrator sees them anyway.")
    include_created_by_keys: bool = Field(False, description="With user_id: also keys this user made.")
    status: Text = Field(None, description="active, expired or revoked (blocked).")
    sort_by: Text = Field(None, description="spend, max_budget, created_at, updated_at, token or key_alias.")
    sort_order: str = Field("desc", description="asc or desc.")
    expand: Names = Field(None, description="`user` gives whole rows.")

    def as_query(self, *, figures: bool) -> dict[str, Any]:
        """Return what the control plane is asked.

        Raises:
            InvalidRequest: a status or an order that there is not.
        """
        if self.status not in (None, "active", "expired", "revoked"):
            kept = " Deleted keys are told by key.deleted facts, not listed." if self.status == "deleted" else ""
            raise _refused("status", f"Invalid status value. Supported: 'active', 'expired', 'revoked'.{kept}")
        if self.sort_by not in (None, *SORT_COLUMNS):
            raise _refused("sort_by", f"Invalid sort column. Must be one of: {', '.join(SORT_COLUMNS)}")
        if self.sort_order.lower() not in ("asc", "desc"):
            raise _refused("sort_order", "Invalid sort order. Must be 'asc' or 'desc'")
        asked = self.model_dump(
            exclude_none=True, exclude={"return_full_object", "include_team_keys", "expand", "sort_order"}
        )
        return {**asked, "sort_order": self.sort_order.lower(), "figures": figures}


SORT_COLUMNS = ("spend", "max_budget", "created_at", "updated_at", "token", "key_alias")


def _refused(param: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, type="bad_request_error")
