"""A key in the shapes LiteLLM's clients know: one for each route, because LiteLLM has one for each route. Pure.

Amounts are written as exact decimal numbers; what is not known is null, never 0.
"""

from uuid import UUID, uuid5

from services.edge.admin.values import Row, iso, usd
from services.edge.admin.window_rows import budget_limits_of, budget_usage_of, model_usage_of, window_terms_of
from shared.control import GeneratedKey, KeyAnswer, SpendWasReset
from shared.identity.keys import Key

_BUDGET_NAMESPACE = UUID("3e5b7c1a-94a2-5d5c-8f0d-0a4f2c9b7711")
_ALWAYS_NULL_WHEN_ECHOED = ("model_rpm_limit", "model_tpm_limit", "mcp_rpm_limit", "tag_rpm_limit")
_ECHOED_FROM_METADATA = (
    *("guardrails", "prompts", "tags", "disable_global_guardrails", "enable_prompt_caching", "enforced_params"),
    *("throttle_on_budget_exceeded", "default_estimated_output_tokens", "default_estimated_output_tokens_per_model"),
    *("allowed_passthrough_routes", "denied_passthrough_routes", "allowed_vector_store_indexes"),
    *("rpm_limit_type", "tpm_limit_type", "end_user_budget_id"),
)
ECHOED_WHEN_GENERATED = (
    *("key_alias", "duration", "team_id", "agent_id", "budget_limits", "model_max_budget"),
    *("budget_fallbacks", "model_rpm_limit", "model_tpm_limit", "mcp_rpm_limit", "tag_rpm_limit"),
    *("guardrails", "policies", "prompts", "blocked", "object_permission"),
    *("default_estimated_output_tokens", "default_estimated_output_tokens_per_model", "budget_id"),
    *("end_user_budget_id", "tags", "disable_global_guardrails", "enable_prompt_caching"),
    *("throttle_on_budget_exceeded", "enforced_params", "allowed_passthrough_routes"),
    *("denied_passthrough_routes", "allowed_vector_store_indexes", "rpm_limit_type", "tpm_limit_type"),
    *("router_settings", "access_group_ids", "key_name", "key_type", "expires", "token_id"),
    *("organization_id", "project_id", "litellm_budget_table", "token", "created_by", "updated_by"),
    *("created_at", "updated_at"),
)
"""What an answer about a user without a key has all the same, as null."""
_NO_ROUTER_SETTINGS: Row = {
    **dict.fromkeys(("routing_strategy_args", "routing_strategy", "routing_groups", "retry_policy")),
    **dict.fromkeys(("model_group_retry_policy", "model_group_affinity_config", "allowed_fails", "cooldown_time")),
    **dict.fromkeys(("num_retries", "timeout", "max_retries", "retry_after", "fallbacks", "context_window_fallbacks")),
    "model_group_alias": {},
    **dict.fromkeys(("enable_tag_filtering", "weights", "tag_routing_prefix", "optional_pre_call_checks")),
}
_NULL_WHEN_LISTED = (
    *("team_spend", "team_alias", "team_tpm_limit", "team_rpm_limit", "team_tpd_limit", "team_max_budget"),
    *("team_soft_budget", "team_model_max_budget", "team_model_aliases", "team_member", "team_metadata"),
    *("team_object_permission_id", "team_member_spend", "team_member_tpm_limit", "team_member_rpm_limit"),
    *("end_user_id", "end_user_tpm_limit", "end_user_rpm_limit", "end_user_tpd_limit", "end_user_max_budget"),
    *("end_user_model_max_budget", "organization_alias", "organization_max_budget", "organization_tpm_limit"),
    *("organization_rpm_limit", "organization_metadata", "project_alias", "project_metadata", "last_refreshed_at"),
    *("api_key", "user_role", "allowed_model_region", "parent_otel_span", "rpm_limit_per_model"),
    *("tpm_limit_per_model", "user_tpm_limit", "user_rpm_limit", "user_email", "user_spend", "user_max_budget"),
    *("user_model_max_budget", "request_route", "user", "created_by_user", "end_user_object_permission"),
    *("team_object_permission", "jwt_claims"),
)
_NOT_IN_TOKEN_ROW = (
    *("organization_id", "policies", "litellm_organization_table", "litellm_project_table", "jwt_key_mappings"),
)
_NULL_IN_BUDGET = (
    *("organization", "projects", "keys", "end_users", "tags", "model_access_groups", "team_membership"),
    "organization_membership",
)


