"""A key as the control plane tells it: its entry, what it has spent, and when its budgets begin anew. Pure."""

from services.policy.budgets.budget_window import window
from shared.control import AccountFigures, KeyAnswer
from shared.keys import Key


def answer_of(entry: Key, figures: AccountFigures | None, now: float) -> KeyAnswer:
    duration = entry.budget_duration
    first = 0 if entry.max_budget_pico is None else 1
    limits = entry.budgets[first : first + len(entry.extra.get("budget_limits") or ())]
    return KeyAnswer(
        entry,
        figures,
        budget_reset_at=window(duration, now, entry.budget_anchor)[1] if duration else None,
        limits_reset_at=tuple(window(limit.duration, now, limit.anchor)[1] for limit in limits),
    )
