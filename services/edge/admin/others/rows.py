"""Shared budgets, customers and tags in the shapes LiteLLM's clients know. Pure."""

from services.edge.admin.holder_rows import budget_id_of, budget_table_of, spend_of, terms_row
from services.edge.admin.values import Row, iso
from services.edge.admin.window_rows import budget_limits_of, further_windows_of
from shared.control import HolderAnswer

_NULL_IN_BUDGET = (
    *("organization", "projects", "keys", "end_users", "tags", "model_access_groups", "team_membership"),
    "organization_membership",
)
_SETTINGS = (
    ("max_budget", "Float", "USD that may be spent; beyond it requests are refused."),
    ("soft_budget", "Float", "USD past which somebody is told; nothing is refused."),
    ("max_parallel_requests", "Integer", "Requests at a time."),
    ("tpm_limit", "Integer", "Tokens a minute."),
    ("rpm_limit", "Integer", "Requests a minute."),
    ("tpd_limit", "Integer", "Tokens a day."),
    ("budget_duration", "String", "When the spend begins anew: 1h, 1d, 7d, 30d, 1mo, ..."),
    ("model_max_budget", "Object", "Budgets by model: {model: {budget_limit, time_period}}."),
)


def budget_row(answer: HolderAnswer) -> Row:
    entry = answer.entry
    return {
        "budget_id": entry.id,
        **terms_row(entry),
        **({"budget_limits": limits} if (limits := budget_limits_of(answer)) else {}),
        **({"blocked": True} if entry.blocked else {}),
        "budget_reset_at": iso(answer.budget_reset_at),
        "created_at": iso(entry.created_at),
        "created_by": entry.created_by,
        "updated_at": iso(entry.updated_at),
        "updated_by": entry.updated_by,
        **dict.fromkeys(_NULL_IN_BUDGET),
    }


def budget_settings(answer: HolderAnswer) -> list[Row]:
    """GET /budget/settings: each field with what it is."""
    row = budget_row(answer)
    return [
        {
            "field_name": name,
            "field_type": kind,
            "field_description": description,
            "field_value": row[name],
            "stored_in_db": True,
            **dict.fromkeys(("field_default_value", "nested_fields", "field_options", "field_tab")),
            "premium_field": False,
            "source": "unset",
            "editable": True,
        }
        for name, kind, description in _SETTINGS
    ]


def customer_row(answer: HolderAnswer) -> Row:
    entry, extra = answer.entry, answer.entry.extra
    return {
        "user_id": entry.id,
        "blocked": entry.blocked,
        "alias": entry.alias,
        **spend_of(answer),
        "allowed_model_region": extra.get("allowed_model_region"),
        "default_model": extra.get("default_model"),
        "models": entry.models,
        "budget_id": budget_id_of(answer),
        "litellm_budget_table": budget_table_of(answer),
        "object_permission_id": None,
        "object_permission": extra.get("object_permission"),
        **further_windows_of(answer),
    }


def tag_row(answer: HolderAnswer) -> Row:
    """Budget and spend are shown where the tag has a budget or a limit."""
    entry, extra = answer.entry, answer.entry.extra
    row = {
        "name": entry.id,
        "description": extra.get("description"),
        "models": entry.models,
        "model_info": extra.get("model_info") or {},
        "created_at": iso(entry.created_at, "+00:00"),
        "updated_at": iso(entry.updated_at, "+00:00"),
        "created_by": entry.created_by,
    }
    table = budget_table_of(answer)
    if table is not None:
        row |= {"budget_id": budget_id_of(answer), **spend_of(answer), "litellm_budget_table": table}
    if entry.blocked:
        row["blocked"] = True
    return {**row, **further_windows_of(answer)}
