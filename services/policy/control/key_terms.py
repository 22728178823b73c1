"""From the fields of a /key request, LiteLLM's names and units, to the terms of a key. Pure; the time is an argument.

Here is decided what a field may say: whatever cannot be meant is refused with the field's name.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from services.policy.budgets.budget_window import end_of, parse_duration
from services.policy.control.virtual_key import Terms
from shared.errors import InvalidRequest
from shared.money import usd_to_pico

T = TypeVar("T")

AS_GIVEN = frozenset(
    {
        "key_alias",
        "user_id",
        "team_id",
        "organization_id",
        "models",
        "aliases",
        "allowed_routes",
        "rpm_limit",
        "tpm_limit",
        "max_parallel_requests",
        "key_type",
        "permissions",
        "config",
        "blocked",
        "agent_id",
        "project_id",
        "tpd_limit",
        "budget_limits",
        "allowed_cache_controls",
        "model_max_budget",
        "budget_fallbacks",
        "policies",
        "object_permission",
        "budget_id",
        "router_settings",
        "access_group_ids",
        "auto_rotate",
        "rotation_interval",
    }
)
KEPT_IN_METADATA = frozenset(
    {
        "model_rpm_limit",
        "model_tpm_limit",
        "mcp_rpm_limit",
        "tag_rpm_limit",
        "rpm_limit_type",
        "tpm_limit_type",
        "guardrails",
        "tags",
        "prompts",
        "enforced_params",
        "disable_global_guardrails",
        "enable_prompt_caching",
        "throttle_on_budget_exceeded",
        "default_estimated_output_tokens",
        "default_estimated_output_tokens_per_model",
        "allowed_passthrough_routes",
        "denied_passthrough_routes",
        "allowed_vector_store_indexes",
        "end_user_budget_id",
        "temp_budget_increase",
        "temp_budget_expiry",
    }
)
"""Where LiteLLM has no column for a field, its clients find it in the key's metadata."""

MONEY = ("max_budget", "soft_budget")
ROUTES_OF_TYPE = {"llm_api": ["llm_api_routes"], "management": ["management_routes"], "read_only": ["info_routes"]}
NEVER = "-1"
_COUNTS = ("rpm_limit", "tpm_limit", "tpd_limit", "max_parallel_requests")
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
    metadata = {**(terms.get("metadata") or {}), **_kept_in_metadata(fields)}
    if not terms.get("allowed_routes"):
        terms["allowed_routes"] = ROUTES_OF_TYPE.get(terms.get("key_type") or "default")
    return {**terms, "metadata": metadata or None}


def changes_of(body: Mapping[str, Any], current: Terms, *, now: float) -> Terms:
    """Return what `body` changes in `current`: absent fields stay, null clears. Metadata is replaced, not merged.

    Raises:
        InvalidRequest: a field cannot be meant.
    """
    changes = _values(body, now)
    if changes.get("budget_duration") == current.get("budget_duration"):
        changes.pop("budget_anchor", None)  # the same window again does not begin anew
    moved = {name: body[name] for name in KEPT_IN_METADATA & body.keys()}
    if moved:
        base = changes.get("metadata") if "metadata" in changes else current.get("metadata")
        merged = {**(base or {}), **moved}
        changes["metadata"] = {name: value for name, value in merged.items() if value is not None}
    return {name: value for name, value in changes.items() if value != current.get(name)}


def _values(body: Mapping[str, Any], now: float) -> Terms:
    if body.get("spend"):
        raise _refused("spend", "spend is what was spent and cannot be set. Leave it out")
    values: Terms = {name: body[name] for name in AS_GIVEN & body.keys()}
    if "metadata" in body:
        values["metadata"] = body["metadata"]
    if values.get("key_alias") == "":
        values["key_alias"] = None
    for name in MONEY:
        if name in body:
            values[f"{name}_pico"] = None if body[name] is None else _pico(name, body[name])
    for name in _COUNTS:
        if isinstance(values.get(name), int | float) and values[name] < 0:
            raise _refused(name, f"{name} must not be negative. Received: {values[name]}")
    if "duration" in body:
        duration = body["duration"]
        unlimited = duration is None or duration == NEVER
        values["expires"] = None if unlimited else _expiry("duration", duration, now)
    if "budget_duration" in body:
        duration = body["budget_duration"]
        values["budget_duration"] = None if duration is None else _window("budget_duration", duration)
        values["budget_anchor"] = None if duration is None else now
    for limit in values.get("budget_limits") or ():
        _window("budget_limits", limit["budget_duration"])
        _pico("budget_limits", limit["max_budget"])
    return values


def _kept_in_metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in KEPT_IN_METADATA & body.keys() if body[name] is not None}


def _pico(name: str, amount: Any) -> int:
    try:
        pico = usd_to_pico(amount)
    except (ValueError, TypeError):
        pico = -1
    if pico < 0:
        raise _refused(name, f"{name} must be a non-negative finite number. Received: {amount}")
    return pico


def _expiry(name: str, duration: Any, now: float) -> float:
    return _parsed(
        name,
        lambda: end_of(parse_duration(duration), now),
        f"Unsupported duration unit, passed duration: {duration}. Use a format like '30s', '24h', '7d' or '1mo'.",
    )


def _window(name: str, duration: Any) -> str:
    parsed = _parsed(
        name,
        lambda: parse_duration(duration),
        f"Invalid budget_duration '{duration}'. Use a format like '1h', '24h', '7d', or '30d'.",
    )
    return f"{parsed.number}{parsed.unit}"


def _parsed(name: str, parse: Callable[[], T], otherwise: str) -> T:
    try:
        return parse()
    except (ValueError, AttributeError):
        raise _refused(name, otherwise) from None


def _check_is_within(name: str, value: Any, bound: Any, now: float) -> None:
    if name in _BOUNDED_DURATIONS:
        too_much = value == NEVER or _expiry(name, value, now) > _expiry(name, bound, now)
    elif isinstance(value, int | float) and isinstance(bound, int | float):
        too_much = value > bound
    else:
        return
    if too_much:
        raise _refused(name, f"{name} is over max limit set in config - user_value={value}; max_value={bound}")


def _refused(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, param=name, type="bad_request_error")
