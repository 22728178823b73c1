"""A team and its members in the shapes LiteLLM's clients know. Pure."""

from services.edge.admin.holder_rows import budget_id_of, budget_table_of, limits_of, max_budget_of, spend_of, spends_of
from services.edge.admin.key_rows import unblocked_row
from services.edge.admin.users.listed_user import listed_user
from services.edge.admin.values import Row, iso, usd
from services.edge.admin.window_rows import (
    budget_limits_of,
    budget_usage_of,
    further_windows_of,
    model_usage_of,
    window_terms_of,
)
from shared.control import HolderAnswer, TeamAnswer


def team_row(answer: TeamAnswer) -> Row:
    """POST /team/new, and the beginning of most others."""
    team, entry = answer.team, answer.team.entry
    extra = entry.extra
    return {
        "team_alias": entry.alias,
        "team_id": entry.id,
        "organization_id": entry.organization_id,
        "admins": [],
        "members": [],
        "members_with_roles": [_member(member) for member in answer.members],
        "team_member_permissions": extra.get("team_member_permissions") or [],
        "metadata": entry.metadata,
        "max_budget": usd(max_budget_of(entry)),
        "soft_budget": usd(entry.soft_budget_pico),
        "budget_duration": extra.get("budget_duration"),
        "budget_limits": budget_limits_of(team),
        **window_terms_of(entry),
        "models": entry.models,
        "blocked": entry.blocked,
        "router_settings": extra.get("router_settings") or {},
        "access_group_ids": extra.get("access_group_ids") or [],
        "default_team_member_models": extra.get("default_team_member_models") or [],
        **spend_of(team),
        **limits_of(entry),
        "budget_reset_at": iso(team.budget_reset_at),
        "model_id": None,
        "model_spend": {},
        "model_max_budget": extra.get("model_max_budget") or {},
        "policies": extra.get("policies") or [],
        "allow_team_guardrail_config": bool(extra.get("allow_team_guardrail_config")),
        "litellm_model_table": _model_table(extra.get("model_aliases")),
        "object_permission": extra.get("object_permission"),
        "object_permission_id": None,
        "updated_at": iso(entry.updated_at),
        "created_at": iso(entry.created_at),
    }


def changed_team(answer: TeamAnswer) -> Row:
    """POST /team/update, /team/block, /team/model/add and their like."""
    return {**team_row(answer), "litellm_organization_table": None, "projects": None}


def team_info(answer: TeamAnswer, team_member_budget: Row | None) -> Row:
    """GET /team/info."""
    info = team_row(answer)
    info["members_with_roles"] = [{**member, "user_alias": None} for member in info["members_with_roles"]]
    info |= {
        "team_member_budget_table": team_member_budget,
        **dict.fromkeys(("access_group_models", "access_group_mcp_server_ids", "access_group_agent_ids")),
        **dict.fromkeys(("access_group_details", "organization_models")),
        "model_max_budget_usage": model_usage_of(answer.team),
        "caller_edit_access": {"kind": "unrestricted"},
    }
    if budget_usage_of(answer.team):
        info["budget_limits_usage"] = budget_usage_of(answer.team)
    return {
        "team_id": answer.team.entry.id,
        "team_info": info,
        "keys": [unblocked_row(key) for key in answer.keys],
        "team_memberships": [{**membership(one), "budget_source": _source(one)} for one in answer.members],
    }


def listed_team(answer: TeamAnswer) -> Row:
    """GET /team/list."""
    return {
        **team_row(answer),
        "team_memberships": [membership(one) for one in answer.members],
        "keys": [unblocked_row(key) for key in answer.keys],
    }


def paged_team(answer: TeamAnswer) -> Row:
    """GET /v2/team/list."""
    return {
        **team_row(answer),
        "members_count": len(answer.members),
        "keys_count": len(answer.keys),
        **dict.fromkeys(("access_group_models", "access_group_mcp_server_ids", "access_group_agent_ids")),
    }


def team_with_new_members(answer: TeamAnswer) -> Row:
    """POST /team/member_add."""
    changed = [member for member in answer.members if member.entry.id in answer.changed]
    return {
        **team_row(answer),
        "updated_users": [listed_user(user, []) for user in answer.users],
        "updated_team_memberships": [membership(one) for one in changed],
    }


def membership(answer: HolderAnswer) -> Row:
    entry = answer.entry
    return {
        "user_id": entry.user_id,
        "team_id": entry.team_id,
        "budget_id": budget_id_of(answer),
        **spends_of(answer),
        "litellm_budget_table": budget_table_of(answer),
        **further_windows_of(answer),
    }


def _member(answer: HolderAnswer) -> Row:
    extra = answer.entry.extra
    return {"user_id": answer.entry.user_id, "user_email": extra.get("user_email"), "role": extra.get("role")}


def _source(answer: HolderAnswer) -> str:
    if budget_table_of(answer) is None:
        return "none"
    return "team_default" if answer.shared is not None and not answer.entry.budgets else "member"


def _model_table(aliases: Row | None) -> Row | None:
    return {"model_aliases": aliases} if aliases else None
