"""Users with what they spent, in LiteLLM's row of a user; all that is known of one is its id."""

from typing import Any

import msgspec

from services.edge.admin.ledger import Ledger
from shared.queries import SpendFilter

_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("verified_subjects", "user_alias", "team_id", "sso_user_id", "organization_id")),
    **dict.fromkeys(("object_permission_id", "password_reset_required", "last_breach_check_at", "user_role")),
    **dict.fromkeys(("max_budget", "user_email", "max_parallel_requests", "tpm_limit", "rpm_limit")),
    **dict.fromkeys(("budget_duration", "budget_reset_at", "created_at", "updated_at")),
    **dict.fromkeys(("litellm_organization_table", "organization_memberships", "invitations_created")),
    **dict.fromkeys(("invitations_updated", "invitations_user", "object_permission")),
    "teams": [],
    "models": [],
    "metadata": {},
    "allowed_cache_controls": [],
    "policies": [],
    "model_spend": {},
    "model_max_budget": {},
}


class _Spent(msgspec.Struct, frozen=True):
    user_id: str
    spend: msgspec.Raw


async def users_with_spend(ledger: Ledger, user_id: str | None) -> bytes:
    """Return the rows as JSON, the highest spend first."""
    answer = await ledger.ask("spend_users", SpendFilter(users=(user_id,) if user_id else ()))
    spent = msgspec.json.decode(answer.body, type=list[_Spent])
    return msgspec.json.encode([{**_UNKNOWN, "user_id": one.user_id, "spend": one.spend} for one in spent])