def generated_row(made: GeneratedKey) -> Row:
    """POST /key/generate."""
    answer = made.answer
    key, extra, metadata = answer.entry, answer.entry.extra, answer.entry.metadata
    return {
        **dict.fromkeys(_ALWAYS_NULL_WHEN_ECHOED),
        **{field: metadata.get(field) for field in _ECHOED_FROM_METADATA},
        "key": made.key,
        "key_name": key.key_name,
        "key_alias": key.key_alias,
        "key_type": key.key_type,
        "token": key.token,
        "token_id": key.token,
        "duration": None,
        "expires": iso(key.expires, "Z"),
        "spend": usd(0),
        "max_budget": usd(key.max_budget_pico),
        "budget_duration": key.budget_duration,
        "budget_limits": budget_limits_of(answer, "Z"),
        **window_terms_of(key),
        "budget_id": _budget_id(key),
        "litellm_budget_table": _budget_table(key, "Z"),
        "model_max_budget": extra.get("model_max_budget") or {},
        "budget_fallbacks": extra.get("budget_fallbacks") or {},
        "models": key.models,
        "aliases": key.aliases,
        "tpm_limit": key.limits.tpm,
        "rpm_limit": key.limits.rpm,
        "tpd_limit": key.limits.tpd,
        "max_parallel_requests": key.limits.parallel,
        **_waiting(key),
        "user_id": key.user_id,
        "team_id": key.team_id,
        "agent_id": extra.get("agent_id"),
        "organization_id": key.organization_id,
        "project_id": extra.get("project_id"),
        "metadata": metadata,
        "permissions": key.permissions,
        "config": key.config,
        "blocked": key.blocked,
        "allowed_routes": key.allowed_routes,
        "allowed_cache_controls": extra.get("allowed_cache_controls") or [],
        "access_group_ids": extra.get("access_group_ids") or [],
        "policies": extra.get("policies"),
        "object_permission": extra.get("object_permission"),
        "router_settings": {**_NO_ROUTER_SETTINGS, **(extra.get("router_settings") or {})},
        "created_at": iso(key.created_at, "Z"),
        "created_by": key.created_by,
        "updated_at": iso(key.updated_at, "Z"),
        "updated_by": key.updated_by,
    }


def regenerated_row(made: GeneratedKey) -> Row:
    """POST /key/regenerate: as /key/generate, and what the key has spent by now."""
    return {**generated_row(made), "spend": _spend(made.answer)["spend"]}


def reset_row(done: SpendWasReset) -> Row:
    """POST /key/{key}/reset_spend."""
    answer = done.answer
    return {
        "key_hash": answer.entry.token,
        "spend": usd(answer.figures.spend_pico if answer.figures else None),
        "previous_spend": usd(done.previous_pico),
        "max_budget": usd(answer.entry.max_budget_pico),
        "budget_reset_at": iso(answer.budget_reset_at, "Z"),
    }


def _waiting(key: Key) -> Row:
    """What LiteLLM's keys do not have is shown where it is set: its clients compare the fields of a row."""
    return (
        {"max_wait_s": key.max_wait_s, "priority": key.priority} if key.max_wait_s or key.priority != "normal" else {}
    )


def info_row(answer: KeyAnswer, now: float) -> Row:
    """GET /key/info."""
    return {**v2_info_row(answer), "status": _status(answer.entry, now)}


def v2_info_row(answer: KeyAnswer) -> Row:
    """POST /v2/key/info."""
    row = {**_row(answer, "+00:00"), "litellm_budget_table": _budget_table(answer.entry, "+00:00")}
    usages = {"budget_limits_usage": budget_usage_of(answer), "model_max_budget_usage": model_usage_of(answer)}
    row |= {name: usage for name, usage in usages.items() if usage}
    return row


def updated_row(answer: KeyAnswer, key: str) -> Row:
    """POST /key/update; `key` as the client gave it."""
    return {"key": key, "token": answer.entry.token, **_row(answer, "+00:00")}


def unblocked_row(answer: KeyAnswer) -> Row:
    """POST /key/unblock."""
    return {"token": answer.entry.token, **_row(answer, "Z")}


def bulk_row(answer: KeyAnswer) -> Row:
    """POST /key/bulk_update, one key."""
    return _row(answer, "Z")


def blocked_row(answer: KeyAnswer) -> Row:
    """POST /key/block."""
    row = {"token": answer.entry.token, **_row(answer, "Z"), "org_id": answer.entry.organization_id}
    for field in _NOT_IN_TOKEN_ROW:
        del row[field]
    return row


