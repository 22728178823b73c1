"""Fields that LiteLLM has no column for: its clients find them in the metadata. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

IN_METADATA = frozenset(
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
        "temp_budget_increase",
        "temp_budget_expiry",
    }
)
"""Those that every kind of holder has there."""


def first_metadata(body: Mapping[str, Any], names: Collection[str]) -> dict[str, Any] | None:
    """Return the metadata of something new: what `body` says it is, and its fields in `names`."""
    kept = {name: body[name] for name in body.keys() & names if body[name] is not None}
    return {**(body.get("metadata") or {}), **kept} or None


def changed_metadata(body: Mapping[str, Any], current: Any, names: Collection[str]) -> dict[str, Any]:
    """Return `{"metadata": ...}` where `body` changes it, else nothing.

    The metadata of `body` replaces what is there; its fields in `names` are set in either, and null takes one out.
    """
    moved = {name: body[name] for name in body.keys() & names}
    if "metadata" not in body and not moved:
        return {}
    base = body.get("metadata", current)
    if not moved:
        return {"metadata": base}
    return {"metadata": {name: value for name, value in {**(base or {}), **moved}.items() if value is not None}}
