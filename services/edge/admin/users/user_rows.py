"""A user in the shapes LiteLLM's clients know. Pure."""

from services.edge.admin.holder_rows import limits_of, max_budget_of
from services.edge.admin.key_rows import ECHOED_WHEN_GENERATED, generated_row, unblocked_row
from services.edge.admin.teams.team_rows import team_row
from services.edge.admin.users.listed_user import listed_user
from services.edge.admin.values import Row, usd
from services.edge.admin.window_rows import model_usage_of, window_terms_of
from shared.control import NewUser, UserAnswer

ROLES: dict[str, Row] = {
    "proxy_admin": {"description": "administers the gateway", "ui_label": "Admin (All Permissions)"},
    "proxy_admin_viewer": {"description": "sees all keys and all spend", "ui_label": "Admin (View Only)"},
    "internal_user": {"description": "has keys of its own", "ui_label": "Internal User (Create/Delete/View)"},
    "internal_user_viewer": {"description": "sees its own keys and spend", "ui_label": "Internal User (View Only)"},
}

_NOT_TOLD = ("token", "token_id", "created_by", "updated_by", "key_type")  # of the first key: LiteLLM leaves them null


def new_user(made: NewUser) -> Row:
    """POST /user/new: the first key as /key/generate tells one, with the user's own fields over it."""
    entry, extra = made.user.entry, made.user.entry.extra
    key = generated_row(made.generated) if made.generated else _without_key(entry.metadata)
    return {
        **key,
        **dict.fromkeys(_NOT_TOLD),
        **dict.fromkeys(("budget_id", "litellm_budget_table", "budget_limits", "organization_id")),
        "user_id": entry.id,
        "max_budget": usd(max_budget_of(entry)),
        **limits_of(entry),
        "spend": usd(0),
        "budget_duration": extra.get("budget_duration"),
        **window_terms_of(entry),
        "models": entry.models,
        "metadata": entry.metadata,
        "user_email": extra.get("user_email"),
        "user_role": extra.get("user_role"),
        "teams": made.team_ids or None,
        "user_alias": entry.alias,
    }


def user_info(answer: UserAnswer) -> Row:
    """GET /user/info."""
    info = {
        **changed_user(answer),
        "organization_memberships": [],
        "model_max_budget_usage": model_usage_of(answer.user),
    }
    aliases = {team.team.entry.id: team.team.entry.alias for team in answer.teams}
    return {
        "user_id": answer.user.entry.id,
        "user_info": info,
        "keys": [
            {**unblocked_row(key), "team_alias": str(aliases.get(key.entry.team_id or ""))} for key in answer.keys
        ],
        "teams": [team_row(team) for team in answer.teams],
    }


def changed_user(answer: UserAnswer) -> Row:
    """POST /user/update."""
    return {
        "verified_subjects": None,
        **listed_user(answer.user, answer.team_ids),
        "litellm_organization_table": None,
        **dict.fromkeys(("invitations_created", "invitations_updated", "invitations_user")),
        **({"blocked": True} if answer.user.entry.blocked else {}),
    }


def flat_user(answer: UserAnswer) -> Row:
    """GET /v2/user/info."""
    row = listed_user(answer.user, answer.team_ids)
    shown = (
        *(
            "user_id",
            "user_email",
            "user_alias",
            "user_role",
            "spend",
            "max_budget",
            "tpm_limit",
            "rpm_limit",
            "models",
        ),
        *("budget_duration", "budget_reset_at", "metadata", "created_at", "updated_at", "sso_user_id", "teams"),
        *("object_permission", "model_max_budget"),
    )
    told = {**{name: row[name] for name in shown}, **window_terms_of(answer.user.entry)}
    return {**told, "model_max_budget_usage": model_usage_of(answer.user)}


def counted_user(answer: UserAnswer) -> Row:
    """A row of GET /user/list."""
    return {**listed_user(answer.user, answer.team_ids), "key_count": answer.key_count}


def _without_key(metadata: Row) -> Row:
    return {
        **dict.fromkeys(ECHOED_WHEN_GENERATED),
        "key": "",
        "aliases": {},
        "config": {},
        "permissions": {},
        "allowed_cache_controls": [],
        "allowed_routes": [],
        "metadata": metadata,
    }
