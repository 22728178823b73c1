"""A user as a row, of which LiteLLM has several forms. Pure."""

from collections.abc import Sequence

from services.edge.admin.holder_rows import limits_of, max_budget_of, spend_of
from services.edge.admin.values import Row, iso, usd
from services.edge.admin.window_rows import window_terms_of
from shared.control import HolderAnswer


def listed_user(answer: HolderAnswer, teams: Sequence[str]) -> Row:
    """A row of GET /user/list, without what is only counted there."""
    entry, extra = answer.entry, answer.entry.extra
    limits = limits_of(entry)
    del limits["tpd_limit"]
    return {
        "user_id": entry.id,
        "user_alias": entry.alias,
        "team_id": None,
        "sso_user_id": extra.get("sso_user_id"),
        "organization_id": entry.organization_id,
        "object_permission_id": None,
        "password_reset_required": None,
        "last_breach_check_at": None,
        "teams": teams,
        "user_role": extra.get("user_role"),
        "max_budget": usd(max_budget_of(entry)),
        **spend_of(answer),
        "user_email": extra.get("user_email"),
        "models": entry.models,
        "metadata": entry.metadata,
        **limits,
        "budget_duration": extra.get("budget_duration"),
        "budget_reset_at": iso(answer.budget_reset_at),
        **window_terms_of(entry),
        "allowed_cache_controls": extra.get("allowed_cache_controls") or [],
        "policies": extra.get("policies") or [],
        "model_spend": {},
        "model_max_budget": extra.get("model_max_budget") or {},
        "created_at": iso(entry.created_at),
        "updated_at": iso(entry.updated_at),
        "organization_memberships": None,
        "object_permission": extra.get("object_permission"),
    }
