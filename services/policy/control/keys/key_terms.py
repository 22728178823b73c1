"""From the fields of a /key request, LiteLLM's names and units, to the terms of a key. Pure; the time is an argument.

Here is decided what a field may say: whatever cannot be meant is refused with the field's name.
"""

from collections.abc import Mapping
from typing import Any

from services.policy.control.keys.virtual_key import Terms
from services.policy.control.terms.amounts import expiry_of
from services.policy.control.terms.budgets import budget_values, check_increase, same_anchors
from services.policy.control.terms.limits import limit_values, limits_of
from services.policy.control.terms.metadata import IN_METADATA, changed_metadata, first_metadata
from services.policy.control.terms.refusal import refused
from shared.interrupted import FIELD, interrupted_of

AS_GIVEN = frozenset(
    {
        "key_alias",
        "user_id",
        "team_id",
        "organization_id",
        "models",
        "aliases",
        "allowed_routes",
        "key_type",
        "permissions",
        "config",
        "blocked",
        "agent_id",
        "project_id",
        "allowed_cache_controls",
        "budget_fallbacks",
        "policies",
        "object_permission",
        "budget_id",
        "router_settings",
        "access_group_ids",
        "auto_rotate",
        "rotation_interval",
        "max_wait_s",
        "priority",
    }
)
KEPT_IN_METADATA = IN_METADATA | {
    "enable_prompt_caching",
    "throttle_on_budget_exceeded",
    "default_estimated_output_tokens",
    "default_estimated_output_tokens_per_model",
    "allowed_passthrough_routes",
    "denied_passthrough_routes",
    "allowed_vector_store_indexes",
    "end_user_budget_id",
    FIELD,
}
"""Where LiteLLM has no column for a field, its clients find it in the key's metadata."""

ROUTES_OF_TYPE = {"llm_api": ["llm_api_routes"], "management": ["management_routes"], "read_only": ["info_routes"]}
NEVER = "-1"
WAIT_S_MAX = 600
_BOUNDED_DURATIONS = ("duration", "budget_duration")


def terms_of(body: Mapping[str, Any], *, now: float, defaults: Mapping[str, Any], bounds: Mapping[str, Any]) -> Terms:
    """Return the terms of a key that is generated `now`.

    `defaults` fill fields that are absent or null. `bounds` are the most a field may be, and what it is where it says
    nothing.

    Raises:
        InvalidRequest: a field cannot be meant, or is above its bound.
    """
    fields = {**body, **{name: value for name, value in defaults.items() if body.get(name) is None}}
    for name, bound in bounds.items():
        if fields.get(name) is None:
            fields[name] = bound
        elif bound is not None:
            _check_is_within(name, fields[name], bound, now)
    terms = _values(fields, now)
    metadata = first_metadata(fields, KEPT_IN_METADATA)
    if not terms.get("allowed_routes"):
        terms["allowed_routes"] = ROUTES_OF_TYPE.get(terms.get("key_type") or "default")
    _check_metadata({**terms, "metadata": metadata}, None, now)
    return {**terms, "metadata": metadata}


def changes_of(body: Mapping[str, Any], current: Terms, *, now: float) -> Terms:
    """Return what `body` changes in `current`: absent fields stay, null clears. Metadata is replaced, not merged.

    Raises:
        InvalidRequest: a field cannot be meant.
    """
    changes = _values(body, now)
    same_anchors(changes, current)
    changes |= changed_metadata(body, current.get("metadata"), KEPT_IN_METADATA)
    _check_metadata({**current, **changes}, current.get("metadata"), now)
    return {name: value for name, value in changes.items() if value != current.get(name)}


def _values(body: Mapping[str, Any], now: float) -> Terms:
    if body.get("spend"):
        raise refused("spend", "spend is what was spent and cannot be set. Leave it out")
    values: Terms = {name: body[name] for name in AS_GIVEN & body.keys()}
    values |= budget_values(body, now)
    values |= limit_values(body)
    if values.get("key_alias") == "":
        values["key_alias"] = None
    wait = values.get("max_wait_s")
    if isinstance(wait, int | float) and not 0 <= wait <= WAIT_S_MAX:
        raise refused("max_wait_s", f"max_wait_s must be between 0 and {WAIT_S_MAX} seconds. Received: {wait}")
    if "duration" in body:
        duration = body["duration"]
        unlimited = duration is None or duration == NEVER
        values["expires"] = None if unlimited else expiry_of("duration", duration, now)
    return values


def _check_metadata(terms: Terms, before: Any, now: float) -> None:
    metadata = terms.get("metadata")
    check_increase(metadata, before, now)
    if isinstance(metadata, dict) and metadata.get(FIELD) is not None:
        try:
            interrupted_of(metadata[FIELD])
        except ValueError as error:
            raise refused(f"metadata.{FIELD}", f"metadata.{error}. Received: {metadata[FIELD]!r}") from None
    limits_of(terms)


def _check_is_within(name: str, value: Any, bound: Any, now: float) -> None:
    if name in _BOUNDED_DURATIONS:
        too_much = value == NEVER or expiry_of(name, value, now) > expiry_of(name, bound, now)
    elif isinstance(value, int | float) and isinstance(bound, int | float):
        too_much = value > bound
    else:
        return
    if too_much:
        raise refused(name, f"{name} is over max limit set in config - user_value={value}; max_value={bound}")
