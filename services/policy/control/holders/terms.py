"""From the fields of a request, LiteLLM's names and units, to the terms of a holder. Pure; the time is an argument."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.policy.control.holders.aggregate import Terms, is_counted
from services.policy.control.terms.budgets import budget_values, check_increase, same_anchors
from services.policy.control.terms.limits import limit_values, limits_of
from services.policy.control.terms.metadata import IN_METADATA, changed_metadata, first_metadata
from services.policy.control.terms.refusal import refused
from shared.identity.holders import HolderKind


class Fields(NamedTuple):
    """What a kind of holder can be given besides budgets, limits and metadata. `renamed`: their name, ours."""

    as_given: frozenset[str]
    renamed: Mapping[str, str] = {}
    in_metadata: frozenset[str] = frozenset()


FIELDS: dict[HolderKind, Fields] = {
    "organization": Fields(
        frozenset({"models", "budget_id", "object_permission", "policies"}), {"organization_alias": "alias"}
    ),
    "team": Fields(
        frozenset(
            {
                *("organization_id", "models", "budget_id", "model_aliases", "router_settings", "access_group_ids"),
                *("object_permission", "policies", "team_member_permissions", "default_team_member_models"),
                *("allow_team_guardrail_config", "team_member_budget_id"),
            }
        ),
        {"team_alias": "alias"},
        frozenset({"team_member_key_duration", "allowed_passthrough_routes", "secret_manager_settings", "logging"}),
    ),
    "member": Fields(
        frozenset({"team_id", "organization_id", "user_id", "user_email", "role", "budget_id"}),
        {"allowed_models": "models", "max_budget_in_team": "max_budget"},
    ),
    "user": Fields(
        frozenset(
            {
                *("user_email", "user_role", "models", "budget_id", "sso_user_id", "object_permission", "policies"),
                *("allowed_cache_controls", "permissions", "config", "aliases", "organization_id"),
            }
        ),
        {"user_alias": "alias"},
    ),
    "end_user": Fields(
        frozenset({"models", "budget_id", "alias", "allowed_model_region", "default_model", "object_permission"})
    ),
    "tag": Fields(frozenset({"models", "budget_id", "description", "model_info"})),
    "budget": Fields(frozenset(), {"allowed_models": "models"}),
}


def terms_of(kind: HolderKind, body: Mapping[str, Any], *, now: float) -> Terms:
    """Return the terms of a holder that is made `now`.

    Raises:
        InvalidRequest: a field cannot be meant.
    """
    fields = _ours(kind, body)
    terms = {**_values(kind, fields, now), "metadata": first_metadata(fields, _in_metadata(kind))}
    _check(terms, None, now)
    return terms


def changes_of(kind: HolderKind, body: Mapping[str, Any], current: Terms, *, now: float) -> Terms:
    """Return what `body` changes in `current`: absent fields stay, null clears. Metadata is replaced, not merged.

    Raises:
        InvalidRequest: a field cannot be meant.
    """
    fields = _ours(kind, body)
    changes = _values(kind, fields, now)
    same_anchors(changes, current)
    changes |= changed_metadata(fields, current.get("metadata"), _in_metadata(kind))
    _check({**current, **changes}, current.get("metadata"), now)
    return {name: value for name, value in changes.items() if value != current.get(name)}


def spent_before(terms: Terms, fields: Mapping[str, Any], now: float) -> Terms:
    """Return the term that says what was spent before `terms` made a budget count it, where `fields` say that."""
    spent = fields.get("spent_before_pico")
    return {"spent_before": [now, spent]} if spent and is_counted(terms) else {}


def _ours(kind: HolderKind, body: Mapping[str, Any]) -> dict[str, Any]:
    renamed = FIELDS[kind].renamed
    return {renamed.get(name, name): value for name, value in body.items()}


def _in_metadata(kind: HolderKind) -> frozenset[str]:
    return IN_METADATA | FIELDS[kind].in_metadata


def _values(kind: HolderKind, fields: Mapping[str, Any], now: float) -> Terms:
    if fields.get("spend"):
        raise refused("spend", "spend is what was spent and cannot be set. Leave it out")
    known, renamed = FIELDS[kind].as_given, FIELDS[kind].renamed.values()
    values = {name: fields[name] for name in fields if name in known or (name in renamed and name != "max_budget")}
    return {**values, **budget_values(fields, now), **limit_values(fields)}


def _check(terms: Terms, metadata_before: Any, now: float) -> None:
    check_increase(terms.get("metadata"), metadata_before, now)
    limits_of(terms)