def listed_row(answer: KeyAnswer) -> Row:
    """GET /key/list with return_full_object."""
    return {
        **blocked_row(answer),
        **dict.fromkeys(_NULL_WHEN_LISTED),
        "litellm_budget_table": _budget_table(answer.entry, "Z"),
        "team_models": [],
        "team_blocked": False,
        "is_session_token": False,
        "soft_budget": usd(answer.entry.soft_budget_pico),
    }


def _row(answer: KeyAnswer, utc: str) -> Row:
    """What all but /key/generate have in common. `utc` is how a time says that it is UTC: both forms are LiteLLM's."""
    key, extra = answer.entry, answer.entry.extra
    row = {
        "key_name": key.key_name,
        "key_alias": key.key_alias,
        "soft_budget_cooldown": False,
        **_spend(answer),
        "expires": iso(key.expires, utc),
        "models": key.models,
        "aliases": key.aliases,
        "config": key.config,
        "router_settings": extra.get("router_settings") or {},
        "user_id": key.user_id,
        "team_id": key.team_id,
        "agent_id": extra.get("agent_id"),
        "project_id": extra.get("project_id"),
        "permissions": key.permissions,
        "max_parallel_requests": key.limits.parallel,
        **_waiting(key),
        "metadata": key.metadata,
        "blocked": key.blocked,
        "tpm_limit": key.limits.tpm,
        "rpm_limit": key.limits.rpm,
        "tpd_limit": key.limits.tpd,
        "max_budget": usd(key.max_budget_pico),
        "budget_duration": key.budget_duration,
        "budget_reset_at": iso(answer.budget_reset_at, utc),
        **window_terms_of(key),
        "allowed_cache_controls": extra.get("allowed_cache_controls") or [],
        "allowed_routes": key.allowed_routes,
        "key_type": key.key_type,
        "policies": extra.get("policies") or [],
        "access_group_ids": extra.get("access_group_ids") or [],
        "model_spend": {},
        "model_max_budget": extra.get("model_max_budget") or {},
        "budget_fallbacks": extra.get("budget_fallbacks") or {},
        "budget_id": _budget_id(key),
        "organization_id": key.organization_id,
        "object_permission_id": None,
        "created_at": iso(key.created_at, utc),
        "created_by": key.created_by,
        "updated_at": iso(key.updated_at, utc),
        "updated_by": key.updated_by,
        "settings_updated_at": iso(key.updated_at, utc) if key.version > 1 else None,
        "last_active": None,
        "rotation_count": key.rotations,
        "auto_rotate": bool(extra.get("auto_rotate")),
        "rotation_interval": extra.get("rotation_interval"),
        "last_rotation_at": iso(key.rotated_at, utc),
        "key_rotation_at": None,
        "budget_limits": budget_limits_of(answer, "+00:00"),
        **dict.fromkeys(("litellm_budget_table", "litellm_organization_table", "litellm_project_table")),
        "object_permission": extra.get("object_permission"),
        "jwt_key_mappings": None,
    }
    return row


def _spend(answer: KeyAnswer) -> Row:
    """`spend` is of the current window; `total_spend` is known as long as that is the first one."""
    figures = answer.figures
    if figures is None:
        return {"spend": None, "total_spend": None, "spend_unavailable": True}
    total = figures.spend_pico + answer.entry.taken_off_pico if figures.window_start is None else None
    return {
        "spend": usd(figures.spend_pico),
        "total_spend": usd(total),
    }


def _budget_id(key: Key) -> str | None:
    if key.budget_id is None and key.soft_budget_pico is not None:
        return str(uuid5(_BUDGET_NAMESPACE, key.token))
    return key.budget_id


def _budget_table(key: Key, utc: str) -> Row | None:
    """The row in which LiteLLM keeps a soft budget; here a view of the key's own field."""
    if key.soft_budget_pico is None:
        return None
    return {
        "budget_id": _budget_id(key),
        "max_budget": None,
        "soft_budget": usd(key.soft_budget_pico),
        **dict.fromkeys(("max_parallel_requests", "tpm_limit", "rpm_limit", "tpd_limit")),
        "model_max_budget": {},
        "budget_duration": None,
        "budget_reset_at": None,
        "allowed_models": [],
        "temp_budget_increase": None,
        "temp_budget_expiry": None,
        "created_at": iso(key.created_at, utc),
        "created_by": key.created_by,
        "updated_at": iso(key.updated_at, utc),
        "updated_by": key.updated_by,
        **dict.fromkeys(_NULL_IN_BUDGET),
    }


def _status(key: Key, now: float) -> str:
    if key.blocked:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "active"
