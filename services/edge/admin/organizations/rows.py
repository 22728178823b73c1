"""An organisation and its members in the shapes LiteLLM's clients know. Pure."""

from services.edge.admin.holder_rows import budget_id_of, budget_table_of, spend_of
from services.edge.admin.teams.team_rows import team_row
from services.edge.admin.users.listed_user import listed_user
from services.edge.admin.values import Row, iso
from services.edge.admin.window_rows import budget_limits_of, budget_usage_of, model_usage_of
from shared.control import HolderAnswer, OrganizationAnswer


def organization_row(answer: OrganizationAnswer) -> Row:
    told, entry = answer.organization, answer.organization.entry
    row = {
        "organization_id": entry.id,
        "organization_alias": entry.alias,
        "budget_id": budget_id_of(told),
        **spend_of(told),
        "metadata": entry.metadata,
        "models": entry.models,
        "model_spend": {},
        "object_permission_id": None,
        "created_by": entry.created_by,
        "updated_by": entry.updated_by,
        "created_at": iso(entry.created_at),
        "updated_at": iso(entry.updated_at),
        "litellm_budget_table": budget_table_of(told),
        "members": [membership(member) for member in answer.members],
        "teams": [team_row(team) for team in answer.teams],
        "users": None,
        "object_permission": entry.extra.get("object_permission"),
    }
    windows = {
        "budget_limits": budget_limits_of(told),
        "budget_limits_usage": budget_usage_of(told),
        "model_max_budget_usage": model_usage_of(told),
        "blocked": entry.blocked,
    }
    return {**row, **{name: value for name, value in windows.items() if value}}


def membership(answer: HolderAnswer) -> Row:
    entry = answer.entry
    return {
        "user_id": entry.user_id,
        "organization_id": entry.organization_id,
        "user_role": entry.extra.get("role"),
        **spend_of(answer),
        "budget_id": budget_id_of(answer),
        "created_at": iso(entry.created_at),
        "updated_at": iso(entry.updated_at),
        "user": None,
        "user_email": entry.extra.get("user_email"),
        "litellm_budget_table": budget_table_of(answer),
    }


def new_members(answer: OrganizationAnswer) -> Row:
    """POST /organization/member_add."""
    return {
        "organization_id": answer.organization.entry.id,
        "updated_users": [listed_user(user, []) for user in answer.users],
        "updated_organization_memberships": [
            membership(member) for member in answer.members if member.entry.id in answer.changed
        ],
    }
