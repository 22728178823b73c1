"""The budgets in a holder's terms: checked when they are set, and as the windows that admission keeps. Pure.

Terms keep them as LiteLLM writes them: `max_budget_pico` with `budget_duration`, `budget_limits` (a list of windows),
`model_max_budget` (windows by model), and in the metadata a temporary increase. An anchor says when each was set.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from services.policy.control.terms.amounts import check_is_not_too_little, pico_of, window_of
from services.policy.control.terms.refusal import refused
from shared.identity.holders import Window

ANCHORS = {
    "budget_duration": "budget_anchor",
    "budget_limits": "budget_limits_anchor",
    "model_max_budget": "model_budget_anchor",
}
"""Which term says when another one was set."""

MONEY = ("max_budget", "soft_budget")


class Increase(NamedTuple):
    """Pico-dollars on top of every limit, until a moment in seconds since 1970."""

    pico: int
    until: float


def budget_values(body: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the terms that the budget fields of `body` set; None clears one.

    Raises:
        InvalidRequest: a field cannot be meant.
    """
    values: dict[str, Any] = {}
    for name in MONEY:
        if name in body:
            pico = values[f"{name}_pico"] = None if body[name] is None else pico_of(name, body[name])
            if pico == 0:
                check_is_not_too_little(name, body[name], pico)
    if "budget_duration" in body:
        duration = body["budget_duration"]
        values["budget_duration"] = None if duration is None else window_of("budget_duration", duration)
    for name in ("budget_limits", "model_max_budget", "budget_timezone", "budget_rolling"):
        if name in body:
            values[name] = body[name]
    for name, anchor in ANCHORS.items():
        if name in values:
            values[anchor] = None if values[name] is None else now
    if values.get("budget_timezone") is not None:
        check_is_timezone("budget_timezone", values["budget_timezone"])
    list(_windows_by_time(values))
    list(_windows_by_model(values))
    return values


def same_anchors(changes: dict[str, Any], current: Mapping[str, Any]) -> None:
    """What is set again as it is does not begin anew: take its anchor out of `changes`."""
    for name, anchor in ANCHORS.items():
        if anchor in changes and changes[name] == current.get(name):
            del changes[anchor]


def windows_of(terms: Mapping[str, Any]) -> tuple[Window, ...]:
    """Return every hard window of `terms`, that of `max_budget` first."""
    windows = []
    if terms.get("max_budget_pico") is not None:
        duration = terms.get("budget_duration") or ""
        windows.append(
            Window(terms["max_budget_pico"], duration, terms.get("budget_anchor") or 0.0 if duration else 0.0)
        )
    windows += [*_windows_by_time(terms), *_windows_by_model(terms)]
    zone, rolling = terms.get("budget_timezone") or "", bool(terms.get("budget_rolling"))
    if zone or rolling:
        windows = [msgspec.structs.replace(window, timezone=zone, rolling=rolling) for window in windows]
    return tuple(windows)


def increase_of(metadata: Any) -> Increase:
    """Return the temporary increase in `metadata`, where LiteLLM keeps it.

    Raises:
        InvalidRequest: it cannot be meant, or one of its two fields is missing.
    """
    given = metadata if isinstance(metadata, dict) else {}
    amount, until = given.get("temp_budget_increase"), given.get("temp_budget_expiry")
    if amount is None and until is None:
        return Increase(0, 0.0)
    if amount is None or until is None:
        missing = "temp_budget_increase" if amount is None else "temp_budget_expiry"
        raise refused(
            missing, f"{missing} is missing: an increase is an amount (temp_budget_increase) and its end date"
        )
    return Increase(pico_of("temp_budget_increase", amount), moment_of("temp_budget_expiry", until))


def check_increase(metadata: Any, before: Any, now: float) -> None:
    """Raise InvalidRequest where `metadata` has an increase that `before` had not, and that would be over at once."""
    increase = increase_of(metadata)
    if increase.until <= now and increase not in (Increase(0, 0.0), increase_of(before)):
        raise refused(
            "temp_budget_expiry",
            f"temp_budget_expiry has passed: {metadata['temp_budget_expiry']}. Set temp_budget_increase together with "
            "a temp_budget_expiry in the future",
        )


def moment_of(name: str, text: Any) -> float:
    """Return the moment `text` writes (ISO 8601; UTC where it does not say otherwise); seconds since 1970."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        raise refused(
            name, f"{name} must be a date like '2026-12-31' or '2026-12-31T18:00:00Z', not {text!r}"
        ) from None


def check_is_timezone(name: str, zone: Any) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise refused(name, f"{name} must name a time zone, such as 'Europe/Berlin', not {zone!r}") from None


def _windows_by_time(terms: Mapping[str, Any]) -> Iterator[Window]:
    limits, anchor = terms.get("budget_limits") or [], terms.get("budget_limits_anchor") or 0.0
    if not isinstance(limits, list) or not all(isinstance(limit, dict) for limit in limits):
        raise refused("budget_limits", "budget_limits must be a list of {budget_duration, max_budget}")
    durations = set()
    for limit in limits:
        duration = window_of("budget_limits", limit.get("budget_duration"))
        if duration in durations:
            raise refused("budget_limits", f"budget_limits holds two budgets for {duration}: one counts for a duration")
        durations.add(duration)
        yield Window(pico_of("budget_limits", limit.get("max_budget")), duration, anchor, listed=True)


def _windows_by_model(terms: Mapping[str, Any]) -> Iterator[Window]:
    by_model, anchor = terms.get("model_max_budget") or {}, terms.get("model_budget_anchor") or 0.0
    if not isinstance(by_model, dict):
        raise refused("model_max_budget", "model_max_budget must be {model name: {budget_limit, time_period}}")
    for model, budget in by_model.items():
        terms_of_model = budget if isinstance(budget, dict) else {"budget_limit": budget}
        limit = terms_of_model.get("budget_limit", terms_of_model.get("max_budget"))
        duration = terms_of_model.get("time_period", terms_of_model.get("budget_duration"))
        if limit is None:
            continue  # requests or tokens a minute alone
        window = "" if duration is None else window_of("model_max_budget", duration)
        yield Window(pico_of("model_max_budget", limit), window, anchor if window else 0.0, model)
