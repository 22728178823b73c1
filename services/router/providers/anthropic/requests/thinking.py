"""`reasoning_effort` and `thinking`.

Sources: https://platform.claude.com/docs/en/build-with-claude/thinking,
https://platform.claude.com/docs/en/build-with-claude/effort; the budgets are LiteLLM's.
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.abilities import Abilities

BUDGET_LEAST = 1024
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 16384}  # tokens
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}


def thinking_of(
    body: dict[str, Any], abilities: Abilities, max_tokens: int | None, unsupported: dict[str, str]
) -> tuple[dict[str, Any] | None, str | None]:
    """Return Anthropic's `thinking` and its output_config.effort. The caller's own `thinking` goes through untouched.

    `max_tokens` is the caller's; a budget derived from reasoning_effort is kept below it, as Anthropic demands.
    """
    own, level = body.get("thinking"), _level(body.get("reasoning_effort"))
    if own is not None and not isinstance(own, dict):
        raise InvalidField("thinking", "must be an object with a type.")
    effort = _EFFORTS.get(level or "") if abilities.thinking == "effort" else None
    if own is not None:
        return own, effort
    if level is None:
        return None, None
    if level == "none":
        return _off(abilities, unsupported), None
    if abilities.thinking == "none":
        unsupported["reasoning_effort"] = "this model does not think"
        return None, None
    if abilities.thinking == "effort":
        # Without `display` newer models return their thoughts empty.
        return {"type": "adaptive", "display": "summarized"}, effort
    budget = _BUDGETS[level] if max_tokens is None else min(_BUDGETS[level], max_tokens - 1)
    if budget < BUDGET_LEAST:
        unsupported["reasoning_effort"] = f"thinking needs max_tokens above {BUDGET_LEAST}"
        return None, None
    return {"type": "enabled", "budget_tokens": budget}, None


def budget_of(thinking: dict[str, Any] | None) -> int:
    """Return the tokens that thinking may take out of max_tokens, 0 where the model decides."""
    budget = thinking.get("budget_tokens") if thinking is not None and thinking.get("type") == "enabled" else None
    return budget if isinstance(budget, int) else 0


def is_thinking(thinking: dict[str, Any] | None) -> bool:
    return thinking is not None and thinking.get("type") in ("enabled", "adaptive")


def _level(given: object) -> str | None:
    if isinstance(given, dict):
        given = given.get("effort")  # as in {"effort": "low", "summary": "auto"}
    if given is None:
        return None
    if given != "none" and str(given) not in _EFFORTS:
        raise InvalidField("reasoning_effort", f"must be none, {', '.join(_EFFORTS)}.")
    return str(given)


def _off(abilities: Abilities, unsupported: dict[str, str]) -> dict[str, Any] | None:
    if abilities.thinking_off == "never":
        unsupported["reasoning_effort"] = "this model always thinks"
        return None
    return None if abilities.thinking_off == "omit" else {"type": abilities.thinking_off}
