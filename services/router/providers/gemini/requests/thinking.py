"""`reasoning_effort` and `thinking`, as Gemini's thinkingConfig.

Source: https://ai.google.dev/gemini-api/docs/thinking; the budgets of the efforts are LiteLLM's.
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.gemini.abilities import Abilities

_BUDGETS = {"minimal": 512, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}  # tokens
_ORDER = ("minimal", "low", "medium", "high")
_HIGHEST = {"xhigh": "high", "max": "high"}


def thinking_of(body: dict[str, Any], abilities: Abilities, unsupported: dict[str, str]) -> dict[str, Any] | None:
    """Return thinkingConfig, None where nothing is said about it. `thinking` (Anthropic's form) goes first."""
    own, effort = body.get("thinking"), _effort(body.get("reasoning_effort"))
    if own is not None and not isinstance(own, dict):
        raise InvalidField("thinking", "must be an object with a type.")
    if own is None and effort is None:
        return None
    name = "thinking" if own is not None else "reasoning_effort"
    if own is not None:
        effort, budget = _from_thinking(own, effort)
    else:
        budget = _BUDGETS.get(effort or "")
    if effort == "none":
        return _off(abilities, name, unsupported)
    if abilities.thinking == "none":
        unsupported[name] = "this model does not think"
        return None
    if abilities.thinking == "budget":
        # -1: as much as the model finds right
        tokens = -1 if budget is None else max(budget, abilities.budget_least)
        return {"includeThoughts": True, "thinkingBudget": tokens}
    if effort is None:
        return {"includeThoughts": True}
    return {"includeThoughts": True, "thinkingLevel": _level(effort, abilities)}


def _from_thinking(own: dict[str, Any], effort: str | None) -> tuple[str | None, int | None]:
    """Return the effort and the budget that Anthropic's `thinking` asks for; the effort may stand beside it."""
    kind, budget = own.get("type"), own.get("budget_tokens")
    if kind == "disabled":
        return "none", None
    if kind not in ("enabled", "adaptive"):
        raise InvalidField("thinking.type", "must be enabled, adaptive or disabled.")
    if budget is None:
        return effort, _BUDGETS.get(effort or "")
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        raise InvalidField("thinking.budget_tokens", "must be a whole number of tokens.")
    if budget == 0:
        return "none", None
    return effort or next((name for name in _ORDER if budget <= _BUDGETS[name]), "high"), budget


def _level(effort: str, abilities: Abilities) -> str:
    """Return the level asked for, or the next higher one that the model has."""
    wanted = _ORDER.index(_HIGHEST.get(effort, effort))
    return next(name for name in _ORDER[wanted:] if name in abilities.levels)


def _off(abilities: Abilities, name: str, unsupported: dict[str, str]) -> dict[str, Any] | None:
    if abilities.thinking == "none":
        return None
    if abilities.thinking == "level":
        if "minimal" not in abilities.levels:
            unsupported[name] = "this model always thinks"
            return None
        return {"includeThoughts": False, "thinkingLevel": "minimal"}
    if abilities.budget_least:
        unsupported[name] = "this model always thinks"
        return None
    return {"includeThoughts": False, "thinkingBudget": 0}


def _effort(given: object) -> str | None:
    if isinstance(given, dict):
        given = given.get("effort")  # as in {"effort": "low", "summary": "auto"}
    if given is None:
        return None
    if given not in ("none", *_BUDGETS):
        raise InvalidField("reasoning_effort", f"must be none, {', '.join(_BUDGETS)}.")
    return str(given)
