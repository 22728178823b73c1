"""The windows of a budget besides the main one: as they were given, and what is spent in them. Pure."""

from services.edge.admin.values import Row, iso, usd
from shared.control import HolderAnswer, KeyAnswer
from shared.identity.holders import Holder
from shared.identity.keys import Key


def budget_limits_of(answer: HolderAnswer | KeyAnswer, utc: str = "Z") -> list[Row] | None:
    """Return the listed windows as they were given, each with when it begins anew."""
    given = answer.entry.extra.get("budget_limits")
    if not given:
        return None
    pairs = zip(answer.entry.budgets, answer.windows, strict=True)
    resets = [told.reset_at for window, told in pairs if window.listed]
    return [{**limit, "reset_at": iso(reset, utc)} for limit, reset in zip(given, resets, strict=True)]


def window_terms_of(entry: Holder | Key) -> Row:
    """Return how windows begin, where that is said: LiteLLM has no such fields, and clients compare those of a row."""
    return {name: entry.extra[name] for name in ("budget_timezone", "budget_rolling") if entry.extra.get(name)}


def further_windows_of(answer: HolderAnswer) -> Row:
    """Return what there is besides the main budget, under the names keys and teams have for it; nothing where not."""
    windows = {
        "budget_limits": budget_limits_of(answer),
        "budget_limits_usage": budget_usage_of(answer),
        "model_max_budget_usage": model_usage_of(answer),
    }
    return {name: value for name, value in windows.items() if value}


def budget_usage_of(answer: HolderAnswer | KeyAnswer) -> Row:
    """Return what is spent of each listed window, by its duration; null where nobody could say it."""
    return {
        window.duration: {"current_spend": usd(told.figures.spend_pico) if told.figures else None}
        for window, told in zip(answer.entry.budgets, answer.windows, strict=True)
        if window.listed
    }


def model_usage_of(answer: HolderAnswer | KeyAnswer) -> Row:
    """Return what is spent of each model's own budget; null where nobody could say it."""
    return {
        window.model: {
            "current_spend": usd(told.figures.spend_pico) if told.figures else None,
            "max_budget": usd(window.limit_pico),
            "reset_at": iso(told.reset_at),
        }
        for window, told in zip(answer.entry.budgets, answer.windows, strict=True)
        if window.model
    }
