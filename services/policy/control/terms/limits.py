"""The limits in a holder's terms: checked when they are set, and as admission keeps them. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.policy.control.terms.refusal import refused
from shared.identity.holders import Limits

COUNTS = {
    "rpm_limit": "rpm",
    "tpm_limit": "tpm",
    "tpd_limit": "tpd",
    "max_parallel_requests": "parallel",
}
"""LiteLLM's name of a limit, and ours."""

_BY_MODEL = {"model_rpm_limit": "model_rpm", "model_tpm_limit": "model_tpm"}
_IN_MODEL_BUDGET = {"rpm_limit": "model_rpm", "tpm_limit": "model_tpm"}


def limit_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the terms that the limit fields of `body` set; None clears one.

    Raises:
        InvalidRequest: one is negative.
    """
    values = {name: body[name] for name in COUNTS if name in body}
    for name, count in values.items():
        _check(name, count)
    return values


def limits_of(terms: Mapping[str, Any]) -> Limits:
    """Return the limits of `terms`, those by model from its metadata, where LiteLLM keeps them, and model_max_budget.

    Raises:
        InvalidRequest: one by model is no number.
        msgspec.ValidationError: one has not the type it must have.
    """
    values: dict[str, Any] = {ours: terms[name] for name, ours in COUNTS.items() if terms.get(name) is not None}
    metadata = terms.get("metadata")
    for name, ours in _BY_MODEL.items():
        by_model = metadata.get(name) if isinstance(metadata, dict) else None
        if by_model is not None:
            values[ours] = _by_model(name, by_model)
    for model, budget in (terms.get("model_max_budget") or {}).items():
        for name, ours in _IN_MODEL_BUDGET.items():
            if isinstance(budget, dict) and budget.get(name) is not None:
                _check("model_max_budget", budget[name])
                values[ours] = {model: budget[name], **values.get(ours, {})}
    return msgspec.convert(values, Limits)


def _by_model(name: str, by_model: Any) -> dict[str, Any]:
    if not isinstance(by_model, dict):
        raise refused(name, f"{name} must be {{model name: number}}, not {by_model!r}")
    for count in by_model.values():
        _check(name, count)
        if isinstance(count, bool) or not isinstance(count, int):
            raise refused(name, f"{name} must be whole numbers by model name, not {count!r}")
    return by_model


def _check(name: str, count: Any) -> None:
    if isinstance(count, int | float) and count < 0:
        raise refused(name, f"{name} must not be negative. Received: {count}")
